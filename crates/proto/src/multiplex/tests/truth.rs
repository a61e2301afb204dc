//! What is said of calls is true, and limits are what they say.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Config, Latch, Reactor, spawn};
use ekiden_service::{Begun, Failure, Refused, Service, service_fn};

use super::settle;
use crate::multiplex::text::Text;
use crate::multiplex::{Body, Client, ClientConfig, Message, ServerConfig, Stats};
use crate::server::Drain;
use crate::wire::Wire;

#[test]
fn a_reply_that_cannot_be_sent_has_failed() {
    ekiden_reactor::run(async {
        let (wire, stats) = (Wire::new(), Stats::default());
        let service =
            service_fn(async |_: Message<String>| Ok::<_, Refused>(Message::new("a\nb".to_owned())));
        let config = ServerConfig { stats: stats.clone(), ..ServerConfig::default() };
        let serving = spawn(config.serve_connection(wire.clone(), Text::new(60), service, Drain::new()));
        wire.send("open 1 a\n");
        settle().await;
        assert_eq!(wire.take_written(), "reset 1 failed\n");
        assert_eq!((stats.answered(), stats.failed()), (0, 1));
        drop(serving);
    });
}

/// The body fails before a byte of the request has left: nothing was begun, nor need it be.
#[test]
fn a_body_that_fails_while_its_call_waits_takes_the_call_back() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let config = ClientConfig { in_flight_max: 1, ..ClientConfig::default() };
        let (client, connection) = Client::<String, String>::with_config(wire.clone(), Text::new(60), config);
        let connection = spawn(connection);
        let first = client.clone();
        drop(spawn(async move { first.call("a".to_owned().into()).await.map(|_| ()) }));
        settle().await;
        let mut upload = Message::new("upload".to_owned());
        upload.body = Body::new(futures_util::stream::iter([Err::<Bytes, _>("no paper")]));
        let call = spawn(async move { client.call(upload).await.map(|_| ()) });
        settle().await;
        assert_eq!(wire.take_written(), "open 0 a\n");
        wire.send("reply 0 a\n");
        settle().await;
        let written = wire.take_written();
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((&written[..], error.begun()), ("", Begun::No));
        drop(connection);
    });
}

/// The peer has answered the head of its reply, so it has begun.
#[test]
fn a_body_that_fails_after_the_reply_began_was_begun() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let (client, connection) =
            Client::<String, String>::with_config(wire.clone(), Text::new(60), ClientConfig::default());
        let connection = spawn(connection);
        let spoil = Latch::new();
        let mut upload = Message::new("upload".to_owned());
        let spoilt = spoil.clone();
        upload.body = Body::new(futures_util::stream::once(async move {
            spoilt.wait().await;
            Err::<Bytes, _>("no paper")
        }));
        let call = spawn(async move { client.call(upload).await.map(|reply| (client, reply)) });
        settle().await;
        wire.send("reply+ 0 x\n");
        let (_client, mut reply) = call.await.unwrap().unwrap();
        spoil.open();
        let error = reply.body.next().await.unwrap().unwrap_err();
        assert_eq!(error.begun(), Begun::Yes);
        drop(connection);
    });
}

/// A connection that is closed because it was idle says nothing before (`drain`), and does not refuse what crosses its
/// End on the way: that caller hears "unknown" of a call that was certainly not begun.
#[test]
fn an_idle_connection_says_that_it_closes() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let wire = Wire::new();
        let service = service_fn(async |req: Message<String>| Ok::<_, Refused>(req));
        let config = ServerConfig { idle_timeout: Some(Duration::from_secs(5)), ..ServerConfig::default() };
        let serving = spawn(config.serve_connection(wire.clone(), Text::new(60), service, Drain::new()));
        settle().await;
        clock.pass(Duration::from_secs(5)).await;
        wire.send("open 1 late\n");
        settle().await;
        let written = wire.take_written();
        assert!(written.contains("drain") && written.contains("reset 1 refused"), "{written:?}");
        drop(serving);
    });
}

/// Each of these lines is written since a peer has chosen so (it says that it takes only short frames, or sends items
/// That are none), and there is no limit to them.
#[test]
fn a_peer_does_not_write_the_operators_log() {
    let told = Rc::new(Cell::new(0));
    let count = told.clone();
    let mut config = Config::default();
    config.on_notice = Rc::new(move |_| count.set(count.get() + 1));
    let (hand, _clock) = Hand::new().unwrap();
    Reactor::with_driver(config, hand).run(async {
        let wire = Wire::new();
        // As a method of ekiden-rpc that makes a stream of a stream: what it reads breaks, and so does what it makes.
        let service = service_fn(async |req: Message<String>| {
            Ok::<_, Refused>(Message::with_body("r".to_owned(), req.body))
        });
        let serving = spawn(ServerConfig::default().serve_connection(
            wire.clone(),
            Text::new(60),
            service,
            Drain::new(),
        ));
        for id in 0..1000 {
            wire.send(format!("open+ {id} a\n"));
        }
        for _ in 0..100 {
            settle().await;
        }
        wire.end();
        for _ in 0..100 {
            settle().await;
        }
        drop(serving);
    });
    assert!(told.get() < 10, "{} warnings", told.get());
}

/// No place to wait is no reason to refuse what could be sent at once.
#[test]
fn without_a_queue_a_call_that_has_a_place_is_not_refused() {
    ekiden_reactor::run(async {
        let cx = &mut Context::from_waker(Waker::noop());
        let wire = Wire::new();
        let config = ClientConfig { queue_max: 0, ..ClientConfig::default() };
        let (client, _connection) = Client::<String, String>::with_config(wire, Text::new(60), config);
        let mut call = Box::pin(client.call("a".to_owned().into()));
        if let Poll::Ready(Err(error)) = call.as_mut().poll(cx) {
            panic!("status {:?}, and {:?}", client.status(), error);
        }
    });
}

/// 1,024 may be in flight and as many may wait; nothing is in flight, and the 1,025th is refused.
#[test]
fn a_burst_of_less_than_in_flight_max_and_queue_max_is_not_refused() {
    ekiden_reactor::run(async {
        let cx = &mut Context::from_waker(Waker::noop());
        let wire = Wire::new();
        let (client, _connection) =
            Client::<String, String>::with_config(wire, Text::new(60), ClientConfig::default());
        let mut calls: Vec<_> = (0..2048).map(|_| Box::pin(client.call("a".to_owned().into()))).collect();
        let polls = calls.iter_mut().enumerate().map(|(at, call)| (at, call.as_mut().poll(cx)));
        for (at, poll) in polls {
            if let Poll::Ready(Err(error)) = poll {
                panic!("call {at}: begun {:?}, {:?}", error.begun(), error);
            }
        }
    });
}

#[test]
fn limits_of_nothing_count_as_one() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let config = ClientConfig { in_flight_max: 0, window_bytes: 0, ..ClientConfig::default() };
        let (client, connection) = Client::<String, String>::with_config(wire.clone(), Text::new(60), config);
        let connection = spawn(connection);
        let chunks = futures_util::stream::iter([Ok::<_, Refused>(Bytes::from_static(b"x"))]);
        let call = Message::with_body("a".to_owned(), Body::new(chunks));
        let call = spawn(async move { client.call(call).await.map(drop) });
        settle().await;
        assert_eq!(wire.take_written(), "open+ 0 a\nchunk 0 x\nend 0\n");
        drop((call, connection));
    });
}
