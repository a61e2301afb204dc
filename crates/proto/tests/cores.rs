//! Servers on several cores, on a clock set by hand, over real sockets.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::num::NonZero;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use ekiden_proto::codec::{Decoded, Decoder, Encoder, Lines};
use ekiden_proto::multiplex::{self, Frame, Message};
use ekiden_proto::pipeline::{self, Client};
use ekiden_proto::server::{Config, Drained, Seat, Server};
use ekiden_reactor::context::Context;
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{CoreId, Instant, Runtime, cores, request_shutdown, spawn, spawn_on, yield_now};
use ekiden_service::{Refused, Service, service_fn};

/// Runs a test on so many cores, whose clock only the test moves; returns what the operator was told.
fn by_hand<F: Future<Output = ()>>(threads: usize, test: impl FnOnce(Clock) -> F) -> Vec<String> {
    let ((hand, clock), told) = (Hand::new().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let (mut runtime, log) = (Runtime::default(), told.clone());
    runtime.threads = NonZero::new(threads);
    runtime.config = Arc::new(move |_core| {
        let (log, mut config) = (log.clone(), ekiden_reactor::Config::default());
        config.on_notice = Rc::new(move |notice| log.lock().unwrap().push(notice.to_string()));
        config
    });
    runtime.reactor(hand).run(test(clock));
    let told = told.lock().unwrap();
    told.clone()
}

/// A server whose connections say their core, and then do as the word says that each is sent.
async fn obedient(config: Config) -> (Server, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = config.serve_on_cores(listener, || {
        async |stream: ekiden_reactor::net::Placed<TcpStream>, _peer, seat: Seat| {
            stream.write_all(CoreId::current().to_string().as_bytes()).await.unwrap();
            let mut word = [0; 16];
            let n = stream.read(&mut word).await.unwrap_or(0);
            match &word[..n] {
                b"" => {}
                b"drain" => seat.drain().begun().await,
                b"stay" => pending().await,
                b"panic" => panic!("in a connection"),
                other => panic!("what is {other:?}?"),
            }
        }
    });
    (server.unwrap(), addr)
}

/// A client whom the server has told on which core it is.
async fn welcomed(addr: std::net::SocketAddr) -> (TcpStream, String) {
    let stream = TcpStream::connect(addr).await.unwrap();
    let mut name = [0; 16];
    let n = stream.read(&mut name).await.unwrap();
    (stream, String::from_utf8_lossy(&name[..n]).into_owned())
}

/// Welcomes so many, each of whom says the word; returns when all words were read.
async fn say(addr: std::net::SocketAddr, words: &[&str]) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    for word in words {
        let (stream, _core) = welcomed(addr).await;
        stream.write_all(word.as_bytes()).await.unwrap();
        clients.push(stream);
    }
    settle().await;
    clients
}

#[test]
fn a_server_begins_with_nothing_of_whoever_starts_it() {
    by_hand(2, async |_clock| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let around = Context::none().with_deadline(Instant::now() + Duration::from_secs(1));
        let server = around.sync_scope(|| {
            Config::default().serve_on_cores(listener, || {
                async |stream: ekiden_reactor::net::Placed<TcpStream>, _peer, _seat: Seat| {
                    let word = if Context::current().is_none() { "nothing" } else { "a deadline" };
                    stream.write_all(word.as_bytes()).await.unwrap();
                }
            })
        });
        for _core in cores() {
            assert_eq!(welcomed(addr).await.1, "nothing");
        }
        drop(server.unwrap());
    });
}

/// Lets every core do what it can, as far as it goes from what was sent to it.
async fn settle() {
    for _ in 0..20 {
        for core in cores() {
            spawn_on(core, yield_now).await.unwrap();
        }
    }
}

#[test]
fn connections_are_shared_by_all_cores_each_with_a_service_of_its_own() {
    by_hand(2, async |_clock| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let server = pipeline::serve_on_cores(listener, Lines::default(), move || {
            count.fetch_add(1, Ordering::Relaxed);
            // Neither Send nor shared.
            let calls = Rc::new(Cell::new(0));
            service_fn(async move |_line: String| {
                calls.set(calls.get() + 1);
                Ok::<_, Infallible>(format!("{} {}", CoreId::current(), calls.get()))
            })
        })
        .unwrap();
        let mut clients = Vec::new();
        for round in 1..=32 {
            let mut answers = Vec::new();
            for _ in 0..2 {
                let client =
                    Client::<&str, String>::new(TcpStream::connect(addr).await.unwrap(), Lines::default());
                answers.push(client.call("who?").await.unwrap());
                clients.push(client);
            }
            answers.sort();
            assert_eq!(answers, [format!("core 0 {round}"), format!("core 1 {round}")]);
        }
        assert_eq!(server.connections(), 64);
        assert_eq!(made.load(Ordering::Relaxed), 2);
    });
}

/// Lines that begin with a number: calls, and their replies.
#[derive(Clone)]
struct Numbered(Lines);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Decoder for Numbered {
    type Item = Frame<String>;
    type Error = BoxError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Self::Item>, BoxError> {
        let Decoded::Frame(line) = Decoder::decode(&mut self.0, buf)? else { return Ok(Decoded::Incomplete) };
        let (id, head) = line.split_once(' ').ok_or("a line without a number")?;
        Ok(Decoded::Frame(Frame::Open { id: id.parse()?, head: head.to_owned(), more: false }))
    }
}

impl Encoder<Frame<String>> for Numbered {
    type Error = BoxError;

    fn encode(&mut self, frame: Frame<String>, buf: &mut BytesMut) -> Result<(), BoxError> {
        match frame {
            Frame::Reply { id, head, more: false } => Ok(self.0.encode(format!("{id} {head}"), buf)?),
            _ => Ok(()),
        }
    }
}

#[test]
fn calls_that_overtake_each_other_are_shared_by_all_cores_too() {
    by_hand(2, async |_clock| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let _server = multiplex::serve_on_cores(listener, Numbered(Lines::default()), || {
            // Neither Send nor shared.
            let calls = Rc::new(Cell::new(0));
            service_fn(async move |_: Message<String>| {
                calls.set(calls.get() + 1);
                Ok::<_, Refused>(Message::new(format!("{} {}", CoreId::current(), calls.get())))
            })
        })
        .unwrap();
        let mut clients = Vec::new();
        for round in 1..=8 {
            let mut answers = Vec::new();
            for _ in 0..2 {
                let client = TcpStream::connect(addr).await.unwrap();
                client.write_all(b"1 who?\n").await.unwrap();
                let mut answer = [0; 64];
                let n = client.read(&mut answer).await.unwrap();
                answers.push(String::from_utf8_lossy(&answer[..n]).into_owned());
                clients.push(client);
            }
            answers.sort();
            assert_eq!(answers, [0, 1].map(|core| format!("1 core {core} {round}\n")));
        }
    });
}

#[test]
fn a_drain_reaches_all_cores_and_sums_what_became_of_their_connections() {
    let told = by_hand(3, async |clock| {
        let (server, addr) = obedient(Config::default()).await;
        let clients = say(addr, &["drain", "drain", "drain", "drain", "stay"]).await;
        assert_eq!(server.connections(), 5);
        let drained = spawn(server.drain(Duration::from_secs(60)));
        // The earliest deadline holds.
        let hastened = spawn(server.drain(Duration::from_secs(5)));
        while server.connections() > 1 {
            settle().await;
        }
        assert!(!drained.is_finished() && !hastened.is_finished());
        assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
        clock.advance(Duration::from_secs(5));
        let mut expected = Drained::default();
        (expected.finished, expected.dropped) = (4, 1);
        assert_eq!(drained.await.unwrap(), expected);
        assert_eq!(hastened.await.unwrap(), expected);
        assert_eq!(server.await.unwrap(), expected);
        drop(clients);
    });
    assert_eq!(told, ["warning: drain: 1 connections had not finished in time and are dropped"]);
}

#[test]
fn the_shutdown_drains_all_cores() {
    by_hand(2, async |_clock| {
        let (server, addr) = obedient(Config::default()).await;
        let _clients = say(addr, &["drain", "drain"]).await;
        drop(spawn_on(CoreId::new(1), || async { request_shutdown() }));
        let mut expected = Drained::default();
        expected.finished = 2;
        assert_eq!(server.await.unwrap(), expected);
    });
}

#[test]
fn a_panic_on_one_core_harms_no_other_connection_and_is_counted() {
    let told = by_hand(2, async |_clock| {
        let (server, addr) = obedient(Config::default()).await;
        let clients = say(addr, &["stay", "stay", "panic", "panic"]).await;
        while server.connections() > 2 {
            settle().await;
        }
        assert_eq!(server.panics(), 2, "one of each core");
        assert_eq!(clients[3].read(&mut [0; 8]).await.unwrap_or(0), 0);
        let (_more, core) = welcomed(addr).await;
        assert!(core.starts_with("core "));
    });
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|line| line.contains("panicked: in a connection")), "{told:?}");
}

#[test]
fn the_maximum_holds_for_all_cores() {
    by_hand(2, async |_clock| {
        let mut config = Config::default();
        config.connections_max = 3;
        let (server, addr) = obedient(config).await;
        // They say nothing, so that the server sees them go.
        let mut clients = say(addr, &[""; 3]).await;
        let waits = spawn(welcomed(addr));
        settle().await;
        assert!(!waits.is_finished());
        assert_eq!(server.connections(), 3);
        drop(clients.remove(0));
        let _next = waits.await.unwrap();
        assert_eq!(server.connections(), 3);
    });
}

#[test]
fn a_service_that_cannot_be_made_ends_the_server_on_all_cores() {
    by_hand(2, async |_clock| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = pipeline::serve_on_cores(listener, Lines::default(), || {
            assert_ne!(CoreId::current(), CoreId::new(1), "no service here");
            service_fn(async |line: String| Ok::<_, Infallible>(line))
        })
        .unwrap();
        let error = server.await.unwrap_err();
        assert!(error.to_string().contains("no service here"), "{error}");
        assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
    });
}

#[test]
fn a_server_whose_handle_is_dropped_goes_on_on_all_cores() {
    by_hand(2, async |_clock| {
        let (server, addr) = obedient(Config::default()).await;
        drop(server);
        let (_a, first) = welcomed(addr).await;
        let (_b, second) = welcomed(addr).await;
        assert_ne!(first, second);
    });
}
