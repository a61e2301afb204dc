//! Bodies that stream, in both directions and at the same time.

use ekiden_http::client::Client;
use ekiden_http::{Body, Request};
use ekiden_reactor::{run, spawn, yield_now};
use ekiden_service::Service;

use crate::script::{check, check_split};
use crate::world::pipe::pipe;

#[test]
fn a_body_at_hand_goes_with_its_head() {
    check(
        r"
        call a POST / 'hello'
        wire => POST / HTTP/1.1\nhost: a.test\ncontent-length: 5\n\nhello
        call b POST /
        send HTTP/1.1 204 No\n\n
        wire => POST / HTTP/1.1\nhost: a.test\ncontent-length: 0\n\n
        ",
    );
}

#[test]
fn a_streaming_body_goes_in_chunks() {
    check(
        r"
        call a PUT / fed
        wire => PUT / HTTP/1.1\nhost: a.test\ntransfer-encoding: chunked\n\n
        feed a hello
        wire => 5\nhello\n
        feed a !
        end a
        wire => 1\n!\n0\n\n
        send HTTP/1.1 204 No\n\n
        answer a => 204
        status => Open
        ",
    );
}

#[test]
fn a_stream_may_have_a_length_that_it_must_keep() {
    check(
        r"
        call a PUT / +content-length:5 fed
        feed a hel
        feed a lo
        wire => PUT / HTTP/1.1\nhost: a.test\ncontent-length: 5\n\nhello
        send HTTP/1.1 204 No\n\n
        answer a => 204
        status => Open
        ",
    );
    check(
        r"
        call a PUT / +content-length:5 fed
        feed a hel
        end a
        answer a => Caller Unknown: sending this body is not possible: the body is shorter than its content-length
        peer => closed
        ",
    );
    check(
        r"
        call a PUT / +content-length:5 fed
        feed a hello!
        answer a => Caller Unknown: sending this body is not possible: the body is longer than its content-length
        wire => PUT / HTTP/1.1\nhost: a.test\ncontent-length: 5\n\n
        peer => closed
        ",
    );
}

#[test]
fn a_body_that_breaks_is_not_ended() {
    check(
        r"
        call a PUT / fed
        feed a hello
        break a
        answer a => Caller Unknown: sending this body is not possible: broken
        wire => PUT / HTTP/1.1\nhost: a.test\ntransfer-encoding: chunked\n\n5\nhello\n
        peer => closed
        status => Closed
        ",
    );
}

#[test]
fn a_response_may_stream_while_the_request_does() {
    check(
        r"
        call a POST / fed
        feed a one
        send HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\none\n
        answer a => 200
        read a => one…
        feed a two
        send 3\ntwo\n
        read a => two…
        wire => POST / HTTP/1.1\nhost: a.test\ntransfer-encoding: chunked\n\n3\none\n3\ntwo\n
        end a
        wire => 0\n\n
        send 0\n\n
        read a => .
        status => Open
        ",
    );
}

#[test]
fn an_early_answer_ends_the_request() {
    check(
        r"
        call a POST / fed
        feed a one
        send HTTP/1.1 413 Too Large\nContent-Length: 2\n\nno
        answer a => 413
        read a => no.
        peer => closed
        status => Closed
        ",
    );
}

#[test]
fn an_early_answer_is_heard_though_the_peer_takes_no_more() {
    check(
        r"
        call a POST / fed
        refuse
        feed a one
        answer a => …
        send HTTP/1.1 413 Too Large\nContent-Length: 2\n\nno
        answer a => 413
        read a => no.
        status => Closed
        ",
    );
    check(
        r"
        call a POST / fed
        refuse
        feed a one
        close
        answer a => Network Unknown: writing the request failed: broken pipe
        ",
    );
}

#[test]
fn trailers_come_behind_the_body() {
    check_split(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\nETag: x\n\n
        answer a => 200
        read a => hello(etag: x).
        status => Open
        ",
    );
}

#[test]
fn a_body_may_last_until_the_close() {
    check_split(
        r"
        call a GET /
        send HTTP/1.1 200 OK\n\nhel
        answer a => 200
        send lo
        close
        read a => hello.
        status => Closed
        peer => closed
        ",
    );
}

#[test]
fn a_reader_who_is_behind_holds_the_peer_back() {
    check(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nContent-Length: 1000000\n\n
        flood 1000000
        answer a => 200
        unread => 934464
        read a => 1000000 bytes.
        ",
    );
}

#[test]
fn a_peer_that_is_behind_holds_the_body_back() {
    check(
        r"
        window 0
        call a POST / fed
        feed a one
        wire =>
        window 75
        wire => POST / HTTP/1.1\nhost: a.test\ntransfer-encoding: chunked\n\n3\none\n
        ",
    );
}

#[test]
fn a_body_waits_until_it_is_asked_for() {
    check_split(
        r"
        call a POST / +expect:100-continue 'hello'
        wire => POST / HTTP/1.1\nhost: a.test\nexpect: 100-continue\ncontent-length: 5\n\n
        send HTTP/1.1 100 Continue\n\n
        wire => hello
        send HTTP/1.1 204 No\n\n
        answer a => 204
        status => Open
        ",
    );
    check(
        r"
        call a POST / +expect:100-continue 'hello'
        send HTTP/1.1 417 No\nContent-Length: 0\n\n
        wire => POST / HTTP/1.1\nhost: a.test\nexpect: 100-continue\ncontent-length: 5\n\n
        answer a => 417
        peer => closed
        ",
    );
}

#[test]
fn single_bytes_are_not_held_by_the_thousand() {
    let chunks = r"1\nx\n".repeat(5000);
    check(&format!(
        r"
        call a GET /
        send HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n{chunks}0\n\n
        answer a => 200
        holds a => 1009
        read a => 5000 bytes.
        "
    ));
}

/// A body comes byte by byte: another task has its turn after so many.
#[test]
fn a_body_in_many_pieces_leaves_turns_to_others() {
    let answer = [&b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"[..], &[b'x'; 500]].concat();
    run(async {
        let (pipe, peer) = pipe();
        peer.set_steps(1, usize::MAX);
        let client = Client::handshake(pipe);
        let request = Request::get("http://a.test/").body(Body::empty()).expect("a request");
        let call = spawn(async move { client.call(request).await });
        yield_now().await;
        peer.send(&answer);
        let mut most = 0;
        for _ in 0..100 {
            let before = peer.taken();
            yield_now().await;
            most = most.max(peer.taken() - before);
        }
        assert_eq!((most, peer.unread()), (32, 0));
        assert_eq!(call.await.expect("no panic").expect("an answer").status(), 200);
    });
}
