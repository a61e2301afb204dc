//! Many requests at once.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use ekiden_http::{Body, server::Config};
use ekiden_proto::server::Drain;
use ekiden_reactor::{run, spawn, yield_now};
use ekiden_service::service_fn;
use http::{Request, Response};

use crate::script::{check, check_split, check_with};
use crate::world::pipe::pipe;

#[test]
fn replies_leave_in_order() {
    check_split(
        r"
        send GET /a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\nHEAD /c HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/aHTTP/1.1 200 OK\ncontent-length: 2\n\n/bHTTP/1.1 200 OK\ncontent-length: 2\n\n
        ",
    );
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nGET /wait/b HTTP/1.1\nHost: x\n\nGET /c HTTP/1.1\nHost: x\n\n
        calls => 2
        go b
        calls => 1
        wire =>
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/aHTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/bHTTP/1.1 200 OK\ncontent-length: 2\n\n/c
        client => open
        ",
    );
}

#[test]
fn requests_that_are_not_safe_run_alone() {
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nPOST /wait/b HTTP/1.1\nHost: x\nContent-Length: 2\n\nhiGET /wait/c HTTP/1.1\nHost: x\n\n
        calls => 1
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/a
        calls => 1
        go b
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/b
        go c
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/c
        ",
    );
}

#[test]
fn so_many_run_at_once_and_no_more() {
    check_with(
        |config| config.in_flight_max = 2,
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nGET /wait/b HTTP/1.1\nHost: x\n\nGET /wait/c HTTP/1.1\nHost: x\n\n
        calls => 2
        go a
        calls => 2
        go b
        go c
        calls => 0
        client => open
        ",
    );
    check_with(
        |config| config.in_flight_max = 0,
        r"
        send GET /a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/aHTTP/1.1 200 OK\ncontent-length: 2\n\n/b
        ",
    );
}

#[test]
fn the_rest_of_a_head_is_read_whatever_had_to_wait_before() {
    // All that may run do, then one is answered, and what was left of the read is the beginning of a head.
    check_with(
        |config| config.in_flight_max = 2,
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nGET /wait/b HTTP/1.1\nHost: x\n\nGET /
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/a
        go b
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/b
        send c HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/c
        ",
    );
    // As many as are begun in one turn, and the beginning of the next.
    for requests in 1..100 {
        let many = r"GET /a HTTP/1.1\nHost: x\n\n".repeat(requests);
        let answers = r"HTTP/1.1 200 OK\ncontent-length: 2\n\n/a".repeat(requests);
        check(&format!(
            r"
            send {many}GET /
            wire => {answers}
            send c HTTP/1.1\nHost: x\n\n
            wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/c
            "
        ));
        // And the beginning of a chunk.
        check(&format!(
            r"
            send {many}POST /count HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0
            wire => {answers}
            send \n\n
            wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n0 bytes
            "
        ));
    }
}

#[test]
fn a_response_that_says_close_is_the_last() {
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nGET /close HTTP/1.1\nHost: x\n\nGET /wait/c HTTP/1.1\nHost: x\n\n
        calls => 2
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/aHTTP/1.1 200 OK\ncontent-length: 6\nconnection: close\n\n/close
        calls => 0
        client => closing
        ",
    );
}

#[test]
fn a_thousand_requests_in_one_write() {
    let requests = r"GET /a HTTP/1.1\nHost: x\n\n".repeat(1000);
    let answers = r"HTTP/1.1 200 OK\ncontent-length: 2\n\n/a".repeat(1000);
    check(&format!("send {requests}\nwire => {answers}\nclient => open"));
}

/// So many requests come by one write: how many of them are begun before another task has its turn, and how many
/// replies it finds then.
async fn begun_and_answered_at_once(requests: usize) -> (usize, usize) {
    let (pipe, client) = pipe();
    let calls = Rc::new(Cell::new(0));
    let service = {
        let calls = calls.clone();
        service_fn(async move |_: Request<Body>| {
            calls.update(|calls| calls + 1);
            Ok::<_, Infallible>(Response::new(Body::empty()))
        })
    };
    client.send(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(requests));
    client.end();
    let served = spawn(Config::default().serve_connection(pipe, service, Drain::new()));
    let (mut begun, mut answered, mut replies) = (0, 0, 0);
    while !served.is_finished() {
        let before = calls.get();
        yield_now().await;
        begun = begun.max(calls.get() - before);
        let now = String::from_utf8_lossy(&client.take()).matches("HTTP/1.1 200 OK").count();
        answered = answered.max(now);
        replies += now;
    }
    assert_eq!((calls.get(), replies), (requests, requests));
    (begun, answered)
}

#[test]
fn a_flood_on_one_connection_lets_the_others_have_their_turn() {
    run(async {
        assert_eq!(begun_and_answered_at_once(16).await, (16, 16));
        let (begun, answered) = begun_and_answered_at_once(2000).await;
        assert!(begun <= 32, "{begun} requests were begun before another task had its turn");
        assert_eq!(answered, begun, "what was begun is answered in the same turn");
    });
}
