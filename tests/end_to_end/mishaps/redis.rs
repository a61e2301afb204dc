//! Mishaps of our Redis client on its way to a real server: what it says of each call is held against what the server did.

use std::time::Duration;

use ekiden::middleware::{Backoff, WhileApart};
use ekiden::redis::client::Config;
use ekiden::redis::{Ask, Client, Command, Error};
use ekiden::{Begun, Failure, JoinHandle, MiddlewareExt, Service, spawn};
use ekiden_tests::{Event, Plan, Proxy, RedisServer, Way};

/// How many calls are made at once, each of which adds one.
const CALLS: usize = 4;

/// No machine takes this long: only a test that fails meets it.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn wherever_a_connection_is_cut_the_server_has_done_what_the_callers_were_told() {
    with_server(async |proxy, direct| {
        let (to_server, to_client) = bytes_of_a_run(proxy).await;
        for event in [Event::Reset, Event::End] {
            for at in 0..=to_server {
                check(proxy, direct, Plan { to_server: Way::default().at(at, event), ..Plan::default() })
                    .await;
            }
            for at in 0..=to_client {
                check(proxy, direct, Plan { to_client: Way::default().at(at, event), ..Plan::default() })
                    .await;
            }
        }
    });
}

#[test]
fn what_waits_on_the_way_is_waited_for() {
    with_server(async |proxy, _| {
        let (to_server, to_client) = bytes_of_a_run(proxy).await;
        let hold = |at| Way::default().at(at, Event::Hold);
        let plans = (0..to_server)
            .map(|at| Plan { to_server: hold(at), ..Plan::default() })
            .chain((0..to_client).map(|at| Plan { to_client: hold(at), ..Plan::default() }));
        for plan in plans {
            proxy.plan(plan.clone());
            let calls = add(&client(proxy));
            proxy.until(|counts| counts.held == 1).await;
            assert!(calls.iter().any(|call| !call.is_finished()), "it was not needed: {plan:?}");
            proxy.release();
            let mut answers = Vec::new();
            for call in calls {
                answers.push(call.await.unwrap().unwrap());
            }
            // They were called in this order, and pipelined.
            assert!(answers.is_sorted_by(|a, b| *b == a + 1), "{answers:?}");
            proxy.until(|counts| counts.held == 0).await;
        }
    });
}

#[test]
fn whatever_byte_of_a_reply_is_changed_everybody_hears_and_the_next_connection_is_good() {
    with_server(async |proxy, direct| {
        let (_, to_client) = bytes_of_a_run(proxy).await;
        for bits in [0x01, 0x80] {
            for at in 0..to_client {
                let way = Way::default().at(at, Event::Corrupt(bits));
                proxy.plan(Plan { to_client: way, ..Plan::default() });
                // A length that was changed has the client wait for what does not come: so these have little time.
                let hasty = client(proxy).timeout(Duration::from_millis(50));
                for _ in 0..CALLS {
                    // Of a number that was changed nobody can tell that it was another.
                    drop(hasty.call(Command::new("INCR").arg("n")).await);
                }
                proxy.plan(Plan::default());
                proxy.cut();
                let before: i64 = direct.ask(Command::new("GET").arg("n").typed()).await.unwrap();
                let after: i64 = client(proxy).ask(Command::new("INCR").arg("n").typed()).await.unwrap();
                assert!(after > before);
            }
        }
    });
}

/// Adds through a proxy with this plan, and holds what was told against what was done; and then whether it goes on without.
async fn check(proxy: &Proxy, direct: &Client, plan: Plan) {
    direct.call(Command::new("SET").arg("n").arg(0)).await.unwrap();
    proxy.plan(plan.clone());
    let client = client(proxy);
    let (mut done, mut unknown) = (0, 0);
    for call in add(&client) {
        match call.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) if error.begun() == Begun::No => {}
            Err(_) => unknown += 1,
        }
    }
    // Of a connection that is gone the server has heard all that there was.
    proxy.plan(Plan::default());
    proxy.cut();
    loop {
        let clients: String = direct.ask(Command::new("CLIENT LIST").typed()).await.unwrap();
        if clients.lines().count() == 1 {
            break;
        }
    }
    let sum: i64 = direct.ask(Command::new("GET").arg("n").typed()).await.unwrap();
    assert!(
        (done..=done + unknown).contains(&sum),
        "{sum} were done, {done} were told, {unknown} unknown: {plan:?}"
    );
    // The first of these may go to the connection that was cut just now, and the next come before the next attempt is due.
    let again = async {
        while client.call(Command::new("PING")).await.is_err() {
            ekiden::yield_now().await;
        }
    };
    assert!(ekiden::timeout(PATIENCE, again).await.is_ok(), "it is not back: {plan:?}");
}

fn add(client: &Client) -> Vec<JoinHandle<Result<i64, Error>>> {
    let add = |_| {
        let client = client.clone();
        spawn(async move { client.ask(Command::new("INCR").arg("n").typed::<i64>()).await })
    };
    (0..CALLS).map(add).collect()
}

fn client(proxy: &Proxy) -> Client {
    let mut config = Config::default();
    // Whoever is cut off in the greeting will be again. What is lost otherwise is there again at once.
    config.reconnect.while_apart = WhileApart::Refuse;
    config.reconnect.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    Client::with_config(proxy.addr(), config)
}

/// How many bytes a connection takes, one way and the other.
async fn bytes_of_a_run(proxy: &Proxy) -> (u64, u64) {
    let client = client(proxy);
    for call in add(&client) {
        call.await.unwrap().unwrap();
    }
    (proxy.counts().to_server, proxy.counts().to_client)
}

/// Runs a test with a Redis behind a proxy, and a client that goes straight to it.
fn with_server(test: impl AsyncFnOnce(&Proxy, &Client)) {
    let server = RedisServer::start(&[]);
    let proxy = Proxy::start(server.addr());
    ekiden::run(async {
        let direct = Client::new(server.addr());
        test(&proxy, &direct).await;
    });
}
