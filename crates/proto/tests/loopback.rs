//! Pipelined clients and servers over the system's sockets, on a clock set by hand.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ekiden_proto::codec::{LengthDelimited, Lines};
use ekiden_proto::pipeline::{self, Client, ClientConfig, ServeError, ServerConfig, serve_connection};
use ekiden_proto::server::{Config, Drain, Drained, Server};
use ekiden_reactor::context::{self, Context, Key};
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Instant, JoinHandle, Latch, Reactor, spawn, yield_now};
use ekiden_service::{Begun, Failure, Service, ServiceExt, Status, service_fn};

/// Runs a test on a clock set by hand, and returns what the operator was told.
fn run<F: Future<Output = ()>>(test: impl FnOnce(Clock) -> F) -> Vec<String> {
    let told = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&told);
    let mut config = ekiden_reactor::Config::default();
    config.on_notice = Rc::new(move |notice| log.borrow_mut().push(notice.to_string()));
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(config, hand).run(test(clock));
    told.take()
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// A server of lines, and its address.
async fn serve_lines<S>(service: S) -> (Server, SocketAddr)
where
    S: Service<Req = String, Resp = String, Error: std::error::Error> + 'static,
{
    let (listener, addr) = listen().await;
    (pipeline::serve(listener, Lines::default(), service), addr)
}

async fn connect(addr: SocketAddr) -> Client<String, String> {
    Client::new(TcpStream::connect(addr).await.unwrap(), Lines::default())
}

fn echo() -> impl Service<Req = String, Resp = String, Error = Infallible> {
    service_fn(async |line: String| Ok(line))
}

/// Holds calls back until it is opened, and knows how many have come.
#[derive(Clone, Default)]
struct Gate {
    opened: Latch,
    begun: Rc<Cell<usize>>,
}

impl Gate {
    /// Echoes what passes.
    fn echo(&self) -> impl Service<Req = String, Resp = String, Error = Infallible> + use<> {
        let gate = self.clone();
        service_fn(async move |line: String| {
            gate.begun.update(|begun| begun + 1);
            gate.opened.wait().await;
            Ok(line)
        })
    }

    async fn until_begun(&self, calls: usize) {
        until(|| self.begun.get() >= calls).await;
    }
}

/// Waits for what comes by the world's doing.
async fn until(mut happened: impl FnMut() -> bool) {
    for _ in 0..10_000_000 {
        if happened() {
            return;
        }
        yield_now().await;
    }
    panic!("it does not happen");
}

/// Calls that are under way together, and what became of them.
fn call_all(client: &Client<String, String>, reqs: impl Iterator<Item = String>) -> Vec<Calling> {
    reqs.map(|req| {
        let client = client.clone();
        spawn(async move { client.call(req).await })
    })
    .collect()
}

type Calling = JoinHandle<Result<String, pipeline::Error>>;

#[test]
fn many_calls_on_one_connection_each_get_their_own_answer() {
    run(async |_clock| {
        // Of every ten calls one yields a few times, so that they are done out of order.
        let slow = service_fn(async |line: String| {
            if line.ends_with('7') {
                for _ in 0..line.len() {
                    yield_now().await;
                }
            }
            Ok::<_, Infallible>(line)
        });
        let (server, addr) = serve_lines(slow).await;
        let client = connect(addr).await;
        let calls = call_all(&client, (0..1000).map(|number| format!("line {number}")));
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), format!("line {number}"));
        }
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn a_burst_longer_than_a_turn_is_answered_to_its_end() {
    run(async |_clock| {
        let (_server, addr) = serve_lines(echo()).await;
        let peer = TcpStream::connect(addr).await.unwrap();
        let burst = "ping\n".repeat(5000);
        peer.write_all(burst.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        let mut buf = [0; 4096];
        while received.len() < burst.len() {
            let bytes = peer.read(&mut buf).await.unwrap();
            received.extend_from_slice(&buf[..bytes]);
        }
        assert_eq!(received, burst.as_bytes());
    });
}

#[test]
fn calls_on_many_connections_run_together() {
    run(async |_clock| {
        let (_server, addr) = serve_lines(echo()).await;
        let mut calls = Vec::new();
        for number in 0..50 {
            let client = connect(addr).await;
            calls.extend(call_all(&client, (0..20).map(|call| format!("{number}.{call}"))));
        }
        for call in calls {
            call.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_reset_in_flight_tells_each_caller_what_was_begun() {
    run(async |_clock| {
        let (listener, addr) = listen().await;
        let mut config = ClientConfig::default();
        config.in_flight_max = 2;
        let stream = TcpStream::connect(addr).await.unwrap();
        let (client, connection) = Client::with_config(stream, Lines::default(), config);
        let connection = spawn(connection);
        let calls = call_all(&client, (0..3).map(|number| number.to_string()));
        let (peer, _) = listener.accept().await.unwrap();
        let mut buf = [0; 2];
        assert_eq!(peer.read(&mut buf).await.unwrap(), 2);
        drop(peer); // With two bytes unread, which resets the connection.
        let mut begun = Vec::new();
        for call in calls {
            begun.push(call.await.unwrap().unwrap_err().begun());
        }
        assert_eq!(begun, [Begun::Unknown, Begun::Unknown, Begun::No]);
        assert_eq!(connection.await.unwrap().unwrap_err().io_kind(), Some(io::ErrorKind::ConnectionReset));
        assert_eq!(client.status(), Status::Closed);
        assert_eq!(client.call("late".to_owned()).await.unwrap_err().begun(), Begun::No);
    });
}

#[test]
fn the_last_client_ends_the_connection() {
    run(async |_clock| {
        let (server, addr) = serve_lines(echo()).await;
        let client = connect(addr).await;
        let clone = client.clone();
        assert_eq!(clone.call("a".to_owned()).await.unwrap(), "a");
        drop(client);
        assert_eq!(clone.call("b".to_owned()).await.unwrap(), "b");
        drop(clone);
        until(|| server.connections() == 0).await;
    });
}

#[test]
fn a_caller_that_gives_up_leaves_the_others_their_answers() {
    run(async |_clock| {
        let gate = Gate::default();
        let (_server, addr) = serve_lines(gate.echo()).await;
        let client = connect(addr).await;
        let mut calls = call_all(&client, (0..10).map(|number| number.to_string()));
        gate.until_begun(10).await;
        for given_up in [7, 4, 0] {
            calls.remove(given_up).abort();
        }
        gate.opened.open();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap().unwrap());
        }
        assert_eq!(answers, ["1", "2", "3", "5", "6", "8", "9"]);
    });
}

/// What a peer that never reads makes a server hold.
#[test]
fn a_call_whose_deadline_has_passed_is_not_sent() {
    run(async |clock| {
        let gate = Gate::default();
        gate.opened.open();
        let (_server, addr) = serve_lines(gate.echo()).await;
        let context = Context::current().with_deadline(Instant::now() + Duration::from_secs(1));
        // The connection is not of its maker's context, nor of the first caller's.
        let client = context.clone().scope(connect(addr)).await;
        assert_eq!(context.clone().scope(client.call("in time".to_owned())).await.unwrap(), "in time");
        clock.pass(Duration::from_secs(1)).await;
        let error = context.scope(client.call("too late".to_owned())).await.unwrap_err();
        assert_eq!((error.begun(), error.is_timeout()), (Begun::No, true));
        assert_eq!(client.call("whenever".to_owned()).await.unwrap(), "whenever");
        assert_eq!(gate.begun.get(), 2);
    });
}

#[test]
fn calls_that_share_a_connection_share_no_context() {
    static NAME: Key<String> = Key::inherited();

    run(async |_clock| {
        let gate = Latch::new();
        let (begun, opened) = (Rc::new(Cell::new(0)), gate.clone());
        let count = begun.clone();
        // Each call has a name and a deadline, and finds its own however the calls take turns.
        let service = service_fn(async move |line: String| {
            assert!(Context::current().is_none());
            let number = line.len() as u64;
            let context = Context::current().with(&NAME, line).with_deadline(Instant::from_nanos(number));
            let opened = opened.clone();
            let count = count.clone();
            let call = context.scope(async move {
                count.update(|count| count + 1);
                opened.wait().await;
                yield_now().await;
                let spawned = spawn(async { NAME.with(String::clone) }).await.unwrap();
                assert_eq!(spawned, NAME.with(String::clone));
                (spawned.unwrap(), context::deadline().map(Instant::as_nanos))
            });
            let (name, deadline) = call.await;
            assert!(Context::current().is_none());
            Ok::<_, Infallible>(format!("{name} {deadline:?}"))
        });
        let (_server, addr) = serve_lines(service).await;
        let client = connect(addr).await;
        let calls = call_all(&client, ["a", "bb", "ccc"].into_iter().map(str::to_owned));
        until(|| begun.get() == 3).await;
        gate.open();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap().unwrap());
        }
        assert_eq!(answers, ["a Some(1)", "bb Some(2)", "ccc Some(3)"]);
    });
}

#[test]
fn a_peer_that_does_not_read_is_not_served_on_and_is_closed_in_the_end() {
    run(async |clock| {
        let (listener, addr) = listen().await;
        let calls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&calls);
        let large = service_fn(async move |_: bytes::Bytes| {
            counted.set(counted.get() + 1);
            Ok::<_, Infallible>(vec![0; 256 * 1024])
        });
        let served = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve_connection(stream, LengthDelimited::default(), large).await.map(drop)
        });
        let peer = TcpStream::connect(addr).await.unwrap();
        // Requests of one byte, as many as anybody takes.
        let asking = spawn(async move {
            let requests = b"\0\0\0\x01x".repeat(1000);
            while peer.write_all(&requests).await.is_ok() {}
        });
        // The kernel takes some megabytes of the replies; from then on time passes.
        let mut passed = Duration::ZERO;
        while !served.is_finished() {
            clock.pass(Duration::from_secs(1)).await;
            passed += Duration::from_secs(1);
        }
        assert!(passed >= Duration::from_secs(30));
        let Err(ServeError::Connection(error)) = served.await.unwrap() else { panic!("it must be given up") };
        assert_eq!((error.is_timeout(), error.io_kind()), (true, None));
        assert!((1..1000).contains(&calls.get()), "{} replies of 256 KiB", calls.get());
        asking.await.unwrap();
    });
}

#[test]
fn an_idle_connection_is_closed_when_its_time_is_over_and_a_busy_one_is_not() {
    run(async |clock| {
        let (listener, addr) = listen().await;
        let mut config = ServerConfig::default();
        config.idle_timeout = Some(Duration::from_secs(60));
        let (gate, held_back) = (Gate::default(), Rc::default());
        let slow = {
            let (gate, held_back) = (gate.clone(), Rc::<Cell<bool>>::clone(&held_back));
            service_fn(async move |line: String| {
                if line == "slow" {
                    held_back.set(true);
                    gate.opened.wait().await;
                }
                Ok::<_, Infallible>(line)
            })
        };
        let served = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            config.serve_connection(stream, Lines::default(), slow, Drain::new()).await.map(drop)
        });
        let client = connect(addr).await;
        for _ in 0..3 {
            assert_eq!(client.call("quick".to_owned()).await.unwrap(), "quick");
            clock.pass(Duration::from_secs(59)).await;
            assert!(!served.is_finished(), "each request begins the time anew");
        }
        let calls = call_all(&client, ["slow".to_owned()].into_iter());
        until(|| held_back.get()).await;
        clock.pass(Duration::from_secs(3600)).await;
        assert!(!served.is_finished(), "a call under way is not idle");
        gate.opened.open();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), "slow");
        }
        assert_eq!(client.status(), Status::Open);
        clock.pass(Duration::from_secs(60)).await;
        served.await.unwrap().unwrap();
        assert_eq!(client.status(), Status::Closed);
    });
}

#[test]
fn a_request_that_is_begun_has_to_be_ended() {
    run(async |clock| {
        let (listener, addr) = listen().await;
        let gate = Gate::default();
        let slow = {
            let gate = gate.clone();
            service_fn(async move |line: String| {
                if line == "slow" {
                    gate.begun.update(|begun| begun + 1);
                    gate.opened.wait().await;
                }
                Ok::<_, Infallible>(line)
            })
        };
        let served = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve_connection(stream, Lines::default(), slow).await.map(drop)
        });
        let peer = TcpStream::connect(addr).await.unwrap();
        let mut buf = [0; 100];
        // A reply says that what was sent with its request has been read.
        for (sent, reply) in [("a\nhal", "a\n"), ("f\nother h", "half\n"), ("alf\n", "other half\n")] {
            peer.write_all(sent.as_bytes()).await.unwrap();
            let bytes = peer.read(&mut buf).await.unwrap();
            assert_eq!(str::from_utf8(&buf[..bytes]).unwrap(), reply);
            clock.pass(Duration::from_secs(29)).await;
        }
        clock.pass(Duration::from_secs(3600)).await;
        assert!(!served.is_finished(), "nothing is begun, so nothing has to be ended");

        peer.write_all(b"slow\nb\nhal").await.unwrap();
        gate.until_begun(1).await;
        for _ in 0..29 {
            clock.pass(Duration::from_secs(1)).await;
            peer.write_all(b"f").await.unwrap();
        }
        assert!(!served.is_finished(), "it has a second left");
        clock.pass(Duration::from_secs(2)).await;
        gate.opened.open();
        let mut received = Vec::new();
        while let Ok(bytes @ 1..) = peer.read(&mut buf).await {
            received.extend_from_slice(&buf[..bytes]);
        }
        assert_eq!(str::from_utf8(&received).unwrap(), "slow\nb\n", "what is owed comes first");
        drop(peer);
        let Err(ServeError::Connection(error)) = served.await.unwrap() else { panic!("it must be given up") };
        assert_eq!((error.is_timeout(), error.io_kind()), (true, None));
    });
}

#[test]
fn a_drain_answers_what_was_asked_and_then_closes() {
    run(async |clock| {
        let gate = Gate::default();
        let (server, addr) = serve_lines(gate.echo()).await;
        let client = connect(addr).await;
        let calls = call_all(&client, (0..3).map(|number| number.to_string()));
        gate.until_begun(3).await;
        let drained = spawn(server.drain(Duration::from_secs(30)));
        clock.pass(Duration::from_secs(1)).await;
        assert!(TcpStream::connect(addr).await.is_err(), "nobody is accepted any more");
        gate.opened.open();
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), number.to_string());
        }
        assert_eq!(drained.await.unwrap(), finished(1));
        assert_eq!(client.status(), Status::Closed);
    });
}

#[test]
fn the_last_reply_arrives_though_the_peer_goes_on_sending() {
    run(async |_clock| {
        let (_server, addr) = serve_lines(echo()).await;
        let peer = TcpStream::connect(addr).await.unwrap();
        let mut sent = b"ping\n".to_vec();
        sent.resize(100_000, b'x'); // A line that is too long.
        peer.write_all(&sent).await.unwrap();
        let mut received = Vec::new();
        let mut buf = [0; 100];
        loop {
            match peer.read(&mut buf).await.unwrap() {
                0 => break,
                bytes => received.extend_from_slice(&buf[..bytes]),
            }
            peer.write_all(b"more").await.unwrap();
        }
        assert_eq!(received, b"ping\n");
    });
}

#[test]
fn one_bad_peer_harms_nobody_else() {
    run(async |_clock| {
        let (server, addr) = serve_lines(echo()).await;
        let good = connect(addr).await;
        assert_eq!(good.call("a".to_owned()).await.unwrap(), "a");
        for bad in [&b"\xff\xff\n"[..], &[b'x'; 10_000], b"half a line", b""] {
            let peer = TcpStream::connect(addr).await.unwrap();
            peer.write_all(bad).await.unwrap();
            drop(peer);
            assert_eq!(good.call("b".to_owned()).await.unwrap(), "b");
        }
        until(|| server.connections() == 1).await;
        assert_eq!(good.call("c".to_owned()).await.unwrap(), "c");
    });
}

#[test]
fn an_error_of_the_service_is_told_to_the_operator() {
    let told = run(async |_clock| {
        let failing = service_fn(async |_: String| Err::<String, _>(io::Error::other("the disk is full")));
        let (server, addr) = serve_lines(failing).await;
        let error = connect(addr).await.call("a".to_owned()).await.unwrap_err();
        assert_eq!(error.begun(), Begun::Unknown);
        until(|| server.connections() == 0).await;
    });
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("warning: pipeline: the connection of 127.0.0.1:"), "{told:?}");
    assert!(told[0].ends_with(": the service failed: the disk is full"), "{told:?}");
}

#[test]
fn a_panic_of_the_service_ends_its_connection_alone() {
    let told = run(async |_clock| {
        let panics = echo().map_req(|line: String| {
            assert!(line != "panic", "as asked");
            line
        });
        let (server, addr) = serve_lines(panics).await;
        let good = connect(addr).await;
        assert_eq!(good.call("a".to_owned()).await.unwrap(), "a");
        assert!(connect(addr).await.call("panic".to_owned()).await.is_err());
        assert_eq!(good.call("b".to_owned()).await.unwrap(), "b");
        assert_eq!(server.connections(), 1);
    });
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("as asked"), "{told:?}");
}

#[test]
fn hundreds_of_silent_connections_leave_the_others_served() {
    run(async |clock| {
        let (listener, addr) = listen().await;
        let server = Config::default().serve(listener, async |io, _, seat| {
            let drain = seat.drain().clone();
            drop(ServerConfig::default().serve_connection(io, Lines::default(), echo(), drain).await);
        });
        let good = connect(addr).await;
        let mut silent = Vec::new();
        for number in 0..400 {
            silent.push(TcpStream::connect(addr).await.unwrap());
            if number % 50 == 0 {
                assert_eq!(good.call("a".to_owned()).await.unwrap(), "a");
            }
        }
        until(|| server.connections() == 401).await;
        // They do not close when they are told that we have; so that is waited for, but not for long.
        let drained = spawn(server.drain(Duration::from_secs(30)));
        until(|| server.connections() < 401).await;
        clock.pass(Duration::from_secs(2)).await;
        assert_eq!(drained.await.unwrap(), finished(401));
        drop(silent);
    });
}

#[test]
fn a_peer_that_is_gone_costs_nothing_even_while_nothing_is_read_from_it() {
    run(async |_clock| {
        let begun = Rc::new(Cell::new(0));
        let count = Rc::clone(&begun);
        let (server, addr) = serve_lines(service_fn(async move |line: String| {
            count.set(count.get() + 1);
            match line.as_str() {
                "answer" => Ok::<_, Infallible>(line),
                _ => std::future::pending().await,
            }
        }))
        .await;
        // As many requests as are begun at once, and more behind them: the server has no reason to read.
        let peer = TcpStream::connect(addr).await.unwrap();
        peer.write_all(format!("answer\n{}", "wait\n".repeat(200)).as_bytes()).await.unwrap();
        until(|| begun.get() > ServerConfig::default().in_flight_max).await;
        // It has not read the answer, so closing resets the connection.
        drop(peer);
        until(|| server.connections() == 0).await;
    });
}

fn finished(finished: usize) -> Drained {
    let mut drained = Drained::default();
    drained.finished = finished;
    drained
}

/// A service that never answers is dropped at the deadline, and its callers are told.
#[test]
fn a_drain_gives_up_calls_that_do_not_end() {
    let told = run(async |clock| {
        let gate = Gate::default();
        let (server, addr) = serve_lines(gate.echo()).await;
        let client = connect(addr).await;
        let calls = call_all(&client, ["a".to_owned()].into_iter());
        gate.until_begun(1).await;
        let drained = spawn(server.drain(Duration::from_secs(30)));
        clock.pass(Duration::from_secs(30)).await;
        assert_eq!(drained.await.unwrap().dropped, 1);
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap_err().begun(), Begun::Unknown);
        }
    });
    assert_eq!(told.len(), 1);
}
