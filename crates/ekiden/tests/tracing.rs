//! With the feature `tracing`: what is told of a server, and that its requests are no events.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline::{self, Client};
use ekiden::{Service, service_fn};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[test]
fn connections_and_drains_are_events_and_requests_are_not() {
    let told = Listener::default();
    tracing::subscriber::with_default(told.clone(), || {
        ekiden::run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let echo = service_fn(async |line: String| Ok::<_, Infallible>(line));
            let server = pipeline::serve(listener, Lines::default(), echo);
            let stream = TcpStream::connect(addr).await.unwrap();
            let client = Client::<String, String>::new(stream, Lines::default());
            for _ in 0..10 {
                assert_eq!(client.call("hello".to_owned()).await.unwrap(), "hello");
            }
            server.drain(Duration::from_secs(60)).await;
        });
    });
    let told = told.0.lock().unwrap();
    let told: Vec<_> = told.iter().map(|line| line.split(", from").next().unwrap()).collect();
    assert_eq!(
        told,
        [
            "core 0 runs",
            "connection 0 is accepted",
            "1 connections are open, and no other is accepted",
            "connection 0 has ended",
            "it is over: Drained { finished: 1, dropped: 0, left: 0 }",
            "core 0 has ended what it was to run",
        ]
    );
}

/// The messages of events.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "ekiden"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(self));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("there are no spans")
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Message<'a>(&'a Listener);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}
