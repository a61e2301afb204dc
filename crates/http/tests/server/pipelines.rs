//! Many requests at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use ekiden_http::{Body, Error, serve_connection};
use ekiden_reactor::{spawn, yield_now};
use ekiden_service::service_fn;
use http::Response;

use crate::pipe::pipe;
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

/// Others get a turn while a client has all of its thousand requests answered.
#[test]
fn a_thousand_requests_leave_turns_to_others() {
    ekiden_reactor::run(async {
        let (pipe, client) = pipe();
        client.send(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
        client.close();
        let turns = Rc::new(Cell::new(0));
        let other = turns.clone();
        drop(spawn(async move {
            loop {
                other.set(other.get() + 1);
                yield_now().await;
            }
        }));
        let seen = Rc::new(RefCell::new(BTreeSet::new()));
        let marks = seen.clone();
        let service = service_fn(async move |_| {
            marks.borrow_mut().insert(turns.get());
            Ok::<_, Error>(Response::new(Body::empty()))
        });
        spawn(serve_connection(pipe, service)).await.expect("no panic").expect("an orderly end");
        let turns = seen.borrow().len();
        assert!(turns > 1000 / 100, "a thousand requests in {turns} turns");
    });
}
