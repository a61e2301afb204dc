//! Mishaps of the protocol of the example `lines`: pipelined dispatch under a client that reconnects.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ekiden::middleware::{Backoff, ReconnectConfig};
use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline::{self, Client, Error};
use ekiden::{Begun, BoxService, Failure, Reconnect, Service, ServiceExt, service_fn, spawn};
use ekiden_tests::{Event, Plan, Proxy, Way};

use super::load::Load;
use crate::abuse::started::Started;

/// What is asked, all at once: seven bytes each, on either way.
const LINES: [&str; 4] = ["line 1", "line 2", "line 3", "line 4"];
const BYTES: u64 = 4 * 7;

/// Lines that were served.
type Served = Rc<RefCell<BTreeSet<String>>>;

/// What is at the end of a client that connects by itself, anew when it must.
type Lined = BoxService<String, String, Error>;

#[test]
fn wherever_a_connection_is_cut_every_caller_gets_the_truth() {
    with_server(async |proxy, served| {
        for event in [Event::Reset, Event::End] {
            for at in 0..=BYTES {
                check(proxy, served, Plan { to_server: Way::default().at(at, event), ..Plan::default() })
                    .await;
                check(proxy, served, Plan { to_client: Way::default().at(at, event), ..Plan::default() })
                    .await;
            }
        }
    });
}

#[test]
fn whatever_byte_is_changed_no_answer_is_wrong() {
    // With its highest bit set no byte of these is text any more, which is all that this protocol can notice.
    let event = Event::Corrupt(0x80);
    with_server(async |proxy, served| {
        // But for the last, which is the end of the last line: who waits for it waits for as long as his caller likes.
        for at in 0..BYTES - 1 {
            check(proxy, served, Plan { to_server: Way::default().at(at, event), ..Plan::default() }).await;
            check(proxy, served, Plan { to_client: Way::default().at(at, event), ..Plan::default() }).await;
        }
    });
}

#[test]
fn what_waits_on_the_way_is_waited_for() {
    with_server(async |proxy, served| {
        for at in 0..BYTES {
            for plan in [
                Plan { to_server: Way::default().at(at, Event::Hold), ..Plan::default() },
                Plan { to_client: Way::default().at(at, Event::Hold), ..Plan::default() },
            ] {
                proxy.plan(plan);
                let calls = ask(&reconnecting(proxy.addr()));
                proxy.until(|counts| counts.held == 1).await;
                assert!(!calls[3].is_finished(), "byte {at} has not passed, and it is answered");
                proxy.release();
                for (call, line) in calls.into_iter().zip(LINES) {
                    assert_eq!(call.await.unwrap().unwrap(), line);
                }
                proxy.until(|counts| counts.held == 0).await;
                served.borrow_mut().clear();
            }
        }
    });
}

#[test]
fn a_server_that_is_killed_under_load_is_found_again_wherever_it_is() {
    let first = Started::new("lines");
    let proxy = Proxy::start(first.addr);
    ekiden::run(async {
        let load = load(&proxy).await;
        load.until_more_are_right(1_000).await;
        first.program.signal("KILL");
        drop(first);
        // Whether it had taken their requests already is chance.
        load.until(|answers| answers.unknown + answers.not_begun > 0).await;
        let second = Started::new("lines");
        proxy.set_server(Some(second.addr));
        load.until_more_are_right(1_000).await;
    });
}

#[test]
fn a_server_that_stands_still_holds_its_callers_and_loses_none() {
    let server = Started::new("lines");
    let proxy = Proxy::start(server.addr);
    ekiden::run(async {
        let load = load(&proxy).await;
        load.until_more_are_right(1_000).await;
        server.stand_still();
        let before = load.answers();
        server.program.signal("CONT");
        load.until_more_are_right(1_000).await;
        let after = load.answers();
        assert_eq!((after.unknown, after.not_begun), (before.unknown, before.not_begun));
    });
}

/// Sixty-four callers of an echo behind the proxy.
async fn load(proxy: &Proxy) -> Load {
    let client = reconnecting(proxy.addr());
    let call = move |number: u64| {
        let client = client.clone();
        async move { client.call(number.to_string()).await }
    };
    Load::begin(64, call, |number| number.to_string()).await
}

/// Asks all lines through a proxy with this plan, and looks at what they were told; and then whether it goes on without.
async fn check(proxy: &Proxy, served: &Served, plan: Plan) {
    served.borrow_mut().clear();
    proxy.plan(plan.clone());
    let client = reconnecting(proxy.addr());
    for (call, line) in ask(&client).into_iter().zip(LINES) {
        match call.await.unwrap() {
            Ok(answer) => assert_eq!(answer, line, "{plan:?}"),
            Err(error) if error.begun() == Begun::No => {
                assert!(!served.borrow().contains(line), "{line} was served all the same: {plan:?}");
            }
            Err(error) => assert_eq!(error.begun(), Begun::Unknown, "{plan:?}"),
        }
    }
    proxy.plan(Plan::default());
    let again = async || client.call("again".to_owned()).await;
    // The end of the connection may be on its way while the first of them is sent.
    let answer = match again().await {
        Err(_) => again().await,
        answer => answer,
    };
    assert_eq!(answer.unwrap(), "again", "{plan:?}");
}

fn ask(client: &Lined) -> Vec<ekiden::JoinHandle<Result<String, Error>>> {
    let ask = |line: &&str| {
        let (client, line) = (client.clone(), (*line).to_owned());
        spawn(async move { client.call(line).await })
    };
    LINES.iter().map(ask).collect()
}

fn reconnecting(addr: SocketAddr) -> Lined {
    let connector = service_fn(async move |()| match TcpStream::connect(addr).await {
        Ok(stream) => Ok(Client::new(stream, Lines::default())),
        Err(error) => Err(Error::unconnected(error)),
    });
    let mut config = ReconnectConfig::default();
    // What is lost here is there again at once.
    config.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    Reconnect::with_config(connector, config).boxed()
}

/// Runs a test with an echo behind a proxy, on the same reactor, which notes what it serves.
fn with_server(test: impl AsyncFnOnce(&Proxy, &Served)) {
    ekiden::run(async {
        let served = Served::default();
        let note = Rc::clone(&served);
        let echo = service_fn(async move |line: String| {
            note.borrow_mut().insert(line.clone());
            Ok::<_, std::convert::Infallible>(line)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap());
        let _server = pipeline::serve(listener, Lines::default(), echo);
        test(&proxy, &served).await;
    });
}
