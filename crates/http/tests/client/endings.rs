//! How connections end, and what each caller hears of it.

use crate::script::{check, check_split};

#[test]
fn a_server_that_closes_an_idle_connection_is_noticed_at_once() {
    check(
        r"
        status => Open
        close
        status => Closed
        call a GET /
        answer a => Service No: admitting the request failed: refused: the connection is closed
        peer => closed
        ",
    );
    check(
        r"
        reset
        status => Closed
        ",
    );
}

#[test]
fn who_was_not_begun_is_told_so() {
    check(
        r"
        window 0
        call a GET /
        call b GET /
        reset
        answer a => Network No: writing the request failed: broken pipe
        answer b => Network No: writing the request failed: broken pipe
        ",
    );
    check(
        r"
        call a GET /
        call b GET /
        reset
        answer a => Network Unknown: waiting for the response failed: connection reset
        answer b => Network No: waiting for the response failed: connection reset
        ",
    );
    check(
        r"
        call a GET /
        close
        answer a => Network Unknown: the connection was closed while waiting for the response
        ",
    );
    check(
        r"
        call a GET /
        send HTTP/1.1 2
        close
        answer a => Network Yes: the connection was closed while reading the response's head
        ",
    );
    check(
        r"
        call a GET /
        send HTTP/1.1 100 Continue\n\n
        close
        answer a => Network Yes: the connection was closed while reading the response's head
        ",
    );
}

#[test]
fn a_body_that_is_cut_short_is_not_complete() {
    check_split(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nContent-Length: 5\n\nhel
        answer a => 200
        close
        read a => hel Network Yes: the connection was closed while reading the response's body
        status => Closed
        ",
    );
    check_split(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhel
        answer a => 200
        reset
        read a => hel Network Yes: reading the response's body failed: connection reset
        ",
    );
    check_split(
        r"
        call a GET /
        send HTTP/1.1 200 OK\n\nhel
        answer a => 200
        reset
        read a => hel Network Yes: reading the response's body failed: connection reset
        ",
    );
}

#[test]
fn either_side_may_say_that_this_was_the_last() {
    check(
        r"
        call a GET /
        call b GET /
        send HTTP/1.1 200 OK\nConnection: close\nContent-Length: 1\n\na
        answer a => 200
        read a => a.
        answer b => Service No: admitting the request failed: refused: the connection is closed
        peer => closed
        ",
    );
    check(
        r"
        call a GET / +connection:close
        wire => GET / HTTP/1.1\nhost: a.test\nconnection: close\n\n
        send HTTP/1.1 200 OK\nContent-Length: 0\n\n
        answer a => 200
        peer => closed
        ",
    );
    check(
        r"
        call a GET /
        send HTTP/1.0 200 OK\nContent-Length: 0\n\n
        answer a => 200
        peer => closed
        ",
    );
    check(
        r"
        call a GET /
        send HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 0\n\n
        answer a => 200
        status => Open
        ",
    );
}

#[test]
fn a_call_that_is_dropped_before_it_is_begun_was_never_there() {
    check(
        r"
        call a GET /a
        call b GET /b
        drop b
        call c GET /c
        send HTTP/1.1 204 No\n\n
        wire => GET /a HTTP/1.1\nhost: a.test\n\nGET /c HTTP/1.1\nhost: a.test\n\n
        ",
    );
    check(
        r"
        window 0
        call a GET /a
        drop a
        window 1000
        call b GET /b
        wire => GET /b HTTP/1.1\nhost: a.test\n\n
        ",
    );
}

#[test]
fn a_call_that_is_dropped_after_it_is_begun_ends_the_connection() {
    check(
        r"
        call a GET /a
        call b GET /b
        drop a
        answer b => Service No: admitting the request failed: refused: the connection is closed
        peer => closed
        status => Closed
        ",
    );
}

#[test]
fn a_body_that_nobody_wants_is_read_on_if_its_end_is_near() {
    check(
        r"
        call a GET /a
        send HTTP/1.1 200 OK\nContent-Length: 60000\n\n
        answer a => 200
        drop a
        status => Busy
        flood 60000
        status => Open
        ",
    );
    check(
        r"
        call a GET /a
        send HTTP/1.1 200 OK\nContent-Length: 70000\n\n
        answer a => 200
        drop a
        peer => closed
        ",
    );
    check(
        r"
        call a GET /a
        send HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n8000000\n
        answer a => 200
        drop a
        status => Busy
        flood 60000
        status => Busy
        flood 60000
        peer => closed
        ",
    );
    check(
        r"
        call a GET /a
        send HTTP/1.1 200 OK\n\nhello
        answer a => 200
        drop a
        peer => closed
        ",
    );
}

#[test]
fn an_upgrade_hands_the_stream_over_with_what_was_read_too_far() {
    check_split(
        r"
        call a GET / +connection:upgrade +upgrade:x
        wire => GET / HTTP/1.1\nhost: a.test\nconnection: upgrade\nupgrade: x\n\n
        send HTTP/1.1 101 Switching\nConnection: upgrade\nUpgrade: x\n\nhel
        answer a => 101
        send lo
        upgraded a => hello
        status => Closed
        peer => open
        drop a
        peer => gone
        ",
    );
    check(
        r"
        call a CONNECT b.test:443
        wire => CONNECT b.test:443 HTTP/1.1\nhost: b.test:443\n\n
        send HTTP/1.1 200 OK\n\nhello
        answer a => 200
        upgraded a => hello
        ",
    );
}

#[test]
fn a_body_that_panics_takes_only_its_connection_along() {
    check(
        r"
        call a POST / fed
        call b GET /
        feed a x
        panic a
        answer a => Network Unknown: the connection was closed while ending the connection's task
        answer b => Service No: admitting the request failed: refused: the connection is closed
        status => Closed
        peer => gone
        ",
    );
}
