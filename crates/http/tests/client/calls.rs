//! Calls that go as they should: one connection, one request at a time, in order.

use crate::script::{check, check_split, check_with};

#[test]
fn a_call_is_a_request_and_a_response() {
    check_split(
        r"
        status => Open
        call a GET /x?y +accept:z
        wire => GET /x?y HTTP/1.1\nhost: a.test\naccept: z\n\n
        status => Busy
        answer a => …
        send HTTP/1.1 200 OK\nContent-Length: 5\n\nhello
        answer a => 200
        read a => hello.
        status => Open
        ",
    );
}

#[test]
fn the_connection_is_used_again() {
    check_split(
        r"
        call a GET /a
        wire => GET /a HTTP/1.1\nhost: a.test\n\n
        send HTTP/1.1 200 OK\nContent-Length: 1\n\na
        answer a => 200
        read a => a.
        call b GET /b
        wire => GET /b HTTP/1.1\nhost: a.test\n\n
        send HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nb\n0\n\n
        answer b => 200
        read b => b.
        call c GET /c
        send HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n
        answer c => 304
        read c => .
        call d HEAD /d
        send HTTP/1.1 200 OK\nContent-Length: 5\n\n
        answer d => 200
        read d => .
        status => Open
        peer => open
        ",
    );
}

#[test]
fn calls_wait_for_each_other_and_too_many_are_refused() {
    check(
        r"
        call a GET /a
        call b GET /b
        call c GET /c
        answer c => Service No: admitting the request failed: refused: too many calls wait for the connection
        wire => GET /a HTTP/1.1\nhost: a.test\n\n
        send HTTP/1.1 200 OK\nContent-Length: 1\n\n
        answer a => 200
        wire =>
        send a
        read a => a.
        wire => GET /b HTTP/1.1\nhost: a.test\n\n
        send HTTP/1.1 204 No Content\n\n
        answer b => 204
        ",
    );
}

#[test]
fn a_response_whose_body_nobody_reads_holds_up_the_next_only_while_it_is_large() {
    check(
        r"
        call a GET /a
        send HTTP/1.1 200 OK\nContent-Length: 200000\n\n
        flood 200000
        answer a => 200
        call b GET /b
        wire => GET /a HTTP/1.1\nhost: a.test\n\n
        read a => 200000 bytes.
        wire => GET /b HTTP/1.1\nhost: a.test\n\n
        ",
    );
}

#[test]
fn interim_responses_are_not_the_callers_matter() {
    check_split(
        r"
        call a GET /a
        send HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 102 Processing\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n
        answer a => 200
        status => Open
        ",
    );
}

#[test]
fn a_request_that_cannot_be_sent_harms_nobody() {
    check(
        r"
        call a POST / +content-length:7 'hello'
        answer a => Caller No: sending this request is not possible: its content-length is not that of its body
        wire =>
        call b GET /b
        wire => GET /b HTTP/1.1\nhost: a.test\n\n
        ",
    );
}

#[test]
fn a_connection_can_lead_to_a_proxy() {
    check_with(
        |config| config.target_form = ekiden_http::client::TargetForm::Absolute,
        r"
        call a GET http://b.test/x
        wire => GET http://b.test/x HTTP/1.1\nhost: b.test\n\n
        ",
    );
}

#[test]
fn the_last_client_ends_the_connection_when_its_response_is_read() {
    check(
        r"
        leave
        peer => closed
        ",
    );
    check(
        r"
        call a GET /
        leave
        send HTTP/1.1 200 OK\nContent-Length: 5\n\nhel
        answer a => 200
        peer => open
        send lo
        read a => hello.
        peer => closed
        ",
    );
}
