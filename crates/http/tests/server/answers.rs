//! Requests and their answers, one after the other.

use crate::script::{check, check_split};

#[test]
fn requests_are_answered_on_one_connection() {
    check_split(
        r"
        send GET /a HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/a
        send POST /count HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n5 bytes
        send POST /count HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n5\nhello\n6;x\n world\n0\nA: b\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 8\n\n11 bytes
        client => open
        ",
    );
}

#[test]
fn head_is_answered_without_a_body() {
    check(
        r"
        send HEAD /a HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n
        send GET /status/204 HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 204 No Content\n\n
        send GET /status/304 HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 304 Not Modified\n\n
        send GET /status/418 HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 418 I'm a teapot\ncontent-length: 11\n\n/status/418
        client => open
        ",
    );
}

#[test]
fn http_1_0_closes_unless_told() {
    check(
        r"
        send GET /a HTTP/1.0\nConnection: keep-alive\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\nconnection: keep-alive\n\n/a
        send GET /a HTTP/1.0\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\nconnection: close\n\n/a
        client => closed
        ended => ok
        ",
    );
    check(
        r"
        send GET /feed/a HTTP/1.0\nConnection: keep-alive\n\n
        feed a hello
        wire => HTTP/1.1 200 OK\nconnection: close\n\nhello
        end a
        client => closing
        ",
    );
}

#[test]
fn a_call_that_fails_is_answered() {
    check(
        r"
        send GET /fail HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 500 Internal Server Error\ncontent-length: 22\n\nInternal Server Error⏎
        told => error: http: a service failed: handling the request failed: the roof leaks
        send GET /refuse HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 503 Service Unavailable\nretry-after: 1\ncontent-length: 20\n\nService Unavailable⏎
        told =>
        client => open
        ",
    );
}

#[test]
fn a_call_that_panics_is_answered_and_ends_the_connection() {
    check(
        r"
        send GET /panic HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 500 Internal Server Error\ncontent-length: 22\nconnection: close\n\nInternal Server Error⏎
        told => error: http: a service panicked (1 so far): at the disco
        calls => 0
        client => closing
        ",
    );
}

#[test]
fn a_service_cannot_lie_about_its_body() {
    let refused = r"HTTP/1.1 500 Internal Server Error\ncontent-length: 22\n\nInternal Server Error⏎";
    check(&format!(
        r"
        send GET /length/5 HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 5\n\n12345
        send GET /length/6 HTTP/1.1\nHost: x\n\n
        wire => {refused}
        told => error: http: a response cannot be sent: the content-length disagrees with the body
        send GET /chunked HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 5\n\n12345
        send GET /status/101 HTTP/1.1\nHost: x\n\n
        wire => {refused}
        told => error: http: a response cannot be sent: a change of protocol that was not offered
        send GET /status/100 HTTP/1.1\nHost: x\n\n
        wire => {refused}
        told => error: http: a response cannot be sent: an informational status is no answer
        client => open
        ",
    ));
}
