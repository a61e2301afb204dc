//! What a request costs in allocations on a connection that is kept alive and warmed up: so many, and no more.
//!
//! The connection is one in memory that allocates nothing itself, and the clock stands still.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ekiden_http::Body;
use ekiden_http::server::{Config, Convert, RawRequest};
use ekiden_proto::server::Drain;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Reactor, spawn, yield_now};
use ekiden_service::{Service, service_fn};
use futures_util::io::{AsyncRead, AsyncWrite};
use http::{Request, Response};

const GET: &[u8] = b"GET /plain HTTP/1.1\r\nhost: example.org\r\nuser-agent: test\r\naccept: */*\r\n\r\n";
const POST: &[u8] =
    b"POST /plain HTTP/1.1\r\nhost: example.org\r\nuser-agent: test\r\ncontent-length: 5\r\n\r\nhello";

const TWICE: &[u8] =
    b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\nGET / HTTP/1.1\r\nhost: example.org\r\n\r\n";

/// A client that sends the same request again and again.
#[derive(Clone, Default)]
struct Client(Rc<State>);

#[derive(Default)]
struct State {
    /// What was sent and not read yet.
    sent: Cell<&'static [u8]>,
    reader: RefCell<Option<Waker>>,
    /// How often something was written.
    written: Cell<usize>,
}

impl Client {
    async fn ask(&self, request: &'static [u8]) {
        let before = self.0.written.get();
        self.0.sent.set(request);
        self.0.reader.take().expect("the server reads").wake();
        while self.0.written.get() == before || self.0.reader.borrow().is_none() {
            yield_now().await;
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let sent = self.0.sent.take();
        if sent.is_empty() {
            *self.0.reader.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        buf[..sent.len()].copy_from_slice(sent);
        Poll::Ready(Ok(sent.len()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        assert!(buf.starts_with(b"HTTP/1.1 200 OK\r\n") && buf.ends_with(b"\r\n\r\nhello"));
        self.0.written.set(self.0.written.get() + 1);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// How many allocations each request costs that one client sends, the same each time.
#[track_caller]
fn check<S>(request: &'static [u8], service: S, expected: u64)
where
    S: Service<Req = RawRequest, Resp = Response<Body>, Error = Infallible> + 'static,
{
    let reactor = Reactor::with_driver(ekiden_reactor::Config::default(), Hand::new().unwrap().0);
    let client = Client::default();
    let ask = async || {
        for _ in 0..ROUNDS {
            client.ask(request).await;
        }
    };
    reactor.run(async {
        spawn(Config::default().serve_raw_connection(client.clone(), service, Drain::new()));
        yield_now().await;
    });
    // From one place: those that spawn are listed, all of the process, when they first do.
    let run = || allocation_counter::measure(|| reactor.run(ask()));
    run();
    let counted = run();
    assert_eq!(counted.count_total, expected * ROUNDS, "of {ROUNDS} requests, {expected} each");
    assert_eq!(counted.count_current, 0, "an idle connection keeps nothing of them");
}

const ROUNDS: u64 = 100;

fn hello() -> Response<Body> {
    Response::new(Body::from("hello"))
}

#[test]
fn a_request_as_it_was_parsed_costs_two() {
    // Its head, which outlives the buffer that it was read into; and the box of its call, which an idle connection gives
    // back. What a busy connection has on its mind, and the memory that the answer is written in, are there already.
    check(GET, service_fn(async |_: RawRequest| Ok::<_, Infallible>(hello())), 2);
}

#[test]
fn of_two_that_come_at_once_the_second_uses_the_box_of_the_first() {
    check(TWICE, service_fn(async |_: RawRequest| Ok::<_, Infallible>(hello())), 3);
}

#[test]
fn a_request_in_the_types_of_http_costs_five() {
    // Three more: the two tables of a map of fields, and the count of those who share the head's bytes.
    let service = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(hello()));
    check(GET, Convert::new(service), 5);
}

#[test]
fn a_body_costs_two_more() {
    // What its reader and the connection share, and the bytes.
    let service = async |request: RawRequest| {
        let body = request.body.collect(16).await.expect("a body");
        assert_eq!(body, "hello");
        Ok::<_, Infallible>(hello())
    };
    check(POST, service_fn(service), 4);
}

#[test]
fn a_call_that_waits_costs_no_more() {
    let service = async |_: RawRequest| {
        yield_now().await;
        Ok::<_, Infallible>(hello())
    };
    check(GET, service_fn(service), 2);
}
