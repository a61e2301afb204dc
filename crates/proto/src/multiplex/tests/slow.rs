//! A peer that is slow, or whose line is: it is alive, everybody gets a share, and nobody waits for ever.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Config, Latch, Reactor, spawn, yield_now};
use ekiden_service::{Refused, Service, service_fn};

use super::settle;
use crate::multiplex::text::Text;
use crate::multiplex::{Body, Client, ClientConfig, Message, ServerConfig};
use crate::server::Drain;
use crate::wire::{Unclosable, Wire};

/// A peer that takes bytes all the time, and answers each ping as soon as it gets it, is alive.
#[test]
fn a_client_that_takes_its_replies_slowly_is_not_given_up_as_silent() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let wire = Wire::new();
        let service = service_fn(async |req: Message<String>| {
            if req.head == "watch" {
                pending::<()>().await;
            }
            Ok::<_, Refused>(Message::new("x".repeat(60_000)))
        });
        let serving =
            ServerConfig::default().serve_connection(wire.clone(), Text::new(100_000), service, Drain::new());
        let serving = spawn(async move { serving.await.map_err(|error| error.to_string()) });
        wire.set_room(0);
        wire.send("open 0 watch\n");
        for id in 1..=40 {
            wire.send(format!("open {id} big\n"));
        }
        settle().await;
        let (mut line, mut taken, mut at) = (Vec::new(), 0, 0);
        for second in 0..120 {
            clock.pass(Duration::from_secs(1)).await;
            wire.set_room(50_000);
            settle().await;
            for byte in wire.take_bytes() {
                taken += 1;
                if byte == b'\n' {
                    let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
                    if let Some(token) = text.strip_prefix("ping ") {
                        wire.send(format!("pong {token}\n"));
                    }
                } else {
                    line.push(byte);
                }
            }
            at = second;
            if serving.is_finished() {
                break;
            }
            if taken > 40 * 60_000 {
                break;
            }
        }
        if serving.is_finished() {
            panic!("after {at} s and {taken} of 2,400,000 bytes: {:?}", serving.await.unwrap());
        }
        drop(serving);
    });
}

/// The same of a client that sends one long request over a slow line: the server takes it all the time.
#[test]
fn a_server_that_takes_a_long_request_slowly_is_not_given_up_as_silent() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let wire = Wire::new();
        let client = Client::<String, String>::new(wire.clone(), Text::new(4_000_000));
        wire.set_room(0);
        let call = spawn(async move { client.call("x".repeat(4_000_000 - 10).into()).await.map(|_| ()) });
        settle().await;
        for second in 0..60 {
            clock.pass(Duration::from_secs(1)).await;
            wire.set_room(100_000);
            settle().await;
            if call.is_finished() {
                panic!("after {second} s: {:?}", call.await.unwrap());
            }
        }
        drop(call);
    });
}

/// What comes over a slow line, until a line is whole.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn take(&mut self, wire: &Wire) -> Vec<String> {
        self.0.extend(wire.take_bytes());
        let end = self.0.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = String::from_utf8(self.0.drain(..end).collect()).unwrap();
        whole.lines().map(str::to_owned).collect()
    }
}

/// Of two ends that both have much to say the one that reads must not wait for the other to read first.
#[test]
fn a_client_with_much_to_say_still_hears() {
    const CALLS: usize = 3_000;
    ekiden_reactor::run(async {
        let cx = &mut Context::from_waker(Waker::noop());
        let wire = Wire::new();
        let config = ClientConfig { in_flight_max: CALLS + 1, ..ClientConfig::default() };
        let (client, connection) = Client::<String, String>::with_config(wire.clone(), Text::new(60), config);
        let connection = spawn(connection);
        let mut calls: Vec<_> = (0..CALLS).map(|_| Box::pin(client.call("a".to_owned().into()))).collect();
        assert!(calls.iter_mut().all(|call| call.as_mut().poll(cx).is_pending()));
        let mut wanted = Box::pin(client.call("wanted".to_owned().into()));
        assert!(wanted.as_mut().poll(cx).is_pending());
        while !wire.take_written().contains("wanted") {
            yield_now().await;
        }
        // Each is cancelled, and the peer takes nothing of that.
        wire.set_room(0);
        drop(calls);
        settle().await;
        wire.send(format!("reply {CALLS} heard\n"));
        settle().await;
        assert_eq!(wanted.await.unwrap().head, "heard");
        drop(connection);
    });
}

/// While short replies keep a slow line busy, a stream gets a share of it.
#[test]
fn replies_do_not_starve_a_stream() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let service = service_fn(async |req: Message<String>| {
            if req.head == "stream" {
                let chunk = futures_util::stream::iter([Ok::<_, Refused>(Bytes::from_static(b"tick"))]);
                return Ok::<_, Refused>(Message::with_body("s".to_owned(), Body::new(chunk)));
            }
            Ok(Message::new("u".to_owned()))
        });
        let config = ServerConfig { write_bytes_max: 16, ..ServerConfig::default() };
        let serving = config.serve_connection(wire.clone(), Text::new(60), service, Drain::new());
        let serving = spawn(serving);
        wire.set_room(0);
        wire.send("open 0 stream\n");
        (1..=8).for_each(|id| wire.send(format!("open {id} a\n")));
        settle().await;
        let (mut unary, mut lines) = (0, Lines::default());
        for _ in 0..5000 {
            wire.set_room(10);
            yield_now().await;
            yield_now().await;
            for text in lines.take(&wire) {
                if let Some(rest) = text.strip_prefix("reply ") {
                    unary += 1;
                    let id: u32 = rest.split(' ').next().unwrap().parse().unwrap();
                    wire.send(format!("open {id} a\n"));
                }
                if text.starts_with("chunk 0") {
                    assert!(unary < 100, "{unary} unary replies went before the first chunk");
                    return drop(serving);
                }
            }
        }
        panic!("no chunk while {unary} calls that came later were answered");
    });
}

/// While requests keep a slow line busy, an upload gets a share of it.
#[test]
fn requests_do_not_starve_an_upload() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let config = ClientConfig { write_bytes_max: 16, ..ClientConfig::default() };
        let (client, connection) = Client::<String, String>::with_config(wire.clone(), Text::new(60), config);
        let connection = spawn(connection);
        wire.set_room(0);
        let mut upload = Message::new("upload".to_owned());
        let congested = Latch::new();
        let is_congested = congested.clone();
        upload.body = Body::new(futures_util::stream::once(async move {
            is_congested.wait().await;
            Ok::<_, Refused>(Bytes::from_static(b"item"))
        }));
        let uploading = client.clone();
        drop(spawn(async move { uploading.call(upload).await.map(|_| ()) }));
        settle().await;
        for _ in 0..8 {
            let client = client.clone();
            drop(spawn(async move { while client.call("a".to_owned().into()).await.is_ok() {} }));
        }
        settle().await;
        congested.open();
        let (mut unary, mut lines) = (0, Lines::default());
        for _ in 0..5000 {
            wire.set_room(10);
            yield_now().await;
            yield_now().await;
            for text in lines.take(&wire) {
                if let Some(rest) = text.strip_prefix("open ") {
                    unary += 1;
                    let id: u32 = rest.split(' ').next().unwrap().parse().unwrap();
                    wire.send(format!("reply {id} a\n"));
                }
                if text.starts_with("chunk 0") {
                    return drop(connection);
                }
            }
        }
        panic!("no chunk while {unary} calls that came later were sent");
    });
}

/// A stream that never has to wait leaves the others their turn.
#[test]
fn a_stream_that_is_always_ready_takes_its_share_of_a_turn() {
    ekiden_reactor::run(async {
        let (wire, made) = (Wire::new(), Rc::new(Cell::new(0)));
        let count = made.clone();
        let service = service_fn(async move |_: Message<String>| {
            let count = count.clone();
            let chunks = futures_util::stream::repeat_with(move || {
                count.update(|count: u32| count + 1);
                Ok::<_, Refused>(Bytes::from_static(b"x"))
            });
            Ok::<_, Refused>(Message::with_body("s".to_owned(), Body::new(chunks)))
        });
        let serving = spawn(ServerConfig::default().serve_connection(
            wire.clone(),
            Text::new(60),
            service,
            Drain::new(),
        ));
        wire.set_room(0);
        (0..100).for_each(|id| wire.send(format!("open {id} a\n")));
        let mut most = 0;
        for _ in 0..200 {
            let before = made.get();
            yield_now().await;
            most = most.max(made.get() - before);
        }
        assert!(made.get() > 10_000, "{}", made.get());
        // Some polls of 128 units; before it was said to ask, one poll made 16 KiB for each stream.
        assert!(most <= 512, "{most} chunks were made while another task waited for its turn");
        drop(serving);
    });
}

/// The last client is gone, and the connection ends, whatever the peer takes.
#[test]
fn a_connection_whose_clients_are_gone_ends() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let wire = Wire::new();
        let (client, connection) =
            Client::<String, String>::with_config(wire.clone(), Text::new(60), ClientConfig::default());
        let connection = spawn(connection);
        wire.set_room(0);
        wire.send("ping 1\n");
        settle().await;
        drop(client);
        for _ in 0..60 {
            settle().await;
            clock.pass(Duration::from_secs(60)).await;
        }
        assert!(connection.is_finished(), "an hour later it is still there");
    });
}

/// The same with a call that was given up, and no pings.
#[test]
fn a_connection_whose_clients_are_gone_ends_without_pings() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let wire = Wire::new();
        let config = ClientConfig { ping_interval: None, ..ClientConfig::default() };
        let (client, connection) = Client::<String, String>::with_config(wire.clone(), Text::new(60), config);
        let connection = spawn(connection);
        let call = spawn(async move { client.call("a".to_owned().into()).await.map(|_| ()) });
        settle().await;
        wire.set_room(0);
        call.abort();
        for _ in 0..60 {
            settle().await;
            clock.pass(Duration::from_secs(60)).await;
        }
        assert!(connection.is_finished(), "an hour later it is still there");
    });
}

#[test]
fn a_close_that_does_not_come_to_its_end_is_given_up() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let wire = Wire::new();
        let service = service_fn(async |req: Message<String>| Ok::<_, Refused>(req));
        let config = ServerConfig { idle_timeout: Some(Duration::from_secs(60)), ..ServerConfig::default() };
        let serving = config.serve_connection(Unclosable(wire.clone()), Text::new(60), service, Drain::new());
        let serving = spawn(serving);
        wire.end();
        for _ in 0..60 {
            settle().await;
            clock.pass(Duration::from_secs(60)).await;
        }
        assert!(serving.is_finished(), "an hour later it is still there");
    });
}
