//! Everything has a maximum, and what is beyond it is told in a typed way, and harms nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ekiden_proto::multiplex::CHUNK_COST;
use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{Latch, run, spawn};
use ekiden_rpc::client::Connector;
use ekiden_rpc::server::Config;
use ekiden_rpc::{Client, ErrorKind, HelloError, client};
use ekiden_service::{Begun, Failure, Fault, Service, service_fn};
use futures_util::stream;

use crate::library::{Blob, LibraryClient, Served};
use crate::raw::{Raw, frame, request};

#[test]
fn what_the_server_does_not_take_is_not_sent() {
    run(async {
        let mut config = Config::default();
        config.frame_bytes_max = 1024;
        let served = Served::with(config).await;
        let library = served.client().await;
        let error = library.find("x".repeat(1100)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.begun(), error.fault()),
            (ErrorKind::Unsendable, Begun::No, Fault::Caller)
        );
        assert_eq!(error.to_string(), "Library.find: the request cannot be sent");
        assert_eq!(served.stats.begun(), 0);
        let error = library.swallow(9, stream::iter([Blob(vec![0; 1100])])).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.begun(), error.fault()),
            (ErrorKind::UnsendableItem, Begun::Unknown, Fault::Caller)
        );
        assert_eq!(error.to_string(), "Library.swallow: an item of the stream cannot be sent");
        // The same when the server has answered already.
        let answered = Latch::new();
        let words = stream::unfold(answered.clone(), async |answered| {
            answered.wait().await;
            Some(("x".repeat(1100), answered))
        });
        let mut upper = library.upper(words).await.unwrap();
        answered.open();
        let error = upper.next().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "Library.upper: an item of the stream cannot be sent");
        assert_eq!(library.count().await.unwrap(), 3);
    });
}

#[test]
fn what_the_client_does_not_take_is_told_instead() {
    run(async {
        let served = Served::start().await;
        let mut config = client::Config::default();
        config.frame_bytes_max = 1024;
        let library = LibraryClient::new(Client::connect_with(config, served.addr).await.unwrap());
        assert_eq!(library.bytes(1000).await.unwrap().0.len(), 1000);
        let error = library.bytes(1100).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.begun(), error.fault()),
            (ErrorKind::BadResult, Begun::Yes, Fault::Service)
        );
        let mut blobs = library.blobs(1100).await.unwrap();
        assert_eq!(blobs.next().await.unwrap().unwrap_err().kind(), ErrorKind::BadResult);
        assert_eq!(library.count().await.unwrap(), 3);
    });
}

#[test]
fn a_limit_that_no_peer_takes_is_told_to_whoever_sets_it() {
    type Mistake<C> = (fn(&mut C), &'static str);
    let of_servers: [Mistake<Config>; 3] = [
        (|config| config.frame_bytes_max = 1023, "`frame_bytes_max` is 1023, and an answer needs 1024"),
        (
            |config| config.dispatch.in_flight_max = 0,
            "`dispatch.in_flight_max` is 0, and there could be no call",
        ),
        (
            |config| config.dispatch.window_bytes = 0,
            "`dispatch.window_bytes` is 0, and no stream could begin",
        ),
    ];
    for (make, says) in of_servers {
        let mut config = Config::default();
        make(&mut config);
        assert_eq!(panic_of(|| drop(run(Served::with(config)))), says);
    }
    let of_clients: [Mistake<client::Config>; 3] = [
        (|config| config.frame_bytes_max = 1023, of_servers[0].1),
        (|config| config.dispatch.in_flight_max = 0, of_servers[1].1),
        (|config| config.dispatch.window_bytes = 0, of_servers[2].1),
    ];
    for (make, says) in of_clients {
        let mut config = client::Config::default();
        make(&mut config);
        let connecting = Client::connect_with(config.clone(), "127.0.0.1:1");
        assert_eq!(panic_of(|| drop(run(connecting))), says);
        assert_eq!(panic_of(|| drop(Connector::tcp("127.0.0.1:1").with_config(config))), says);
    }
}

fn panic_of(runs: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(runs)).expect_err("it panics");
    panic
        .downcast::<String>()
        .map_or_else(|text| text.downcast_ref::<&str>().unwrap().to_string(), |text| *text)
}

#[test]
fn a_client_sends_no_more_calls_than_the_server_serves() {
    run(async {
        let mut config = Config::default();
        config.dispatch.in_flight_max = 2;
        let served = Served::with(config).await;
        let library = served.client().await;
        let stuck: Vec<_> = (0..3)
            .map(|_| {
                let library = library.clone();
                spawn(async move { library.wait(true).await })
            })
            .collect();
        served.seen.until(|seen| seen.waiting.get() == 2).await;
        stuck[0].abort();
        served.seen.until(|seen| seen.waiting.get() == 3).await;
        assert_eq!(served.stats.refused(), 0);
    });
}

/// Whoever sends more all the same is refused, call by call.
#[test]
fn calls_beyond_the_maximum_are_refused() {
    run(async {
        let mut config = Config::default();
        config.dispatch.in_flight_max = 2;
        let served = Served::with(config).await;
        let raw = Raw::greet(served.addr).await;
        for id in 1..=3 {
            raw.send_frame(1, id, &request("Library.wait", 0, b"\x91\xc3")).await;
        }
        assert_eq!(raw.read_frame().await, (7, 3, vec![1]));
        raw.send_frame(6, 1, b"").await;
        assert_eq!(raw.read_frame().await, (7, 1, vec![4]));
        raw.send_frame(1, 3, &request("Library.count", 0, b"\x90")).await;
        assert_eq!(raw.read_frame().await, (2, 3, b"\0\0\x03".to_vec()));
    });
}

#[test]
fn a_body_beyond_its_credit_ends_the_connection() {
    run(async {
        let served = Served::start().await;
        let raw = Raw::greet(served.addr).await;
        raw.send_frame(1, 1, &request("Library.swallow", 1, b"\x91\x00")).await;
        served.until(|stats| stats.begun() == 1).await;
        // 64 KiB: the second chunk goes below zero.
        let chunk = frame(3, 1, &[0xc4; 1 << 15]);
        raw.send(&[&chunk[..], &chunk, &frame(8, 0, b"in order")].concat()).await;
        assert_eq!(raw.read_frame().await, (9, 0, b"in order".to_vec()));
        raw.send(&[&chunk[..], &frame(8, 0, b"in order")].concat()).await;
        for _ in 0..10 {
            served.client().await.count().await.unwrap();
        }
        // It was heard by then. The method learns of it when it reads on, and then nothing is owed any more.
        served.seen.go_on.set(true);
        served.seen.changed.notify_waiters();
        assert!(raw.is_ended().await);
    });
}

/// As the documentation of `CHUNK_COST` has it.
#[test]
fn a_window_of_the_smallest_chunks_takes_up_to_four_times_its_credit() {
    const WINDOW_BYTES: u32 = 65_536;
    let most = |window_bytes: u32| {
        let allocated = allocation_counter::measure(|| {
            run(async {
                let served = Served::start().await;
                let raw = Raw::greet(served.addr).await;
                raw.send_frame(1, 1, &request("Library.swallow", 1, b"\x91\x00")).await;
                served.until(|stats| stats.begun() == 1).await;
                for _ in 0..window_bytes / (1 + CHUNK_COST) {
                    raw.send_frame(3, 1, b"\xc0").await;
                }
                raw.send_frame(8, 0, b"in order").await;
                assert_eq!(raw.read_frame().await, (9, 0, b"in order".to_vec()));
            });
        });
        allocated.bytes_max
    };
    most(0); // What is made once.
    let held = most(WINDOW_BYTES) - most(0);
    assert!((1..4 * u64::from(WINDOW_BYTES)).contains(&held), "it holds {held} bytes");
}

#[test]
fn an_item_that_is_longer_than_the_caller_takes_is_told_as_that() {
    run(async {
        let served = Served::start().await;
        let mut config = client::Config::default();
        config.frame_bytes_max = 1024;
        let library = LibraryClient::new(Client::connect_with(config, served.addr).await.unwrap());
        let words = stream::iter(["a".to_owned(), "x".repeat(2000), "b".to_owned()]);
        let mut upper = library.upper(words).await.unwrap();
        assert_eq!(upper.next().await.unwrap().unwrap(), "A");
        let error = upper.next().await.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.begun(), error.fault()),
            (ErrorKind::BadResult, Begun::Yes, Fault::Service)
        );
        assert_eq!(error.method().and_then(|method| method.name()), Some("Library.upper"));
        assert!(upper.next().await.is_none());
    });
}

/// A client of a gateway, and no peer of it, has asked for too much.
#[test]
fn what_a_gateway_cannot_send_on_is_its_callers_fault() {
    run(async {
        let mut config = Config::default();
        config.frame_bytes_max = 1024;
        let backend = Served::with(config).await;
        let behind = Client::connect(backend.addr).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let gateway = service_fn(async move |request| behind.call(request).await);
        let _gateway = ekiden_rpc::serve(listener, gateway);
        let library = LibraryClient::new(Client::connect(addr).await.unwrap());
        assert_eq!(library.count().await.unwrap(), 3);
        let error = library.find("x".repeat(1100)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.begun(), error.fault()),
            (ErrorKind::BadArguments, Begun::No, Fault::Caller)
        );
    });
}

/// More than can be counted is asked for, on both sides, and no credit is too much all the same.
#[test]
fn the_widest_window_is_what_can_be_counted() {
    run(async {
        let mut config = Config::default();
        config.dispatch.window_bytes = u32::MAX;
        let served = Served::with(config).await;
        let mut config = client::Config::default();
        config.dispatch.window_bytes = u32::MAX;
        let library = LibraryClient::new(Client::connect_with(config, served.addr).await.unwrap());
        let words = stream::iter((0..100).map(|at| at.to_string()));
        let mut upper = library.upper(words).await.unwrap();
        for at in 0..100 {
            assert_eq!(upper.next().await.unwrap().unwrap(), at.to_string());
        }
        assert!(upper.next().await.is_none());
        // A peer that says so itself is not understood.
        let raw = Raw::connect(served.addr).await;
        raw.send(b"ekiden\x01\0\x06\0\x03\0\0\0\0\x80").await;
        assert_eq!(raw.read(34).await[22..28], *b"\x03\0\xff\xff\xff\x7f");
        assert!(raw.is_ended().await);
        // Nor is one that adds more to what there is.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = spawn(async move { Client::connect(addr).await });
        let raw = Raw::accept(&listener, &[]).await;
        let library = LibraryClient::new(client.await.unwrap().unwrap());
        let call = spawn(async move { library.swallow(1, stream::pending()).await });
        let (_, id, _) = raw.read_frame().await;
        raw.send_frame(5, id, b"\xff\xff\xff\x7f").await;
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::Lost, Begun::Unknown));
    });
}

/// A server that says so much is understood, and so is one that says too little.
#[test]
fn the_two_sides_agree_or_both_know_why_not() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let source = async |settings: &[(u16, u32)]| {
            let client = spawn(async move { Client::connect(addr).await });
            let _raw = Raw::accept(&listener, settings).await;
            let error = client.await.unwrap().unwrap_err();
            assert_eq!((error.kind(), error.begun()), (ErrorKind::Hello, Begun::No));
            *std::error::Error::source(&error).unwrap().downcast_ref::<HelloError>().unwrap()
        };
        assert_eq!(source(&[(4, 2)]).await, HelloError::Format { ours: 1, theirs: 2 });
        assert_eq!(source(&[(1, 7)]).await, HelloError::Setting { key: 1, value: 7 });
        // And the other way round: a client of another format is told by a server's hello, and turned away.
        let served = Served::start().await;
        let mut config = client::Config::default();
        config.format = 0x1_0000;
        let error = Client::connect_with(config, served.addr).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<HelloError>();
        assert_eq!(source, Some(&HelloError::Format { ours: 0x1_0000, theirs: 1 }));
    });
}
