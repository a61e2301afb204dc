//! Typed calls between processes: the `rpc` program at both ends, and at one end while it is killed, or stopped for a while,
//! under load.

use std::net::SocketAddr;
use std::time::Duration;

use ekiden::rpc::{Client, Error};
use ekiden::{Begun, Failure, JoinHandle, MiddlewareExt, Timeout, spawn};
use ekiden_tests::{Program, example, output};
use serde::{Deserialize, Serialize};

/// What the program serves, as far as it is called here: a client needs no more of a trait than it uses.
#[ekiden::rpc]
trait Library {
    async fn find(&self, title: String) -> Result<Book, NotFound>;
}

#[derive(Debug, Serialize, Deserialize)]
struct Book {
    title: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct NotFound;

fn start() -> (Program, SocketAddr) {
    let mut server = Program::start(example("rpc"), ["127.0.0.1:0"]);
    let addr = server.wait_for(|line| line.strip_prefix("listening on ")?.split_once(';')?.0.parse().ok());
    (server, addr)
}

#[test]
fn rpc_finds_books_and_ends_by_ctrl_c() {
    let (mut server, addr) = start();
    let program = example("rpc");
    let program = program.to_str().expect("a plain path");
    let asked = output(program, [&addr.to_string(), "Emma", "Ulysses"]);
    let expected = "Emma: 474 pages\nUlysses: not here\n2 titles were looked for so far: Emma, Ulysses\n";
    assert_eq!(String::from_utf8_lossy(&asked.stdout), expected, "{asked:?}");
    server.signal("INT");
    let status = server.wait_for_end();
    assert!(status.success(), "{status}: {}", server.said());
}

/// Whoever asks over and over, until it gets no answer: how many it got, and why no more.
type Caller = JoinHandle<(u64, Error)>;

/// Fifty callers; they are under way when this returns.
async fn load(client: Timeout<Client>) -> Vec<Caller> {
    let library = LibraryClient::new(client);
    let (ready, mut answered) = ekiden::channel::mpsc::channel(50);
    let call = |_| {
        let (library, ready) = (library.clone(), ready.clone());
        spawn(async move {
            for answers in 0.. {
                match library.find(format!("book {answers}")).await {
                    Ok(Err(NotFound)) => drop(ready.try_send(())),
                    Ok(Ok(book)) => panic!("there is no such book: {book:?}"),
                    Err(error) => return (answers, error),
                }
            }
            unreachable!("it ends by an error")
        })
    };
    let callers = (0..50).map(call).collect();
    for _ in 0..500 {
        answered.recv().await.expect("the callers are there");
    }
    callers
}

#[test]
fn a_server_that_is_killed_under_load_leaves_nobody_waiting() {
    let (server, addr) = start();
    ekiden::run(async {
        let client = Client::connect(addr).await.expect("it listens");
        let callers = load(client.clone().timeout(Duration::from_secs(50))).await;
        server.signal("KILL");
        for caller in callers {
            let (answers, error) = caller.await.expect("no panic");
            assert!(answers > 0 && !error.is_timeout(), "{error:?}");
        }
        // From now on it is known that nothing is begun.
        let error = LibraryClient::new(client).find("Emma".to_owned()).await.unwrap_err();
        assert_eq!(error.begun(), Begun::No, "{error:?}");
    });
}

#[test]
fn a_server_that_stops_for_a_while_is_waited_for_as_long_as_callers_like() {
    let (server, addr) = start();
    ekiden::run(async {
        let client = Client::connect(addr).await.expect("it listens");
        let callers = load(client.clone().timeout(Duration::from_secs(1))).await;
        server.signal("STOP");
        for caller in callers {
            let (_, error) = caller.await.expect("no panic");
            assert!(error.is_timeout(), "{error:?}");
        }
        server.signal("CONT");
        // The connection is the same, and what was given up meanwhile is nobody's answer.
        let library = LibraryClient::new(client.timeout(Duration::from_secs(50)));
        for _ in 0..100 {
            assert!(library.find("Ulysses".to_owned()).await.expect("an answer").is_err());
        }
    });
}
