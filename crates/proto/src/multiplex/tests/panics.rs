//! Code of the application's that panics, wherever it is called: it concerns its call alone.

use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use ekiden_reactor::spawn;
use ekiden_service::{Refused, service_fn};
use futures_core::Stream;

use super::settle;
use crate::multiplex::text::Text;
use crate::multiplex::{Body, Message, ServerConfig};
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

fn with_bad(polled: bool, long: bool) {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let service = service_fn(async move |req: Message<String>| {
            if req.head == "bad" {
                let bad = Bad { polled, dropped: true, long };
                return Ok::<_, Refused>(Message::with_body("b".to_owned(), Body::new(bad)));
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
        drop(serving);
    });
}

/// A panic of a stream concerns its call alone, also if it panics again when it is dropped.
#[test]
fn a_stream_that_panics_in_poll_and_in_drop_harms_no_other() {
    with_bad(true, false);
}

/// A stream that panics when it is dropped, because one of its items is too long to be sent.
#[test]
fn a_stream_that_panics_in_drop_after_a_long_item_harms_no_other() {
    with_bad(false, true);
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
