//! Mishaps of typed calls: multiplexed dispatch under a client that reconnects, and the example `rpc` as a process.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ekiden::middleware::{Backoff, ReconnectConfig};
use ekiden::net::TcpListener;
use ekiden::rpc::client::Connector;
use ekiden::rpc::{self, Error};
use ekiden::{Begun, Failure, JoinHandle, MiddlewareExt, Reconnect, Timeout, spawn};
use ekiden_tests::{Event, Plan, Program, Proxy, Way, example};
use futures_util::stream;

use super::load::Load;
use crate::abuse::started::Started;

// The library of the example is what the processes here serve.
#[path = "../../../examples/rpc.rs"]
#[allow(dead_code, unreachable_pub, reason = "here it is a module of a test, and its `main` is not run")]
mod example_rpc;
use example_rpc::{Book, LibraryClient, NotFound};

/// What the server here says of each word: the same.
#[ekiden::rpc]
trait Echo {
    async fn say(&self, word: String) -> String;
}

/// Notes what it serves.
struct Noting(Served);

type Served = Rc<RefCell<BTreeSet<String>>>;

impl Echo for Noting {
    async fn say(&self, word: String) -> String {
        self.0.borrow_mut().insert(word.clone());
        word
    }
}

/// A client that connects by itself, and whose calls have a time limit.
type Reconnecting = Timeout<Reconnect<Connector>>;

/// What is asked, all at once.
const WORDS: [&str; 4] = ["word 1", "word 2", "word 3", "word 4"];

#[test]
fn wherever_a_connection_is_cut_every_caller_gets_the_truth() {
    with_server(async |proxy, served| {
        let (to_server, to_client) =
            bytes_of_a_run(proxy, &EchoClient::new(reconnecting(proxy.addr(), PATIENCE))).await;
        for event in [Event::Reset, Event::End] {
            for at in 0..=to_server {
                check(proxy, served, Plan { to_server: Way::default().at(at, event), ..Plan::default() })
                    .await;
            }
            for at in 0..=to_client {
                check(proxy, served, Plan { to_client: Way::default().at(at, event), ..Plan::default() })
                    .await;
            }
        }
    });
}

#[test]
fn whatever_byte_is_changed_everybody_hears_and_the_next_connection_is_good() {
    // What TCP's checksum lets pass may be another word, or another's: these frames have none of their own.
    change_every_byte(Checksums::Off, |_, _, _, _| {});
}

#[test]
fn whatever_byte_is_changed_nobody_hears_what_is_wrong_where_there_are_checksums() {
    change_every_byte(Checksums::On, |plan, word, answer, served| match answer {
        Ok(answer) => assert_eq!(answer, word, "{plan:?}"),
        Err(error) => {
            assert!(error.begun() != Begun::No || !served.contains(word), "{word} was served: {plan:?}");
            assert!(served.iter().all(|word| WORDS.contains(&&word[..])), "{served:?}: {plan:?}");
        }
    });
}

/// Asks all words, once for each byte of the connection that is changed, and looks at what they were told.
fn change_every_byte(
    checksums: Checksums,
    look: impl Fn(&Plan, &str, Result<String, Error>, &BTreeSet<String>),
) {
    with_server_of(checksums, async |proxy, served| {
        let connect = |limit| EchoClient::new(reconnecting_by(connector(proxy.addr(), checksums), limit));
        let (to_server, to_client) = bytes_of_a_run(proxy, &connect(PATIENCE)).await;
        for bits in [0x01, 0x80] {
            let event = Event::Corrupt(bits);
            let plans = (0..to_server)
                .map(|at| Plan { to_server: Way::default().at(at, event), ..Plan::default() })
                .chain(
                    (0..to_client)
                        .map(|at| Plan { to_client: Way::default().at(at, event), ..Plan::default() }),
                );
            for plan in plans {
                served.borrow_mut().clear();
                proxy.plan(plan.clone());
                // A length that was changed may have either side wait for what does not come: so these have little time.
                for (call, word) in ask(&connect(Duration::from_millis(50))).into_iter().zip(WORDS) {
                    let answer = call.await.unwrap();
                    look(&plan, word, answer, &served.borrow());
                }
                proxy.plan(Plan::default());
                proxy.cut();
                is_back(&connect(PATIENCE)).await;
            }
        }
    });
}

#[test]
fn what_waits_on_the_way_is_waited_for() {
    with_server(async |proxy, _| {
        let (to_server, to_client) =
            bytes_of_a_run(proxy, &EchoClient::new(reconnecting(proxy.addr(), PATIENCE))).await;
        let event = Event::Hold;
        let plans = (0..to_server)
            .map(|at| Plan { to_server: Way::default().at(at, event), ..Plan::default() })
            .chain(
                (0..to_client).map(|at| Plan { to_client: Way::default().at(at, event), ..Plan::default() }),
            );
        for plan in plans {
            proxy.plan(plan.clone());
            let calls = ask(&EchoClient::new(reconnecting(proxy.addr(), PATIENCE)));
            proxy.until(|counts| counts.held == 1).await;
            assert!(calls.iter().any(|call| !call.is_finished()), "it was not needed: {plan:?}");
            proxy.release();
            for (call, word) in calls.into_iter().zip(WORDS) {
                assert_eq!(call.await.unwrap().unwrap(), word);
            }
            proxy.until(|counts| counts.held == 0).await;
        }
    });
}

#[test]
fn a_server_that_is_killed_under_load_is_found_again_wherever_it_is() {
    let first = Started::new("rpc");
    let proxy = Proxy::start(first.addr);
    ekiden::run(async {
        let load = load(&proxy).await;
        load.until_more_are_right(1_000).await;
        first.program.signal("KILL");
        drop(first);
        // Whether it had taken their requests already is chance.
        load.until(|answers| answers.unknown + answers.not_begun > 0).await;
        let second = Started::new("rpc");
        proxy.set_server(Some(second.addr));
        load.until_more_are_right(1_000).await;
        assert!(second.memory_peak_kib() < MEMORY_MAX_KIB, "{} KiB", second.memory_peak_kib());
    });
}

#[test]
fn a_client_that_is_killed_amid_its_calls_leaves_nothing_at_the_server() {
    let server = Started::new("rpc");
    let proxy = Proxy::start(server.addr);
    // Its handshake and its calls come through, and of the answers the first bytes.
    proxy.plan(Plan { to_client: Way::default().at(100, Event::Hold), ..Plan::default() });
    find_nothing(&server);
    let files = server.files();
    for round in 1..=5 {
        let titles: Vec<_> = (0..500).map(|number| number.to_string()).collect();
        let client = Program::start(example("rpc"), [proxy.addr().to_string()].iter().chain(&titles));
        ekiden::run(proxy.until(|counts| counts.held == 1));
        client.signal("KILL");
        drop(client);
        // What it had asked is answered to nobody.
        proxy.release();
        ekiden::run(proxy.until(|counts| counts.ended == round));
    }
    find_nothing(&server);
    // Of the last connections the server may not have heard yet.
    let closed = async {
        while server.files() > files {
            ekiden::yield_now().await;
        }
    };
    assert!(ekiden::run(ekiden::timeout(PATIENCE, closed)).is_ok(), "it has {} files open", server.files());
    assert!(server.memory_peak_kib() < MEMORY_MAX_KIB, "{} KiB", server.memory_peak_kib());
}

/// Looks for a book that nobody has brought.
fn find_nothing(server: &Started) {
    ekiden::run(async {
        let library = LibraryClient::new(reconnecting(server.addr, PATIENCE));
        assert!(library.find("7".to_owned()).await.unwrap().is_err(), "nobody has imported that");
    });
}

/// Sixty-four callers of the library behind the proxy: each looks for a book, whose pages are its number, and brings it if
/// it is not there.
async fn load(proxy: &Proxy) -> Load {
    let library = LibraryClient::new(reconnecting(proxy.addr(), PATIENCE));
    let call = move |number: u64| {
        let library = library.clone();
        async move {
            let pages = (number % 64) as u32;
            let title = pages.to_string();
            loop {
                match library.find(title.clone()).await? {
                    Ok(book) => return Ok::<_, Error>(book.pages),
                    Err(NotFound) => {
                        library.import(stream::iter([Book { title: title.clone(), pages }])).await?;
                    }
                }
            }
        }
    };
    Load::begin(64, call, |number| (number % 64) as u32).await
}

/// Asks all words through a proxy with this plan, and looks at what they were told; and then whether it goes on without.
async fn check(proxy: &Proxy, served: &Served, plan: Plan) {
    served.borrow_mut().clear();
    proxy.plan(plan.clone());
    let client = EchoClient::new(reconnecting(proxy.addr(), PATIENCE));
    let calls = ask(&client);
    for (call, word) in calls.into_iter().zip(WORDS) {
        match call.await.unwrap() {
            Ok(answer) => assert_eq!(answer, word, "{plan:?}"),
            Err(error) if error.begun() == Begun::No => {
                assert!(!served.borrow().contains(word), "{word} was served all the same: {plan:?}");
            }
            Err(_) => {}
        }
    }
    proxy.plan(Plan::default());
    is_back(&client).await;
}

/// The first of these may go to the connection that was cut just now, and the next come before the next attempt is due.
async fn is_back(client: &EchoClient<Reconnecting>) {
    let again = async {
        loop {
            match client.say("again".to_owned()).await {
                Ok(answer) => return assert_eq!(answer, "again"),
                Err(_) => ekiden::yield_now().await,
            }
        }
    };
    assert!(ekiden::timeout(PATIENCE, again).await.is_ok(), "it is not back");
}

fn ask(client: &EchoClient<Reconnecting>) -> Vec<JoinHandle<Result<String, Error>>> {
    let ask = |word: &&str| {
        let (client, word) = (client.clone(), (*word).to_owned());
        spawn(async move { client.say(word).await })
    };
    WORDS.iter().map(ask).collect()
}

fn reconnecting(addr: SocketAddr, limit: Duration) -> Reconnecting {
    reconnecting_by(connector(addr, Checksums::Off), limit)
}

fn connector(addr: SocketAddr, checksums: Checksums) -> Connector {
    let mut config = rpc::client::Config::default();
    config.checksums = checksums == Checksums::On;
    Connector::tcp(addr).with_config(config)
}

fn reconnecting_by(connector: Connector, limit: Duration) -> Reconnecting {
    let mut config = ReconnectConfig::default();
    // What is lost here is there again at once.
    config.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
    config.while_apart = ekiden::middleware::WhileApart::Refuse;
    Reconnect::with_config(connector, config).timeout(limit)
}

/// How many bytes a connection of this client's takes, one way and the other.
async fn bytes_of_a_run(proxy: &Proxy, client: &EchoClient<Reconnecting>) -> (u64, u64) {
    proxy.plan(Plan::default());
    for call in ask(client) {
        call.await.unwrap().unwrap();
    }
    let counts = proxy.counts();
    (counts.to_server, counts.to_client)
}

/// Runs a test with an echo behind a proxy, on the same reactor, which notes what it serves.
fn with_server(test: impl AsyncFnOnce(&Proxy, &Served)) {
    with_server_of(Checksums::Off, test);
}

/// Whether both ends have them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksums {
    On,
    Off,
}

fn with_server_of(checksums: Checksums, test: impl AsyncFnOnce(&Proxy, &Served)) {
    ekiden::run(async {
        let served = Served::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap());
        let mut config = rpc::server::Config::default();
        config.checksums = checksums == Checksums::On;
        let _server = config.serve(listener, EchoServer::new(Noting(served.clone())));
        test(&proxy, &served).await;
    });
}

/// More than any of these calls takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server may ever hold of a few hundred calls: it begins with some ten thousand.
const MEMORY_MAX_KIB: u64 = 64 * 1024;
