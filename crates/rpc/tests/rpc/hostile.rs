//! Peers of bad will, byte by byte: the connection ends, and nobody else notices.

use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{run, spawn};
use ekiden_rpc::{Client, ErrorKind, HelloError};
use ekiden_service::{Begun, Failure};

use crate::library::{LibraryClient, Served};
use crate::raw::{HELLO, Raw, frame, request};

/// A server of ours ends the connection of whoever says this, and goes on serving others.
async fn check(served: &Served, bytes: &[u8]) {
    let raw = Raw::connect(served.addr).await;
    raw.send(bytes).await;
    assert!(raw.is_ended().await);
    assert_eq!(served.client().await.count().await.unwrap(), 3, "after {}", bytes.escape_ascii());
}

#[test]
fn a_server_ends_the_connection_of_who_does_not_speak_its_language() {
    run(async {
        let served = Served::start().await;
        for hello in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
            b"ekiden\xff\xff\0\0",
            b"ekiden\x01\0\xff\xff",
            b"ekiden\x01\0\x01\0\0",
            b"ekiden\x01\0\x06\0\x03\0\0\0\0\0",
        ] {
            check(&served, hello).await;
        }
    });
}

#[test]
fn a_server_ends_the_connection_of_who_sends_no_frames() {
    run(async {
        let served = Served::start().await;
        let import = request("Library.import", 1, b"\x90");
        for frames in [
            b"\xff\xff\xff\xff".to_vec(),
            b"\0\0\0\0".to_vec(),
            frame(0, 1, b""),
            frame(11, 1, b""),
            frame(2, 1, b"\0\0"),
            frame(7, 1, b"\x01"),
            frame(10, 0, b""),
            frame(1, 1, b"\0"),
            frame(1, 1, &request("Library.wait", 0xff, b"\x91\xc3")),
            frame(5, 1, b"\0"),
            frame(8, 0, b""),
            [frame(1, 1, &import), frame(1, 1, &import)].concat(),
        ] {
            check(&served, &[HELLO, &frames].concat()).await;
        }
        // What was open has ended with its connection.
        served.until(|stats| stats.begun() == stats.answered() + stats.cancelled() + stats.failed()).await;
    });
}

/// What is said of calls that are not there is passed over.
#[test]
fn frames_of_calls_that_are_over_harm_nobody() {
    run(async {
        let served = Served::start().await;
        let raw = Raw::greet(served.addr).await;
        for (kind, payload) in [(3, &b"\xc0"[..]), (4, b""), (5, b"\xff\xff\xff\xff"), (6, b"")] {
            raw.send_frame(kind, 7, payload).await;
        }
        raw.send_frame(8, 0, b"in order").await;
        assert_eq!(raw.read_frame().await, (9, 0, b"in order".to_vec()));
        raw.send_frame(1, 7, &request("Library.count", 0, b"\x90")).await;
        assert_eq!(raw.read_frame().await, (2, 7, b"\0\0\x03".to_vec()));
    });
}

#[test]
fn arguments_that_are_none_are_told() {
    run(async {
        let served = Served::start().await;
        let raw = Raw::greet(served.addr).await;
        let deep = [0x91; 100_000];
        for arguments in [
            &b""[..],
            b"\xc1",
            b"\xdd\xff\xff\xff\xff",
            b"\x91\xdb\xff\xff\xff\xffx",
            b"\x91\xa2\xff\xfe",
            b"\x91\xa1x\xff\xff\xff",
            &deep,
        ] {
            raw.send_frame(1, 7, &request("Library.find", 0, arguments)).await;
            let (kind, id, payload) = raw.read_frame().await;
            assert_eq!((kind, id, &payload[..2]), (2, 7, &[0, 2][..]), "{}", payload.escape_ascii());
            assert!(payload.len() < 300);
        }
        assert!(served.seen.titles.borrow().is_empty());
    });
}

/// A client of ours, whose server says this once it was called.
async fn called(listener: &TcpListener, answer: &[u8]) -> ekiden_rpc::Error {
    let addr = listener.local_addr().unwrap();
    let client = spawn(async move { Client::connect(addr).await });
    let raw = Raw::accept(listener, &[]).await;
    let library = LibraryClient::new(client.await.unwrap().unwrap());
    let call = spawn(async move { library.count().await });
    let (kind, id, _) = raw.read_frame().await;
    assert_eq!(kind, 1);
    // The answers are to call 0, whatever the client's was.
    let mut answer = answer.to_vec();
    if answer.get(5..9) == Some(&[0; 4]) {
        answer[5..9].copy_from_slice(&id.to_le_bytes());
    }
    raw.send(&answer).await;
    call.await.unwrap().unwrap_err()
}

#[test]
fn a_client_ends_the_connection_to_who_sends_no_frames() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for answer in [
            b"\xff\xff\xff\xff".to_vec(),
            b"\0\0\0\0".to_vec(),
            frame(1, 0, &request("Library.count", 0, b"\x90")),
            frame(2, 0, b"\0"),
            frame(2, 0, b"\xff\0"),
            frame(2, 0, b"\0\xff"),
            frame(6, 0, b""),
            frame(7, 0, b"\0"),
            frame(200, 0, b""),
        ] {
            let error = called(&listener, &answer).await;
            assert_eq!(
                (error.kind(), error.begun()),
                (ErrorKind::Lost, Begun::Unknown),
                "{}",
                answer.escape_ascii()
            );
        }
    });
}

#[test]
fn a_result_that_is_none_is_told_to_its_caller_alone() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for answer in [&b""[..], b"\xc1", b"\xa3one", b"\xdd\xff\xff\xff\xff", b"\x03\xc0"] {
            let error = called(&listener, &frame(2, 0, &[b"\0\0", answer].concat())).await;
            assert_eq!((error.kind(), error.begun()), (ErrorKind::BadAnswer, Begun::Yes));
        }
        // What a server says for people is shown as what it is.
        let error = called(&listener, &frame(2, 0, b"\0\x02\x1b[31m\xff")).await;
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(
            (error.kind(), &source[..]),
            (ErrorKind::BadArguments, "the server says: \\u{1b}[31m\u{fffd}")
        );
    });
}

#[test]
fn a_client_turns_away_from_who_does_not_speak_its_language() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for (hello, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Some(HelloError::Stranger { said: *b"HTTP/1" })),
            (b"ekiden\x02\0\0\0", Some(HelloError::Version { ours: 1, theirs: 2 })),
            (b"ekiden\x01\0\xff\xff", Some(HelloError::TooLong { bytes: 65_535 })),
            (b"ekiden\x01\0\x02\0\0\0", Some(HelloError::Malformed)),
            (b"ekiden\x01\0\x02", None),
        ] {
            let client = spawn(async move { Client::connect(addr).await });
            let raw = Raw(listener.accept().await.unwrap().0);
            raw.send(hello).await;
            raw.read(34).await; // or the system would reset the connection
            drop(raw);
            let error = client.await.unwrap().unwrap_err();
            let source = std::error::Error::source(&error).unwrap().downcast_ref::<HelloError>().copied();
            assert_eq!((source, error.begun()), (expected, Begun::No));
        }
    });
}
