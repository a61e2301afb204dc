//! A server on a real listener: what one client does to it is not felt by another, and it ends in order.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use ekiden_http::server::{Config, RawRequest};
use ekiden_http::{Body, Error, Upgraded};
use ekiden_proto::server::Server;
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Latch, Reactor, spawn, yield_now};
use ekiden_service::service_fn;
use futures_util::stream::poll_fn;
use http::{Request, Response};

/// Runs a test on a clock set by hand, and returns what the operator was told.
fn by_hand(test: impl AsyncFnOnce(Clock)) -> Vec<String> {
    let told = Rc::new(RefCell::new(Vec::new()));
    let notices = told.clone();
    let mut config = ekiden_reactor::Config::default();
    config.on_notice = Rc::new(move |notice| notices.borrow_mut().push(notice.to_string()));
    let (hand, clock) = Hand::new().expect("a driver");
    Reactor::with_driver(config, hand).run(test(clock));
    told.take()
}

/// A door that a call waits at, and whether one does.
#[derive(Clone, Default)]
struct Door {
    reached: Latch,
    opened: Latch,
}

/// A server that answers with the path; `/wait` when the door is open, `/big` with a megabyte, `/panic` not.
async fn serve(door: Door) -> (Server, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("an address");
    let service = service_fn(async move |request: Request<Body>| {
        let body = match request.uri().path() {
            "/wait" => {
                door.reached.open();
                door.opened.wait().await;
                Body::from("waited")
            }
            "/big" => Body::from(vec![b'x'; 1 << 20]),
            "/panic" => panic!("at the disco"),
            path => Body::from(path.to_owned()),
        };
        Ok::<_, Error>(Response::new(body))
    });
    (Config::default().serve(listener, service), addr)
}

async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.expect("a connection")
}

async fn ask(stream: &TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("room for a request");
}

/// Reads until the answer ends like this.
async fn read_to(stream: &TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    let mut buf = [0; 1024];
    while !answer.ends_with(end.as_bytes()) {
        let count = stream.read(&mut buf).await.expect("an answer");
        assert_ne!(count, 0, "the server closed after {:?}", answer.escape_ascii().to_string());
        answer.extend_from_slice(&buf[..count]);
    }
    String::from_utf8(answer).expect("text")
}

/// A well-behaved client gets its answer.
async fn is_served(stream: &TcpStream) {
    ask(stream, "/fine").await;
    let answer = read_to(stream, "/fine").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

async fn is_closed(stream: &TcpStream) -> bool {
    let mut buf = [0; 1024];
    loop {
        match stream.read(&mut buf).await {
            Ok(0) | Err(_) => return true,
            Ok(_) => {}
        }
    }
}

/// While clients do this, and after it, others are served: one that is there already, and a new one.
fn check_harmless(abuse: impl AsyncFnOnce(SocketAddr, &Clock) -> Vec<TcpStream>) -> Vec<String> {
    by_hand(async |clock| {
        let (server, addr) = serve(Door::default()).await;
        let guest = connect(addr).await;
        is_served(&guest).await;
        let rowdies = abuse(addr, &clock).await;
        is_served(&guest).await;
        is_served(&connect(addr).await).await;
        drop(rowdies);
        is_served(&guest).await;
        drop(guest);
        let drained = server.drain(Duration::from_secs(30)).await;
        assert_eq!(drained.dropped, 0, "{drained:?}");
    })
}

#[test]
fn silent_connections_harm_nobody() {
    check_harmless(async |addr, _| {
        let mut silent = Vec::new();
        for _ in 0..400 {
            silent.push(connect(addr).await);
        }
        silent
    });
}

#[test]
fn garbage_harms_nobody() {
    check_harmless(async |addr, _| {
        let rowdy = connect(addr).await;
        rowdy.write_all(&[0; 3000]).await.expect("room");
        assert!(is_closed(&rowdy).await);
        vec![rowdy]
    });
}

#[test]
fn a_head_that_never_ends_harms_nobody() {
    check_harmless(async |addr, clock| {
        let rowdy = connect(addr).await;
        rowdy.write_all(b"GET / HTTP/1.1\r\nA: ").await.expect("room");
        for _ in 0..29 {
            rowdy.write_all(b"b").await.expect("room");
            clock.pass(Duration::from_secs(1)).await;
        }
        vec![rowdy]
    });
}

#[test]
fn clients_that_never_read_harm_nobody() {
    check_harmless(async |addr, _| {
        let mut deaf = Vec::new();
        for _ in 0..20 {
            let rowdy = connect(addr).await;
            for _ in 0..20 {
                ask(&rowdy, "/big").await;
            }
            deaf.push(rowdy);
        }
        deaf
    });
}

#[test]
fn a_reset_in_the_middle_harms_nobody() {
    let told = check_harmless(async |addr, _| {
        for _ in 0..20 {
            let rowdy = connect(addr).await;
            ask(&rowdy, "/big").await;
            let mut some = [0; 10];
            rowdy.read(&mut some).await.expect("the beginning of an answer");
            // The rest is unread, so closing resets the connection.
            drop(rowdy);
        }
        Vec::new()
    });
    assert!(told.is_empty(), "a reset is not worth a line: {told:?}");
}

#[test]
fn a_panic_harms_nobody_else() {
    let told = check_harmless(async |addr, _| {
        let rowdy = connect(addr).await;
        ask(&rowdy, "/panic").await;
        let answer = read_to(&rowdy, "Error\n").await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        vec![rowdy]
    });
    assert_eq!(told, ["error: http: a service panicked (1 so far): at the disco"]);
}

#[test]
fn each_connection_has_a_service_of_its_own_that_knows_the_peer() {
    by_hand(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let _server = Config::default().serve_each(listener, |peer: SocketAddr| {
            let calls = Cell::new(0);
            service_fn(async move |_: Request<Body>| {
                calls.set(calls.get() + 1);
                Ok::<_, Error>(Response::new(Body::from(format!("{peer}, call {}!", calls.get()))))
            })
        });
        let clients = [connect(addr).await, connect(addr).await];
        for call in 1..=2 {
            for client in &clients {
                ask(client, "/").await;
                let answer = read_to(client, "!").await;
                let peer = client.local_addr().expect("an address");
                assert!(answer.ends_with(&format!("\r\n\r\n{peer}, call {call}!")), "{answer}");
            }
        }
    });
}

#[test]
fn a_connections_service_goes_with_it() {
    by_hand(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let state = Rc::new(());
        let held = state.clone();
        let server = Config::default().serve_raw_each(listener, move |_peer| {
            let held = held.clone();
            service_fn(async move |req: RawRequest| {
                let _held = &held;
                Ok::<_, Error>(Response::new(Body::from(req.head.target().to_owned())))
            })
        });
        let clients = [connect(addr).await, connect(addr).await];
        for client in &clients {
            is_served(client).await;
        }
        // Ours, that of the function, and one for each connection.
        assert_eq!(Rc::strong_count(&state), 4);
        drop(clients);
        let drained = server.drain(Duration::from_secs(30)).await;
        assert_eq!((drained.dropped, Rc::strong_count(&state)), (0, 1));
    });
}

#[test]
fn a_panic_where_a_service_is_made_ends_that_connection_only() {
    let told = by_hand(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let made = Cell::new(0);
        let server = Config::default().serve_each(listener, move |_peer| {
            made.set(made.get() + 1);
            assert_ne!(made.get(), 2, "not this one");
            service_fn(async |req: Request<Body>| {
                Ok::<_, Error>(Response::new(Body::from(req.uri().path().to_owned())))
            })
        });
        let first = connect(addr).await;
        is_served(&first).await;
        assert!(is_closed(&connect(addr).await).await);
        is_served(&first).await;
        is_served(&connect(addr).await).await;
        assert_eq!(server.panics(), 1);
    });
    assert!(told.len() == 1 && told[0].contains("not this one"), "{told:?}");
}

#[test]
fn panics_of_calls_and_of_bodies_are_counted() {
    let told = by_hand(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let service = service_fn(async |req: Request<Body>| {
            assert_ne!(req.uri().path(), "/call", "in a call");
            let body = poll_fn(|_| -> Poll<Option<io::Result<Bytes>>> { panic!("in a body") });
            Ok::<_, Error>(Response::new(Body::stream(body)))
        });
        let server = Config::default().serve(listener, service);
        for (path, panics) in [("/call", 1), ("/body", 2), ("/call", 3)] {
            let client = connect(addr).await;
            ask(&client, path).await;
            assert!(is_closed(&client).await);
            assert_eq!(server.panics(), panics);
        }
    });
    assert_eq!(told.len(), 3, "{told:?}");
}

/// Has an answer at once, and panics when it is dropped.
struct Bomb;

impl Future for Bomb {
    type Output = Result<Response<Body>, Error>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Response::new(Body::empty())))
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

#[test]
fn a_call_that_panics_when_it_is_dropped_is_answered_too() {
    let told = by_hand(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let server = Config::default().serve(listener, service_fn(|_: Request<Body>| Bomb));
        let client = connect(addr).await;
        ask(&client, "/").await;
        assert!(read_to(&client, "Error\n").await.starts_with("HTTP/1.1 500 "));
        assert_eq!(server.panics(), 1);
    });
    assert_eq!(told, ["error: http: a service panicked (1 so far): in a drop"]);
}

/// Two that panic at once would end the process.
#[test]
fn calls_that_panic_when_their_connection_ends_harm_nobody() {
    by_hand(async |_| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let calls = Rc::new(Cell::new(0));
        let begun = calls.clone();
        let service = service_fn(async move |_: Request<Body>| {
            begun.set(begun.get() + 1);
            let _bomb = Bomb;
            std::future::pending::<Result<Response<Body>, Error>>().await
        });
        let mut config = Config::default();
        config.in_flight_max = 2;
        let server = config.serve(listener, service);
        let client = connect(addr).await;
        ask(&client, "/").await;
        ask(&client, "/").await;
        while calls.get() < 2 {
            yield_now().await;
        }
        server.drain(Duration::ZERO).await;
        assert_eq!(server.connections(), 0);
    });
}

/// A server on which every request is an upgrade, and what was upgraded.
async fn serve_upgrades() -> (Server, SocketAddr, Rc<RefCell<Vec<Upgraded>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("an address");
    let upgraded = Rc::new(RefCell::new(Vec::new()));
    let taken = upgraded.clone();
    let service = service_fn(async move |mut req: Request<Body>| {
        let (taken, upgrade) = (taken.clone(), req.body_mut().take_upgrade().expect("an offer"));
        drop(spawn(async move {
            let upgraded = upgrade.await.expect("a stream");
            taken.borrow_mut().push(upgraded);
        }));
        Ok::<_, Error>(Response::builder().status(101).header("upgrade", "none").body(Body::empty())?)
    });
    (Config::default().serve(listener, service), addr, upgraded)
}

async fn upgrade(addr: SocketAddr) -> TcpStream {
    let client = connect(addr).await;
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: none\r\n\r\n";
    client.write_all(request).await.expect("room for a request");
    read_to(&client, "\r\n\r\n").await;
    client
}

#[test]
fn what_was_upgraded_is_a_connection_of_the_server_until_it_is_dropped() {
    let told = by_hand(async |_| {
        let (server, addr, upgraded) = serve_upgrades().await;
        let clients = [upgrade(addr).await, upgrade(addr).await, upgrade(addr).await];
        while upgraded.borrow().len() < 3 {
            yield_now().await;
        }
        assert_eq!(server.connections(), 3);
        let given = upgraded.borrow_mut().pop().expect("three of them").downcast::<TcpStream>();
        assert_eq!(server.connections(), 2, "who takes the stream itself takes it away");
        let first = upgraded.borrow_mut().remove(0);
        assert!(!first.drain().has_begun());
        let drained = spawn(server.drain(Duration::from_secs(30)));
        first.drain().begun().await;
        while TcpStream::connect(addr).await.is_ok() {}
        drop(first);
        yield_now().await;
        assert!(!drained.is_finished());
        upgraded.borrow_mut().clear();
        let drained = drained.await.expect("no panic");
        assert_eq!((drained.finished, drained.dropped, drained.left), (2, 0, 0));
        drop((given, clients));
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_drain_closes_what_is_idle_and_waits_for_what_is_not() {
    by_hand(async |_| {
        let door = Door::default();
        let (server, addr) = serve(door.clone()).await;
        let (idle, busy) = (connect(addr).await, connect(addr).await);
        is_served(&idle).await;
        ask(&busy, "/wait").await;
        door.reached.wait().await;
        let drained = spawn(server.drain(Duration::from_secs(30)));
        assert!(is_closed(&idle).await);
        assert!(TcpStream::connect(addr).await.is_err(), "nobody is accepted any more");
        assert!(!drained.is_finished());
        door.opened.open();
        let answer = read_to(&busy, "waited").await;
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        drop(busy);
        let drained = drained.await.expect("a drain");
        assert_eq!((drained.finished, drained.dropped), (2, 0));
        server.await.expect("an orderly end");
    });
}

#[test]
fn a_drain_gives_up_at_its_deadline() {
    by_hand(async |clock| {
        let door = Door::default();
        let (server, addr) = serve(door.clone()).await;
        let stuck = connect(addr).await;
        ask(&stuck, "/wait").await;
        door.reached.wait().await;
        let drained = spawn(server.drain(Duration::from_secs(30)));
        clock.pass(Duration::from_secs(29)).await;
        assert!(!drained.is_finished());
        clock.pass(Duration::from_secs(1)).await;
        let drained = drained.await.expect("a drain");
        assert_eq!((drained.finished, drained.dropped), (0, 1));
        assert!(is_closed(&stuck).await);
    });
}
