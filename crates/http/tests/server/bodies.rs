//! Bodies that stream, in both directions and at the same time.

use std::convert::Infallible;

use ekiden_http::{Body, server::Config};
use ekiden_proto::server::Drain;
use ekiden_reactor::{run, spawn, yield_now};
use ekiden_service::service_fn;
use http::{Request, Response};

use crate::script::{check, check_split, check_with};
use crate::world::pipe::pipe;

#[test]
fn a_body_is_echoed_while_it_comes() {
    check(
        r"
        send POST /echo HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n
        wire => HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n
        send 5\nhello\n
        wire => 5\nhello\n
        send 6\n world\n0\nA: b\n\n
        wire => 6\n world\n0\na: b\n\n
        send POST /echo HTTP/1.1\nHost: x\nContent-Length: 5\n\nhel
        wire => HTTP/1.1 200 OK\ncontent-length: 5\n\nhel
        send lo
        wire => lo
        client => open
        ",
    );
}

#[test]
fn a_response_of_unknown_length_goes_in_chunks() {
    check(
        r"
        send GET /feed/a HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n
        feed a hello
        wire => 5\nhello\n
        end a
        wire => 0\n\n
        client => open
        ",
    );
}

#[test]
fn a_response_that_cannot_be_ended_is_cut() {
    check(
        r"
        send GET /feed/a HTTP/1.1\nHost: x\n\n
        feed a hello
        break a
        wire => HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n5\nhello\n
        told => warning: http: a response was cut short: making the body failed: broken
        client => closed
        ended => ok
        ",
    );
    check(
        r"
        send GET /declared/5 HTTP/1.1\nHost: x\n\n
        feed declared hel
        end declared
        wire => HTTP/1.1 200 OK\ncontent-length: 5\n\nhel
        told => warning: http: a response was cut short: making the body failed: the body is shorter than its content-length
        client => closed
        ",
    );
    check(
        r"
        send GET /declared/5 HTTP/1.1\nHost: x\n\n
        feed declared hello!
        wire => HTTP/1.1 200 OK\ncontent-length: 5\n\n
        told => warning: http: a response was cut short: making the body failed: the body is longer than its content-length
        client => closed
        ",
    );
    check(
        r"
        send GET /trap HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n
        told => warning: http: a response was cut short: making the body failed: in the body
        client => closed
        ",
    );
}

#[test]
fn a_service_that_reads_slowly_holds_the_client_back() {
    check(
        r"
        send POST /sip/a HTTP/1.1\nHost: x\nContent-Length: 400000\n\n
        flood 400000
        calls => 1
        unread => 268928
        wire =>
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 22\nconnection: close\n\n65536 then 65536 bytes
        ",
    );
}

#[test]
fn a_client_that_reads_slowly_holds_the_service_back() {
    check(
        r"
        window 50
        send GET /big/1000000 HTTP/1.1\nHost: x\n\n
        send GET /a HTTP/1.1\nHost: x\n\n
        calls => 0
        unread => 28
        window 2000000
        wire => HTTP/1.1 200 OK\ncontent-length: 1000000\n\n[1000000 x]HTTP/1.1 200 OK\ncontent-length: 2\n\n/a
        client => open
        ",
    );
}

#[test]
fn the_go_ahead_is_given_when_the_body_is_wanted() {
    check(
        r"
        send POST /count HTTP/1.1\nHost: x\nContent-Length: 5\nExpect: 100-continue\n\n
        wire => HTTP/1.1 100 Continue\n\n
        send hello
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n5 bytes
        client => open
        ",
    );
    check(
        r"
        send POST /a HTTP/1.1\nHost: x\nContent-Length: 5\nExpect: 100-continue\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\nconnection: close\n\n/a
        client => closing
        ",
    );
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\n
        send GET /count HTTP/1.1\nHost: x\nContent-Length: 5\nExpect: 100-continue\n\n
        calls => 2
        wire =>
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/aHTTP/1.1 100 Continue\n\n
        send hello
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n5 bytes
        ",
    );
}

#[test]
fn a_body_that_is_not_read_is_passed_over() {
    check_split(
        r"
        send POST /a HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/a
        send POST /b HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/b
        client => open
        ",
    );
    check_with(
        |config| config.unread_bytes_max = 10,
        r"
        send POST /a HTTP/1.1\nHost: x\nContent-Length: 11\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\nconnection: close\n\n/a
        client => closing
        send hello world
        unread => 0
        close
        client => closed
        ",
    );
    check_with(
        |config| config.unread_bytes_max = 10,
        r"
        send POST /a HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/a
        send b\nhello world\n
        client => closing
        ",
    );
}

#[test]
fn a_body_may_be_read_by_another_task() {
    check(
        r"
        send POST /aside HTTP/1.1\nHost: x\nContent-Length: 300000\nExpect: 100-continue\n\n
        wire => HTTP/1.1 100 Continue\n\n
        flood 300000
        wire => HTTP/1.1 200 OK\ncontent-length: 12\n\n300000 bytes
        client => open
        ",
    );
}

/// Nor does it matter to others that a body gives nothing for ever.
#[test]
fn a_body_of_nothing_for_ever_leaves_turns_to_others() {
    check(
        r"
        send GET /nothing HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n
        reset
        client => gone
        ",
    );
}

/// A body that nobody reads comes byte by byte: another task has its turn after so many.
#[test]
fn a_body_in_many_pieces_leaves_turns_to_others() {
    let request = [&b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"[..], &[b'x'; 500]].concat();
    run(async {
        let (pipe, peer) = pipe();
        peer.set_steps(1, usize::MAX);
        let answer = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
        drop(spawn(Config::default().serve_connection(pipe, answer, Drain::new())));
        yield_now().await;
        peer.send(&request);
        let mut most = 0;
        for _ in 0..100 {
            let before = peer.taken();
            yield_now().await;
            most = most.max(peer.taken() - before);
        }
        assert_eq!((most, peer.unread()), (16, 0));
        assert!(peer.take().starts_with(b"HTTP/1.1 200 OK\r\n"));
    });
}
