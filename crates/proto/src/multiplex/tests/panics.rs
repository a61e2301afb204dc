//! Code of the application's that panics, wherever it is called: it concerns its call alone.

use std::cell::RefCell;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Config, Reactor, spawn};
use ekiden_service::{Refused, Service, service_fn};
use futures_core::Stream;

use super::{settle, told};
use crate::multiplex::text::Text;
use crate::multiplex::{Body, Client, ClientConfig, Message, ServerConfig};
use crate::server::Drain;
use crate::wire::Wire;

/// A stream that panics when it is polled, when it is dropped, or both.
struct Bad {
    polled: bool,
    dropped: bool,
    long: bool,
}

impl Stream for Bad {
    type Item = Result<Bytes, Refused>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        assert!(!self.polled, "polled");
        if self.long { Poll::Ready(Some(Ok(Bytes::from(vec![b'x'; 1000])))) } else { Poll::Pending }
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        assert!(!self.dropped, "dropped");
    }
}

/// What the operator is told of it.
fn with_bad(bad: fn() -> Bad, reason: &str) -> Vec<String> {
    let notices = Rc::<RefCell<Vec<String>>>::default();
    let log = notices.clone();
    let mut config = Config::default();
    config.on_notice = Rc::new(move |notice| log.borrow_mut().push(notice.to_string()));
    let (hand, _clock) = Hand::new().unwrap();
    Reactor::with_driver(config, hand).run(async {
        let wire = Wire::new();
        let service = service_fn(async move |req: Message<String>| {
            if req.head == "bad" {
                return Ok::<_, Refused>(Message::with_body("b".to_owned(), Body::new(bad())));
            }
            Ok(Message::new("fine".to_owned()))
        });
        let serving = spawn(ServerConfig::default().serve_connection(
            wire.clone(),
            Text::new(60),
            service,
            Drain::new(),
        ));
        wire.send("open 1 bad\n");
        settle().await;
        wire.send("open 2 a\n");
        settle().await;
        let written = wire.take_written();
        assert!(!serving.is_finished(), "the connection has ended; out: {written:?}");
        assert!(written.contains("reply 2 fine"), "{written:?}");
        assert!(written.contains(&format!("reset 1 {reason}\n")), "{written:?}");
        drop(serving);
    });
    notices.take()
}

/// A panic of a stream concerns its call alone, also if it panics again when it is dropped.
#[test]
fn a_stream_that_panics_in_poll_and_in_drop_harms_no_other() {
    with_bad(|| Bad { polled: true, dropped: true, long: false }, "failed");
}

#[test]
fn of_a_stream_that_panics_the_operator_is_told_once() {
    let told = with_bad(|| Bad { polled: true, dropped: false, long: false }, "failed");
    assert_eq!(told, ["warning: multiplex: a call panicked: polled; panic 1 of this server"]);
}

/// A stream that panics when it is dropped, because one of its items is too long to be sent.
#[test]
fn a_stream_that_panics_in_drop_after_a_long_item_harms_no_other() {
    with_bad(|| Bad { polled: false, dropped: true, long: true }, "unsendable");
}

/// The same at a client: whoever asked hears that the body cannot be made, and others are asked all the same.
#[test]
fn a_request_whose_body_panics_fails_and_harms_no_other() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let config = ClientConfig::default();
        let (client, connection) = Client::with_config(wire.clone(), Text::new(60), config);
        let connection = spawn(connection);
        let bad = Bad { polled: true, dropped: false, long: false };
        let asked = client.clone();
        let call =
            spawn(async move { asked.call(Message::with_body("bad".to_owned(), Body::new(bad))).await });
        settle().await;
        assert!(call.is_finished(), "out: {:?}", wire.take_written());
        let error = call.await.unwrap().unwrap_err();
        let cause = "whoever made the body was dropped before its end";
        // Nothing of it had been sent.
        assert_eq!(told(&error), format!("! the body cannot be made: {cause} (begun: No)"));
        let other = spawn(async move { client.call(Message::new("a".to_owned())).await });
        settle().await;
        assert_eq!(wire.take_written(), "open 0 a\n");
        wire.send("reply 0 fine\n");
        assert_eq!(other.await.unwrap().unwrap().head, "fine");
        drop(connection);
    });
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("it goes off");
    }
}

fn bombs(count: u32) -> bool {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let service = service_fn(async |_: Message<String>| {
            let _bomb = Bomb;
            pending::<()>().await;
            Ok::<_, Refused>(Message::new(String::new()))
        });
        let serving = spawn(ServerConfig::default().serve_connection(
            wire.clone(),
            Text::new(60),
            service,
            Drain::new(),
        ));
        (0..count).for_each(|id| wire.send(format!("open {id} a\n")));
        settle().await;
        wire.reset();
        settle().await;
        // A panic is an `Err` here.
        serving.await.is_ok()
    })
}

/// Two that panic at once would end the process.
#[test]
fn calls_that_panic_when_their_connection_breaks_harm_nobody() {
    assert!(bombs(1), "serve_connection panicked");
    assert!(bombs(2), "serve_connection panicked");
}

#[derive(Debug)]
struct Rude;

impl std::fmt::Display for Rude {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Rude {}

/// The words of an error are the application's code, too: an error of a body whose `Display` panics.
#[test]
fn an_error_whose_words_panic_concerns_its_call_alone() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let service = service_fn(async |req: Message<String>| {
            if req.head == "rude" {
                let body = Body::new(futures_util::stream::iter([Err::<Bytes, _>(Rude)]));
                return Ok::<_, Refused>(Message::with_body("r".to_owned(), body));
            }
            Ok(Message::new("fine".to_owned()))
        });
        let serving = spawn(ServerConfig::default().serve_connection(
            wire.clone(),
            Text::new(60),
            service,
            Drain::new(),
        ));
        wire.send("open 1 rude\n");
        settle().await;
        wire.send("open 2 a\n");
        settle().await;
        assert!(!serving.is_finished(), "the connection has ended");
        assert!(wire.take_written().contains("reply 2 fine"));
        drop(serving);
    });
}
