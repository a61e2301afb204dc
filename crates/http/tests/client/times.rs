//! Peers that are slow, or silent: what time is up for, and what it is not.

use std::time::Duration;

use ekiden_http::{Body, client::Client};
use ekiden_reactor::{Instant, context::Context};
use ekiden_service::{Begun, Failure, Service, Status};
use futures_util::io::Cursor;

use crate::script::{check, check_with};

#[test]
fn a_peer_that_takes_nothing_is_given_up() {
    check(
        r"
        window 10
        call a GET /
        call b GET /
        pass 29s
        answer a => …
        window 10
        pass 29s
        answer a => …
        pass 1s
        answer a => Service Unknown: there was no progress for 30s while writing the request
        answer b => Service No: there was no progress for 30s while writing the request
        peer => closed
        ",
    );
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    check(
        r"
        call a GET /
        pass 299s
        answer a => …
        pass 1s
        answer a => Service Unknown: there was no progress for 300s while waiting for the response
        status => Closed
        ",
    );
    check_with(
        |config| config.answer_timeout = None,
        r"
        call a GET /
        pass 86400s
        answer a => …
        ",
    );
}

#[test]
fn a_call_whose_deadline_has_passed_is_not_sent() {
    ekiden_reactor::run(async {
        let io = Cursor::new(vec![0; 1024]);
        let client = Client::handshake(io);
        let request = http::Request::get("http://example.com/").body(Body::empty()).unwrap();
        let late = Context::current().with_deadline(Instant::ORIGIN);
        let error = late.scope(client.call(request)).await.unwrap_err();
        assert_eq!(error.to_string(), "beginning the call failed");
        assert_eq!((error.begun(), error.is_timeout()), (Begun::No, true));
        assert_eq!(client.status(), Status::Open, "the connection is none the worse for it");
    });
}

#[test]
fn a_byte_at_a_time_buys_no_time_for_a_head() {
    check(
        r"
        call a GET /
        pass 200s
        send HTTP/1.1 2
        pass 99s
        send 0
        answer a => …
        pass 1s
        answer a => Service Yes: there was no progress for 300s while waiting for the response
        ",
    );
}

#[test]
fn a_body_may_be_slow_but_not_stop() {
    check(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nContent-Length: 10\n\n
        answer a => 200
        pass 29s
        send hel
        pass 29s
        send lo
        read a => hello…
        pass 30s
        read a =>  Service Yes: there was no progress for 30s while reading the response's body
        status => Closed
        ",
    );
}

#[test]
fn a_reader_may_take_its_time() {
    check(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nContent-Length: 150000\n\n
        flood 100000
        answer a => 200
        pass 3600s
        status => Busy
        read a => 100000 bytes…
        flood 50000
        read a => 50000 bytes.
        status => Open
        ",
    );
}

#[test]
fn a_caller_may_take_its_time_for_the_body() {
    check(
        r"
        call a POST / fed
        pass 3600s
        feed a x
        pass 3600s
        end a
        pass 299s
        answer a => …
        send HTTP/1.1 204 No\n\n
        answer a => 204
        ",
    );
}

#[test]
fn an_idle_connection_waits_for_ever() {
    check(
        r"
        call a GET /
        send HTTP/1.1 204 No\n\n
        answer a => 204
        pass 86400s
        status => Open
        call b GET /
        pass 299s
        answer b => …
        send HTTP/1.1 204 No\n\n
        answer b => 204
        ",
    );
}

#[test]
fn a_body_goes_out_unasked_after_a_while() {
    check(
        r"
        call a POST / +expect:100-continue 'hello'
        wire => POST / HTTP/1.1\nhost: a.test\nexpect: 100-continue\ncontent-length: 5\n\n
        pass 0.9s
        wire =>
        pass 0.1s
        wire => hello
        send HTTP/1.1 204 No\n\n
        answer a => 204
        status => Open
        ",
    );
}

#[test]
fn draining_does_not_go_on_for_ever() {
    check_with(
        |config| config.body_timeout = Duration::from_secs(10),
        r"
        call a GET /
        send HTTP/1.1 200 OK\nContent-Length: 1000\n\n
        answer a => 200
        drop a
        pass 9s
        send x
        status => Busy
        pass 1s
        status => Closed
        ",
    );
}

#[test]
fn each_exchange_has_its_time_to_itself() {
    check(
        r"
        call a GET /
        call b GET /
        pass 200s
        send HTTP/1.1 204 No\n\n
        answer a => 204
        pass 299s
        answer b => …
        pass 1s
        answer b => Service Unknown: there was no progress for 300s while waiting for the response
        ",
    );
}

#[test]
fn a_body_that_was_refused_does_not_go_out_later() {
    check(
        r"
        call a POST / +expect:100-continue 'hello'
        wire => POST / HTTP/1.1\nhost: a.test\nexpect: 100-continue\ncontent-length: 5\n\n
        send HTTP/1.1 417 No\nContent-Length: 2\n\nn
        answer a => 417
        pass 2s
        send o
        read a => no.
        wire =>
        ",
    );
}
