//! What clients must not send, and what they are told.

use crate::script::{check, check_with};

/// A client that sends this is told that, and the connection ends.
fn check_refused(input: &str, status: &str, text: &str) {
    let length = text.len() + 1;
    check(&format!(
        r"
        send {input}
        wire => HTTP/1.1 {status}\ncontent-length: {length}\nconnection: close\n\n{text}⏎
        client => closing
        close
        client => closed
        ended => ok
        calls => 0
        told =>
        "
    ));
}

#[test]
fn garbage_is_refused() {
    check_refused(r"\0\0\0\0", "400 Bad Request", "invalid method");
    check_refused(r"GET /\n\n", "400 Bad Request", "invalid request target");
    check_refused(r"GET / FTP/1.1\n\n", "400 Bad Request", "invalid start line");
    check_refused(r"GET / HTTP/1.1\nHost: x\n a\n\n", "400 Bad Request", "invalid header name");
    check_refused(r"GET / HTTP/1.1\n\n", "400 Bad Request", "no host");
    check_refused(
        r"PRI * HTTP/2.0\n\nSM\n\n",
        "505 HTTP Version Not Supported",
        "version of HTTP not supported",
    );
}

#[test]
fn what_is_too_long_is_refused() {
    let long = "x".repeat(20_000);
    let long_head = "431 Request Header Fields Too Large";
    check_refused(&format!("GET /{long}"), "414 URI Too Long", "request target too long");
    check_refused(&format!(r"GET / HTTP/1.1\nHost: x\nA: {long}"), long_head, "head too long");
    let many = r"A: b\n".repeat(100);
    check_refused(&format!(r"GET / HTTP/1.1\nHost: x\n{many}\n"), long_head, "too many header fields");
}

#[test]
fn two_ways_to_frame_are_refused() {
    let both = r"POST / HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n";
    check_refused(both, "400 Bad Request", "both content-length and transfer-encoding");
    let twice = r"POST / HTTP/1.1\nHost: x\nContent-Length: 5\nContent-Length: 5\n\nhello";
    check_refused(twice, "400 Bad Request", "more than one content-length");
    let gzip = r"POST / HTTP/1.1\nHost: x\nTransfer-Encoding: gzip, chunked\n\n";
    check_refused(gzip, "501 Not Implemented", "unknown transfer coding");
    let expect = r"GET / HTTP/1.1\nHost: x\nExpect: better\n\n";
    check_refused(expect, "417 Expectation Failed", "unknown expectation");
}

#[test]
fn what_came_before_is_answered_first() {
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\n(((
        wire =>
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/aHTTP/1.1 400 Bad Request\ncontent-length: 15\nconnection: close\n\ninvalid method⏎
        client => closing
        ",
    );
}

#[test]
fn a_broken_body_reaches_its_reader() {
    check(
        r"
        send POST /count HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n5\nhello\nx
        wire => HTTP/1.1 400 Bad Request\ncontent-length: 12\nconnection: close\n\nBad Request⏎
        client => closing
        told =>
        ",
    );
    check(
        r"
        send POST /echo HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n5\nhello\nx
        wire => HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n5\nhello\n
        client => closed
        told =>
        ",
    );
}

#[test]
fn a_body_larger_than_its_reader_allows_is_told_so() {
    check(
        r"
        send POST /count HTTP/1.1\nHost: x\nContent-Length: 2000000\n\n
        wire => HTTP/1.1 413 Payload Too Large\ncontent-length: 18\nconnection: close\n\nPayload Too Large⏎
        client => closing
        ",
    );
}

#[test]
fn limits_are_the_configurations() {
    check_with(
        |config| config.head.head_bytes_max = 29,
        r"
        send GET /a HTTP/1.1\nHost: xyz\n\n
        wire => HTTP/1.1 431 Request Header Fields Too Large\ncontent-length: 14\nconnection: close\n\nhead too long⏎
        ",
    );
}
