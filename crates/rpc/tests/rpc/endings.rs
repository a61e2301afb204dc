//! How it ends: drains under load, and peers that say nothing at all.

use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{Config, Reactor, run, spawn, yield_now};
use ekiden_rpc::{Client, ErrorKind};
use ekiden_service::{Begun, Failure};

use crate::library::Served;
use crate::raw::{HELLO, Raw, frame, request};

/// Callers ask over and over while the server drains: each answer is right, and each failure has begun nothing.
#[test]
fn a_drain_under_load_loses_no_answer() {
    run(async {
        let served = Served::start().await;
        let callers: Vec<_> = {
            let library = served.client().await;
            let call = |_| {
                let library = library.clone();
                spawn(async move {
                    for answered in 0_u64.. {
                        match library.count().await {
                            Ok(count) => assert_eq!(count, 3),
                            Err(error) => return (answered, error),
                        }
                    }
                    unreachable!("the server drains")
                })
            };
            (0..50).map(call).collect()
        };
        served.until(|stats| stats.answered() > 1000).await;
        let stats = served.stats.clone();
        let drained = served.server.drain(Duration::from_secs(30)).await;
        assert_eq!((drained.finished, drained.dropped), (1, 0));
        let mut sum = 0;
        for caller in callers {
            let (answered, error) = caller.await.unwrap();
            assert_eq!(error.begun(), Begun::No, "{error:?}");
            sum += answered;
        }
        assert_eq!((stats.begun(), stats.answered()), (sum, sum));
    });
}

#[test]
fn a_drain_finishes_the_calls_that_are_open() {
    run(async {
        let served = Served::start().await;
        let raw = Raw::greet(served.addr).await;
        let library = served.client().await;
        let mut words = library.numbers(100_000).await.unwrap();
        assert_eq!(words.next().await.unwrap().unwrap(), 0);
        let drained = served.server.drain(Duration::from_secs(30));
        // Who has nothing open is told and closed; who does goes on to the end.
        assert_eq!(raw.read_frame().await, (10, 0, vec![]));
        assert!(raw.is_ended().await);
        for expected in 1..100_000 {
            assert_eq!(words.next().await.unwrap().unwrap(), expected);
        }
        assert!(words.next().await.is_none());
        assert_eq!(drained.await.dropped, 0);
        let error = library.count().await.unwrap_err();
        assert_eq!(error.begun(), Begun::No);
    });
}

#[test]
fn whoever_has_not_said_hello_holds_up_no_drain() {
    run(async {
        let served = Served::start().await;
        let silent = Raw::connect(served.addr).await;
        silent.send(&HELLO[..7]).await;
        while served.server.connections() < 1 {
            yield_now().await;
        }
        assert_eq!(served.server.drain(Duration::from_secs(30)).await.dropped, 0);
        assert!(silent.is_ended().await);
    });
}

/// On a clock of the test's own.
#[test]
fn whoever_takes_too_long_to_say_hello_is_given_up() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let served = Served::start().await;
        let silent = Raw::connect(served.addr).await;
        silent.send(&HELLO[..7]).await;
        while served.server.connections() < 1 {
            yield_now().await;
        }
        // Its task has begun to wait by then.
        for _ in 0..10 {
            yield_now().await;
        }
        clock.pass(Duration::from_secs(10)).await;
        assert!(silent.is_ended().await);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = spawn(async move { Client::connect(addr).await });
        let (_silent, _) = listener.accept().await.unwrap();
        while !client.is_finished() {
            clock.pass(Duration::from_secs(1)).await;
            yield_now().await;
        }
        let error = client.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.begun(), error.is_timeout()), (ErrorKind::Connect, Begun::No, true));
    });
}

/// Of a client that says no more what is open is answered. A body that is not complete breaks off, and its call with it.
#[test]
fn a_client_that_ends_its_direction_has_its_answers() {
    run(async {
        let served = Served::start().await;
        let raw = Raw::greet(served.addr).await;
        let requests = [
            frame(1, 1, &request("Library.count", 0, b"\x90")),
            frame(1, 2, &request("Library.numbers", 0, b"\x91\x02")),
            frame(1, 3, &request("Library.swallow", 1, b"\x91\x09")),
        ];
        raw.send(&requests.concat()).await;
        raw.0.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = Vec::new();
        while said.len() < 6 {
            let (kind, id, _) = raw.read_frame().await;
            // It may ask for a sign of life between.
            said.extend((kind != 8).then_some((id, kind)));
        }
        said.sort_unstable();
        assert_eq!(said, [(1, 2), (2, 2), (2, 3), (2, 3), (2, 4), (3, 7)]);
        assert!(raw.is_ended().await);
    });
}

#[test]
fn a_server_that_is_lost_leaves_no_caller_waiting() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = spawn(async move { Client::connect(addr).await });
        let raw = Raw::accept(&listener, &[]).await;
        let library = crate::library::LibraryClient::new(client.await.unwrap().unwrap());
        let call = spawn(async move { library.count().await });
        let (kind, _, payload) = raw.read_frame().await;
        assert_eq!((kind, payload), (1, request("Library.count", 0, b"\x90")));
        drop(raw);
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::Lost, Begun::Unknown));
    });
}

/// As a program that is killed: its connection ends like that of one that has said all that it had to say.
#[test]
fn the_calls_of_a_client_that_is_gone_are_dropped() {
    run(async {
        let served = Served::start().await;
        let raw = Raw::greet(served.addr).await;
        let method = ekiden_rpc::Method::new("Library.wait").id();
        // For ever.
        raw.send_frame(1, 7, &[&[0], &method.to_le_bytes()[..], b"\x91\xc3"].concat()).await;
        served.until(|stats| stats.begun() == 1).await;
        drop(raw);
        served.until(|stats| stats.cancelled() == 1).await;
    });
}
