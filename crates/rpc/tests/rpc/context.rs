//! What goes along with a call: how much time is left, whose work it is, that nobody waits any longer.

use std::time::Duration;

use ekiden_reactor::context::{Context, Trace};
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{Config, Instant, Reactor, run, spawn};
use ekiden_rpc::{Client, ErrorKind};
use ekiden_service::{Begun, Failure};
use futures_util::stream::{self, StreamExt};

use crate::library::{LibraryClient, LibraryServer, Served, Shelves, begin};
use crate::raw::{Raw, request};

#[test]
fn the_server_knows_how_much_time_is_left() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        assert_eq!(library.left().await.unwrap(), None);
        let soon = Context::current().with_deadline(Instant::now() + Duration::from_secs(60));
        let left = soon.scope(library.left()).await.unwrap().unwrap();
        assert!((50_000..=60_000).contains(&left), "{left} ms are left of a minute");
        // Seven weeks and more are no deadline.
        let late = Context::current().with_deadline(Instant::now() + Duration::from_secs(60 * 86_400));
        assert_eq!(late.scope(library.left()).await.unwrap(), None);
    });
}

/// On a clock of the test's own: a call waits behind another for three of its ten seconds.
#[test]
fn what_has_waited_for_its_turn_has_less_time_left() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = spawn(async move { Client::connect(addr).await });
        let raw = Raw::accept(&listener, &[(2, 1)]).await;
        let library = LibraryClient::new(client.await.unwrap().unwrap());
        let mut calls = Vec::new();
        for _ in 0..2 {
            let library = library.clone();
            let soon = Context::current().with_deadline(Instant::now() + Duration::from_secs(10));
            calls.push(spawn(async move { soon.scope(library.count()).await }));
        }
        let payload = |left_ms: u32| {
            let mut payload = request("Library.count", 0b10, &left_ms.to_le_bytes());
            payload.push(0x90);
            payload
        };
        let (_, first, asked) = raw.read_frame().await;
        assert_eq!(asked, payload(10_000));
        clock.pass(Duration::from_secs(3)).await;
        raw.send_frame(2, first, b"\0\0\x03").await;
        let (_, second, asked) = raw.read_frame().await;
        assert_eq!(asked, payload(7_000));
        raw.send_frame(2, second, b"\0\0\x03").await;
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), 3);
        }
    });
}

#[test]
fn what_has_no_time_left_is_not_begun_by_either_end() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let error =
            Context::current().with_deadline(Instant::now()).scope(library.count()).await.unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::Expired, Begun::No));
        assert_eq!(served.stats.begun(), 0);
        // A client of others may send it all the same.
        let raw = Raw::greet(served.addr).await;
        let mut late = request("Library.wait", 0b10, &[0, 0, 0, 0]);
        late.extend(b"\x91\xc3");
        raw.send_frame(1, 7, &late).await;
        let (kind, id, payload) = raw.read_frame().await;
        assert_eq!((kind, id, &payload[..2]), (2, 7, &[0, 5][..]));
        assert_eq!(served.seen.waiting.get(), 0);
    });
}

/// By a client that does not give up by itself.
#[test]
fn the_server_drops_a_call_whose_time_is_over() {
    run(async {
        let served = Served::start().await;
        let raw = Raw::greet(served.addr).await;
        let mut short = request("Library.wait", 0b10, &[20, 0, 0, 0]);
        short.extend(b"\x91\xc3");
        raw.send_frame(1, 7, &short).await;
        assert_eq!(raw.read_frame().await, (7, 7, vec![2]));
        assert_eq!((served.seen.waiting.get(), served.seen.dropped.get()), (1, 1));
    });
}

/// A call lasts until the end of its stream, and so does its time: whoever reads it, and whether it reads.
#[test]
fn a_stream_ends_when_the_time_of_its_call_is_over() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let served = Served::start().await;
        let local = LibraryServer::new(Shelves::default());
        // Before the first ping.
        let soon = || Context::current().with_deadline(Instant::now() + Duration::from_secs(10));
        let mut remote = soon().scope(served.client().await.upper(stream::pending())).await.unwrap();
        let mut local = soon().scope(LibraryClient::new(local).upper(stream::pending())).await.unwrap();
        // A peer that has stopped reading, and one whose stream has ended by then.
        let raw = Raw::greet(served.addr).await;
        let mut blobs = request("Library.blobs", 0b10, &10_000_u32.to_le_bytes());
        blobs.extend(b"\x91\xcd\x75\x30"); // of 30,000 bytes
        raw.send_frame(1, 7, &blobs).await;
        for kind in [2, 3, 3, 3] {
            assert_eq!(raw.read_frame().await.0, kind);
        }
        let numbers = soon().scope(served.client().await.numbers(3)).await.unwrap();

        clock.pass(Duration::from_secs(9)).await;
        begin(&mut Box::pin(remote.next())).await;
        clock.pass(Duration::from_secs(1)).await;
        for stream in [&mut remote, &mut local] {
            let error = stream.next().await.unwrap().unwrap_err();
            assert_eq!((error.kind(), error.begun()), (ErrorKind::Expired, Begun::Yes), "{error:?}");
            assert!(stream.next().await.is_none());
        }
        assert_eq!(raw.read_frame().await, (7, 7, vec![2]));
        assert_eq!(numbers.map(Result::unwrap).collect::<Vec<_>>().await, [0, 1, 2]);
    });
}

#[test]
fn the_trace_goes_on_at_the_server() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        assert_eq!(library.trace().await.unwrap(), None);
        for is_sampled in [true, false] {
            let trace = Trace::root().with_sampled(is_sampled);
            let there = Context::current().with_trace(trace).scope(library.trace()).await.unwrap();
            let there: Trace = there.unwrap().parse().unwrap();
            assert_eq!((there.trace_id(), there.is_sampled()), (trace.trace_id(), is_sampled));
            assert_ne!(there.span_id(), trace.span_id(), "the call is a span of its own");
        }
    });
}

#[test]
fn a_call_that_is_dropped_is_dropped_at_the_server() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let mut call = Box::pin(library.wait(true));
        begin(&mut call).await;
        served.seen.until(|seen| seen.waiting.get() == 1).await;
        drop(call);
        served.seen.until(|seen| seen.dropped.get() == 1).await;
        assert_eq!((served.stats.begun(), served.stats.cancelled()), (1, 1));
        assert_eq!(library.count().await.unwrap(), 3);
    });
}
