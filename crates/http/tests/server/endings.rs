//! How connections end: by either side, in the middle of things, and in order.

use crate::script::check;

#[test]
fn a_client_that_leaves_between_two_requests_is_no_news() {
    check(
        r"
        send GET /a HTTP/1.1\nHost: x\n\n
        close
        client => closed
        ended => ok
        told =>
        ",
    );
}

#[test]
fn a_client_that_sends_no_more_is_still_answered() {
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\n
        close
        calls => 1
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/aHTTP/1.1 200 OK\ncontent-length: 2\nconnection: close\n\n/b
        client => closed
        ",
    );
}

#[test]
fn a_connection_that_breaks_drops_its_calls() {
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\n
        calls => 1
        reset
        calls => 0
        client => gone
        ended => receiving a request failed
        told =>
        ",
    );
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\nConnection: close\n\n
        calls => 1
        reset
        calls => 0
        ",
    );
    check(
        r"
        send GET /feed/a HTTP/1.1\nHost: x\n\n
        reset
        client => gone
        ",
    );
}

#[test]
fn a_body_that_is_cut_short_breaks() {
    check(
        r"
        send POST /count HTTP/1.1\nHost: x\nContent-Length: 5\n\nhel
        close
        wire => HTTP/1.1 400 Bad Request\ncontent-length: 12\nconnection: close\n\nBad Request⏎
        client => closed
        told =>
        ",
    );
}

#[test]
fn a_drain_answers_what_has_come() {
    check(
        r"
        drain GET /a HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\nconnection: close\n\n/a
        client => closing
        ",
    );
}

#[test]
fn a_drain_ends_what_is_idle_and_finishes_what_is_not() {
    check(
        r"
        drain
        client => closed
        ended => ok
        ",
    );
    check(
        r"
        send GET /a HTTP/1.1\nHost: x\n\n
        drain
        client => closed
        ",
    );
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nGET /wait/b HTTP/1.1\nHost: x\n\n
        drain
        go a
        go b
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/aHTTP/1.1 200 OK\ncontent-length: 7\nconnection: close\n\n/wait/b
        client => closing
        send GET /c HTTP/1.1\nHost: x\n\n
        wire =>
        close
        client => closed
        ended => ok
        ",
    );
    check(
        r"
        send GET /a HT
        drain
        client => open
        send TP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\nconnection: close\n\n/a
        client => closing
        ",
    );
    check(
        r"
        send GET /feed/a HTTP/1.1\nHost: x\n\n
        drain
        feed a hello
        end a
        wire => HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n5\nhello\n0\n\n
        client => closing
        ",
    );
}

#[test]
fn who_ends_the_server_is_told_that_it_ends() {
    check(
        r"
        send GET /drain HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 6\nconnection: close\n\n/drain
        client => closed
        ",
    );
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\nGET /drain HTTP/1.1\nHost: x\n\n
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/aHTTP/1.1 200 OK\ncontent-length: 6\nconnection: close\n\n/drain
        client => closing
        ",
    );
}
