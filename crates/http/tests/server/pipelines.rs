//! Many requests at once.

use crate::script::{check, check_split, check_with};

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
        |config| config.pipelined_max = 2,
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
        |config| config.pipelined_max = 0,
        r"
        send GET /a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/aHTTP/1.1 200 OK\ncontent-length: 2\n\n/b
        ",
    );
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
