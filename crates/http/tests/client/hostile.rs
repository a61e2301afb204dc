//! Peers that break the rules: each gets its connection closed, and each caller an error that says why.

use crate::script::{check, check_split};

/// A peer that answers like this is refused like that, however the bytes come.
fn check_refused(answer: &str, why: &str) {
    check_split(&format!(
        r"
        call a GET /
        send {answer}
        answer a => Service Yes: the peer broke the rules of http while reading the response: {why}
        status => Closed
        peer => closed
        "
    ));
}

#[test]
fn garbage_is_refused() {
    check_refused(r"SSH-2.0-OpenSSH\n", "invalid start line");
    check_refused(r"HTTP/2.0 200 OK\n\n", "invalid start line");
    check_refused(r"HTTP/1.1 2000 OK\n\n", "invalid start line");
    check_refused(r"HTTP/1.1 200 OK\nA : b\n\n", "invalid header name");
    check_refused(r"HTTP/1.1 200 OK\nA: b\n c\n\n", "invalid header name");
}

#[test]
fn two_ways_to_frame_a_body_are_refused() {
    let head = r"HTTP/1.1 200 OK\n";
    check_refused(
        &format!(r"{head}Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n"),
        "both content-length and transfer-encoding",
    );
    check_refused(
        &format!(r"{head}Content-Length: 5\nContent-Length: 6\n\n"),
        "more than one content-length",
    );
    check_refused(&format!(r"{head}Content-Length: 5, 5\n\n"), "invalid content-length");
    check_refused(&format!(r"{head}Content-Length: -5\n\n"), "invalid content-length");
    check_refused(&format!(r"{head}Transfer-Encoding: gzip, chunked\n\n"), "unknown transfer coding");
    check_refused(&format!(r"{head}Transfer-Encoding: chunked, gzip\n\n"), "invalid transfer-encoding");
    check_refused(r"HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n", "transfer-encoding in HTTP/1.0");
}

#[test]
fn a_chunk_must_be_one() {
    check_split(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\nx\n
        answer a => 200
        read a => hello Service Yes: the peer broke the rules of http while reading the response: invalid chunk size
        peer => closed
        ",
    );
}

#[test]
fn an_answer_to_nothing_is_never_taken_for_one() {
    // Between two requests.
    check(
        r"
        send HTTP/1.1 200 OK\nContent-Length: 0\n\n
        status => Closed
        ",
    );
    // Behind a response: one of them would answer the next request.
    check(
        r"
        call a GET /
        call b GET /
        send HTTP/1.1 200 OK\nContent-Length: 1\n\naHTTP/1.1 200 OK\nContent-Length: 1\n\nb
        answer a => 200
        read a => a.
        answer b => Service No: admitting the request failed: refused: the connection is closed
        status => Closed
        ",
    );
    // Behind a response that has no body, whatever it says.
    check(
        r"
        call a HEAD /
        call b GET /
        send HTTP/1.1 200 OK\nContent-Length: 5\n\nhello
        answer a => 200
        answer b => Service No: admitting the request failed: refused: the connection is closed
        ",
    );
    // Before the request has left.
    check(
        r"
        window 0
        call a GET /
        send HTTP/1.1 200 OK\nContent-Length: 0\n\n
        answer a => …
        ",
    );
}

#[test]
fn a_head_has_limits() {
    let long = "x".repeat(70_000);
    check(&format!(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nA: {long}\n\n
        answer a => Service Yes: the peer broke the rules of http while reading the response: head too long
        "
    ));
    let many = r"A: b\n".repeat(201);
    check(&format!(
        r"
        call a GET /
        send HTTP/1.1 200 OK\n{many}\n
        answer a => Service Yes: the peer broke the rules of http while reading the response: too many header fields
        "
    ));
    let interim = r"HTTP/1.1 100 Continue\n\n".repeat(17);
    check(&format!(
        r"
        call a GET /
        send {interim}
        answer a => Service Yes: the peer broke the rules of http while reading the response: too many interim responses
        "
    ));
}

#[test]
fn a_protocol_that_was_not_offered_is_not_spoken() {
    check_refused(
        r"HTTP/1.1 101 Switching\nConnection: upgrade\nUpgrade: x\n\n",
        "a change of protocol that was not offered",
    );
}
