//! Checksums of frames: there if both sides ask for them, and then nothing that was changed is believed.

use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{run, spawn};
use ekiden_rpc::client::Config;
use ekiden_rpc::{Client, ErrorKind, HelloError, server};
use ekiden_service::{Begun, Failure, Fault};
use std::error::Error as _;

use crate::checksum::{asking, checked, hello};
use crate::library::{LibraryClient, Served};
use crate::raw::{HELLO, Raw, frame, request};

/// A server that would have checksums.
async fn serve() -> Served {
    let mut config = server::Config::default();
    config.checksums = true;
    Served::with(config).await
}

fn config() -> Config {
    let mut config = Config::default();
    config.checksums = true;
    config
}

async fn greet(served: &Served) -> Raw {
    let raw = Raw::connect(served.addr).await;
    raw.send(&asking()).await;
    let said = raw.read_hello().await;
    assert_eq!(said[34..40], *b"\x05\0\x01\0\0\0");
    raw
}

/// A client of ours and its server, by hand, which says this first.
async fn connect(listener: &TcpListener, hello: &[u8]) -> (Result<Client, ekiden_rpc::Error>, Raw) {
    let addr = listener.local_addr().unwrap();
    let client = spawn(async move { Client::connect_with(config(), addr).await });
    let raw = Raw(listener.accept().await.unwrap().0);
    let said = raw.read_hello().await;
    assert_eq!(said[34..40], *b"\x05\0\x01\0\0\0");
    raw.send(hello).await;
    (client.await.unwrap(), raw)
}

fn count(id: u32) -> Vec<u8> {
    frame(1, id, &request("Library.count", 0, b"\x90"))
}

#[test]
fn frames_have_checksums_if_both_sides_ask_for_them() {
    run(async {
        let served = serve().await;
        let raw = greet(&served).await;
        raw.send(&checked(&count(7))).await;
        assert_eq!(raw.read_checked().await, frame(2, 7, b"\0\0\x03"));
        raw.send(&checked(&frame(8, 0, b"in order"))).await;
        assert_eq!(raw.read_checked().await, frame(9, 0, b"in order"));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, raw) = connect(&listener, &asking()).await;
        let library = LibraryClient::new(client.unwrap());
        let call = spawn(async move { library.count().await });
        let asked = raw.read_checked().await;
        let id = u32::from_le_bytes(asked[5..9].try_into().unwrap());
        assert_eq!(asked, count(id));
        raw.send(&checked(&frame(2, id, b"\0\0\x03"))).await;
        assert_eq!(call.await.unwrap().unwrap(), 3);
    });
}

/// As old ones do not, which know no such setting.
#[test]
fn whoever_does_not_ask_for_checksums_is_spoken_to_without() {
    run(async {
        let served = serve().await;
        let raw = Raw::greet(served.addr).await;
        raw.send(&count(7)).await;
        assert_eq!(raw.read_frame().await, (2, 7, b"\0\0\x03".to_vec()));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, raw) = connect(&listener, HELLO).await;
        let library = LibraryClient::new(client.unwrap());
        let call = spawn(async move { library.count().await });
        let (kind, id, _) = raw.read_frame().await;
        assert_eq!(kind, 1);
        raw.send_frame(2, id, b"\0\0\x03").await;
        assert_eq!(call.await.unwrap().unwrap(), 3);

        // And ours of each kind with each other.
        let without = Served::start().await;
        for addr in [served.addr, without.addr] {
            for config in [Config::default(), config()] {
                let library = LibraryClient::new(Client::connect_with(config, addr).await.unwrap());
                assert_eq!(library.count().await.unwrap(), 3);
            }
        }
    });
}

#[test]
fn of_a_request_that_was_changed_nothing_is_begun() {
    run(async {
        let served = serve().await;
        let find = checked(&frame(1, 7, &request("Library.find", 0, b"\x91\xa4Emma")));
        // With another length the server may wait for more, so that one comes by itself.
        for at in 4..find.len() {
            let raw = greet(&served).await;
            let dropped = served.seen.dropped.get();
            raw.send(&checked(&frame(1, 1, &request("Library.wait", 0, b"\x91\xc3")))).await;
            served.seen.until(|seen| seen.waiting.get() == dropped + 1).await;
            let mut changed = find.clone();
            changed[at] ^= 0x20;
            raw.send(&changed).await;
            assert!(raw.is_ended().await, "byte {at}");
            assert_eq!(served.seen.dropped.get(), dropped + 1, "what was open ends with its connection");
        }
        let raw = greet(&served).await;
        let mut longer = find.clone();
        longer[0] += 1;
        raw.send(&[longer, find].concat()).await;
        assert!(raw.is_ended().await);
        assert!(served.seen.titles.borrow().is_empty());
        assert_eq!(served.server.panics(), 0);
    });
}

#[test]
fn an_answer_that_was_changed_is_none_and_its_caller_is_told_the_truth() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let one_at_a_time = hello(&[(2, 1), (5, 1)]);
        for at in 4..9 + 3 + 4 {
            let (client, raw) = connect(&listener, &one_at_a_time).await;
            let library = LibraryClient::new(client.unwrap());
            let waiting = library.clone();
            let call = spawn(async move { library.count().await });
            let asked = raw.read_checked().await;
            let waits = spawn(async move { waiting.count().await });
            let id = u32::from_le_bytes(asked[5..9].try_into().unwrap());
            let mut answer = checked(&frame(2, id, b"\0\0\x03"));
            answer[at] ^= 0x01;
            raw.send(&answer).await;
            let error = call.await.unwrap().unwrap_err();
            let told = (error.kind(), error.begun(), error.fault(), error.is_timeout());
            assert_eq!(told, (ErrorKind::Lost, Begun::Unknown, Fault::Network, false), "byte {at}");
            let sources = std::iter::successors(error.source(), |error| (**error).source());
            let last = sources.last().map(ToString::to_string);
            assert_eq!(
                last.as_deref(),
                Some("a frame with another checksum than its bytes have: it was changed on its way")
            );
            let error = waits.await.unwrap().unwrap_err();
            assert_eq!((error.kind(), error.begun()), (ErrorKind::Lost, Begun::No), "byte {at}");
        }
    });
}

#[test]
fn with_a_hello_that_was_changed_there_is_no_connection() {
    run(async {
        let served = serve().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let whole = hello(&[(1, 70_000), (5, 1)]);
        // From where the settings begin: the key and the value of each.
        for at in 10..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x08;
            let raw = Raw::connect(served.addr).await;
            raw.send(&changed).await;
            assert!(raw.is_ended().await, "byte {at}");

            let (client, _raw) = connect(&listener, &changed).await;
            let error = client.expect_err("it was changed");
            let told = (error.kind(), error.begun(), error.fault());
            assert_eq!(told, (ErrorKind::Hello, Begun::No, Fault::Network), "byte {at}");
            let source = error.source().and_then(|source| source.downcast_ref::<HelloError>());
            assert_eq!(source, Some(&HelloError::Changed), "byte {at}");
        }
        assert_eq!(served.client().await.count().await.unwrap(), 3);
    });
}
