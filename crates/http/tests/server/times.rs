//! Clients that take their time.

use std::task::{Context, Waker};
use std::time::Duration;

use ekiden_http::server::Config;
use ekiden_http::{Body, Error};
use ekiden_proto::server::Drain;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Reactor, spawn, yield_now};
use ekiden_service::service_fn;
use http::Response;

use crate::script::check;
use crate::world::pipe::{End, pipe};

/// A header's field, a byte a second.
#[test]
fn a_head_must_come_in_time() {
    let slowly = "pass 1s\nsend x\n".repeat(29);
    check(&format!(
        r"
        send GET / HTTP/1.1\nA:
        {slowly}
        client => open
        wire =>
        pass 1s
        wire => HTTP/1.1 408 Request Timeout\ncontent-length: 17\nconnection: close\n\nmessage too slow⏎
        client => closing
        pass 2s
        client => closed
        ended => ok
        "
    ));
}

#[test]
fn the_time_for_a_head_begins_with_it() {
    check(
        r"
        pass 59s
        send GET /a HT
        pass 29s
        send TP/1.1\nHost: x\n\n
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/a
        pass 59s
        client => open
        pass 1s
        client => closed
        wire =>
        ",
    );
    check(
        r"
        send GET /a HTTP/1.1\nHost: x\n\nGET /b HT
        pass 29s
        send TP/1.1\nHost: x\n\nGET /c HT
        pass 29s
        send TP/1.1\nHost: x\n\n
        client => open
        ",
    );
}

#[test]
fn an_idle_connection_is_closed() {
    check("pass 59s\nclient => open\npass 1s\nclient => closed\nwire =>\nended => ok");
    check("send \\n\\n\npass 60s\nclient => closed\nwire =>");
}

#[test]
fn a_call_may_take_as_long_as_it_likes() {
    check(
        r"
        send GET /wait/a HTTP/1.1\nHost: x\n\n
        pass 1000s
        go a
        wire => HTTP/1.1 200 OK\ncontent-length: 7\n\n/wait/a
        pass 59s
        client => open
        pass 1s
        client => closed
        ",
    );
}

#[test]
fn a_body_that_stalls_breaks() {
    check(
        r"
        send POST /count HTTP/1.1\nHost: x\nContent-Length: 5\n\nhe
        pass 29s
        send l
        pass 29s
        client => open
        pass 1s
        wire => HTTP/1.1 408 Request Timeout\ncontent-length: 16\nconnection: close\n\nRequest Timeout⏎
        client => closing
        ",
    );
}

#[test]
fn the_frame_of_a_body_is_no_piece_of_it() {
    for (first, then) in [("0", "0"), ("2;a", "b"), (r"0\nA", ": b")] {
        check(&format!(
            r"
            send POST /count HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n2\nhe\n
            pass 15s
            send {first}
            pass 14s
            client => open
            send {then}
            pass 1s
            wire => HTTP/1.1 408 Request Timeout\ncontent-length: 16\nconnection: close\n\nRequest Timeout⏎
            client => closing
            "
        ));
    }
}

#[test]
fn a_body_that_nobody_reads_must_come_in_time_as_a_whole() {
    check(
        r"
        send POST /a HTTP/1.1\nHost: x\nContent-Length: 5\n\nh
        wire => HTTP/1.1 200 OK\ncontent-length: 2\n\n/a
        pass 29s
        send e
        pass 1s
        client => closing
        ",
    );
}

#[test]
fn a_service_that_does_not_read_makes_nobody_late() {
    check(
        r"
        send POST /sip/a HTTP/1.1\nHost: x\nContent-Length: 200000\n\n
        flood 150000
        pass 1000s
        client => open
        ",
    );
    check(
        r"
        send POST /wait/a HTTP/1.1\nHost: x\nContent-Length: 5\nExpect: 100-continue\n\n
        pass 1000s
        client => open
        ",
    );
}

#[test]
fn a_client_that_never_reads_is_dropped() {
    check(
        r"
        window 100
        send GET /big/1000000 HTTP/1.1\nHost: x\n\n
        pass 29s
        window 1000
        pass 29s
        client => open
        pass 1s
        client => gone
        ended => there was no progress for 30s while sending a response
        ",
    );
}

#[test]
fn who_goes_on_sending_after_the_last_word_is_given_two_seconds() {
    check(
        r"
        send nonsense\n\n
        wire => HTTP/1.1 400 Bad Request\ncontent-length: 15\nconnection: close\n\ninvalid method⏎
        flood 1000000
        unread => 0
        client => closing
        pass 1s
        send more
        client => closing
        pass 1s
        client => closed
        ",
    );
}

#[test]
fn who_goes_on_sending_in_small_pieces_is_given_the_same() {
    let pieces = "send piece\n".repeat(300);
    check(&format!("send nonsense\\n\\n\n{pieces}unread => 0\nclient => closing\npass 2s\nclient => closed"));
}

#[test]
fn who_goes_on_sending_too_much_after_the_last_word_is_left() {
    check(
        r"
        send nonsense\n\n
        flood 10000000
        client => closed
        ended => ok
        ",
    );
}

/// A connection that is moved to another task is woken there.
#[test]
fn times_follow_a_connection_to_another_task() {
    let (hand, clock) = Hand::new().expect("a driver");
    Reactor::with_driver(ekiden_reactor::Config::default(), hand).run(async {
        let (drain, service) =
            (Drain::new(), service_fn(async |_| Ok::<_, Error>(Response::new(Body::empty()))));
        let serve = || {
            let (pipe, client) = pipe();
            let mut serving =
                Box::pin(Config::default().serve_connection(pipe, service.clone(), drain.clone()));
            let mut elsewhere = Context::from_waker(Waker::noop());
            assert!(serving.as_mut().poll(&mut elsewhere).is_pending());
            drop(spawn(serving));
            client
        };
        let idle = serve();
        yield_now().await;
        clock.pass(Duration::from_secs(60)).await;
        yield_now().await;
        assert_eq!(idle.other_end(), End::Closed);
        let drained = serve();
        yield_now().await;
        drain.begin();
        yield_now().await;
        assert_eq!(drained.other_end(), End::Closed);
    });
}
