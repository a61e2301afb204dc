//! A client against a peer that a script plays.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ekiden_reactor::yield_now;
use ekiden_service::{Begun, Service};

use super::{Bodies, told};
use crate::multiplex::text::Text;
use crate::multiplex::{Client, ClientConfig, Error, Message, Reset};
use crate::wire::Wire;

type UnderWay = Pin<Box<dyn Future<Output = Result<Message<String>, Error>>>>;

/// Plays steps: callers ask and drop their calls, bodies are made and read, the peer sends and breaks; after each the
/// connection runs. "/" stands for the end of a line. Two calls are open at most, two wait; a window is 40 bytes.
#[track_caller]
fn check(script: &'static str, expect: &str) {
    let log = ekiden_reactor::run(play(script));
    assert_eq!(log, expect, "{script}");
}

async fn play(script: &'static str) -> String {
    let cx = &mut Context::from_waker(Waker::noop());
    let wire = Wire::new();
    let config = ClientConfig { in_flight_max: 2, queue_max: 2, window_bytes: 40, ..ClientConfig::default() };
    let (client, connection) = Client::with_config(wire.clone(), Text::new(60), config);
    let (mut client, mut connection) = (Some(client), Some(connection));
    let mut calls = BTreeMap::<&str, UnderWay>::new();
    let mut bodies = Bodies::default();
    let mut log = Vec::new();
    for step in script.split(", ") {
        let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "ask" | "ask+" => {
                let client = client.clone().unwrap();
                let mut req = Message::new(what.to_owned());
                if verb == "ask+" {
                    req.body = bodies.make(what);
                }
                calls.insert(what, Box::pin(async move { client.call(req).await }));
            }
            "drop" => match what {
                "client" => client = None,
                "connection" => connection = None,
                _ => drop(calls.remove(what).unwrap()),
            },
            "in" => wire.send(what.replace('/', "\n")),
            "room" => wire.set_room(what.parse().unwrap()),
            "end" => wire.end(),
            "reset" => wire.reset(),
            "reset-by" => wire.reset_by_write(what.replace('/', "\n")),
            "status" => log.push(format!("{:?}", client.as_ref().unwrap().status())),
            "unread" => log.push(format!("{} unread", wire.unread())),
            _ => log.extend(bodies.play(verb, what, cx).unwrap_or_else(|| panic!("no such step: {step}"))),
        }
        // Once to make what is asked known, and once more when bodies have been made.
        for _ in 0..3 {
            calls.retain(|name, call| match call.as_mut().poll(cx) {
                Poll::Ready(Ok(Message { head, body })) => {
                    log.push(format!("{name} = {head}{}", if body.is_empty() { "" } else { "+" }));
                    bodies.read.insert((*name).to_owned(), body);
                    false
                }
                Poll::Ready(Err(error)) => {
                    log.push(format!("{name} {}", told(&error)));
                    false
                }
                Poll::Pending => true,
            });
            if let Some(driven) = &mut connection
                && let Poll::Ready(end) = Pin::new(driven).poll(cx)
            {
                connection = None;
                log.push(match end {
                    Ok(_) => "over".to_owned(),
                    Err(error) => format!("broken: {error}"),
                });
            }
            let written = wire.take_written();
            if !written.is_empty() {
                log.push(format!("out {}", written.replace('\n', "/")));
            }
            yield_now().await;
        }
    }
    log.join(", ")
}

#[test]
fn an_answer_comes_back_to_who_asked() {
    check("ask a, in reply 0 1/", "out open 0 a/, a = 1");
    check("ask a, ask b, in reply 1 2/, in reply 0 1/", "out open 0 a/, out open 1 b/, b = 2, a = 1");
}

#[test]
fn answers_that_came_while_writing_failed_are_good() {
    let lost = "! the connection was lost before the request was sent: the connection failed: broken pipe";
    check(
        "ask a, reset-by reply 0 1/, ask b",
        &format!("out open 0 a/, broken: the connection failed, a = 1, b {lost} (begun: No)"),
    );
}

#[test]
fn an_id_is_used_again_when_its_call_is_over() {
    check("ask a, in reply 0 1/, ask b, in reply 0 2/", "out open 0 a/, a = 1, out open 0 b/, b = 2");
}

#[test]
fn the_late_answer_of_a_dropped_call_reaches_nobody() {
    check(
        "ask a, drop a, ask b, in reply 0 late/, in reply 1 2/",
        "out open 0 a/, out cancel 0/, out open 1 b/, b = 2",
    );
    // The id is free when the peer has ended the call, and not before.
    check(
        "ask a, drop a, in reset 0 cancelled/, ask b, in reply 0 2/",
        "out open 0 a/, out cancel 0/, out open 0 b/, b = 2",
    );
    check(
        "ask a, drop a, in reply+ 0 late/chunk 0 x/, ask b, in end 0/, ask c",
        "out open 0 a/, out cancel 0/, out open 1 b/, out open 0 c/",
    );
}

#[test]
fn calls_wait_their_turn_and_beyond_that_are_refused() {
    let refused = "! the call was not begun: refused: too many calls wait for this connection (begun: No)";
    check(
        "ask a, ask b, ask c, ask d, status, ask e, in reply 1 2/, in reply 0 1/, status",
        &format!(
            "out open 0 a/, out open 1 b/, Busy, e {refused}, out open 2 c/, b = 2, out open 3 d/, a = 1, Busy"
        ),
    );
}

#[test]
fn a_call_that_waits_is_taken_back_without_a_word() {
    check(
        "ask a, ask b, ask c, ask d, drop c, in reply 0 1/, in reply 3 4/",
        "out open 0 a/, out open 1 b/, out open 3 d/, a = 1, d = 4",
    );
}

#[test]
fn a_cancelled_call_counts_until_the_peer_has_ended_it() {
    check(
        "ask a, ask b, drop a, ask c, in reset 0 cancelled/",
        "out open 0 a/, out open 1 b/, out cancel 0/, out open 2 c/",
    );
}

#[test]
fn a_peer_tells_why_there_is_no_answer() {
    for (reason, told) in [
        ("refused", "the call was not begun: the peer refused it (begun: No)"),
        ("expired", "the peer has no answer: its time ran out at the peer (begun: Yes)"),
        ("failed", "the peer has no answer: the peer began it and failed (begun: Yes)"),
    ] {
        let script = format!("ask a, in reset 0 {reason}/").leak();
        check(script, &format!("out open 0 a/, a ! {told}"));
    }
    assert_eq!(Error::from_reset(Reset::Failed).reset(), Some(Reset::Failed));
    assert_eq!(Error::body("no paper", Begun::Unknown).reset(), None);
}

#[test]
fn a_reply_streams_and_grants_credit_as_it_is_read() {
    check(
        "ask a, in reply+ 0 x/chunk 0 1/chunk 0 2/, read a, read a, read a, in chunk 0 3/end 0/, read a, read a",
        "out open 0 a/, a = x+, a: 1, a: 2, out credit 0 34/, a waits, a: 3, a ends",
    );
}

#[test]
fn a_body_that_is_dropped_gives_up_its_call() {
    check(
        "ask a, in reply+ 0 x/chunk 0 1/, forget a, in chunk 0 2/, ask b, in reset 0 cancelled/, ask c",
        "out open 0 a/, a = x+, out cancel 0/, out open 1 b/, out open 0 c/",
    );
    check("ask a, in reply+ 0 x/chunk 0 1/end 0/, forget a", "out open 0 a/, a = x+");
}

#[test]
fn a_reply_that_breaks_off_says_so_behind_what_came() {
    check(
        "ask a, in reply+ 0 x/chunk 0 1/reset 0 failed/, read a, read a, read a",
        "out open 0 a/, a = x+, a: 1, a ! the peer has no answer: the peer began it and failed (begun: Yes), a ends",
    );
    // Whatever the peer says: it was begun.
    check(
        "ask a, in reply+ 0 x/reset 0 refused/, read a",
        "out open 0 a/, a = x+, a ! the peer has no answer: the peer refused it (begun: Yes)",
    );
    check(
        "ask a, in reply+ 0 x/chunk 0 1/, reset, read a, read a",
        "out open 0 a/, a = x+, broken: the connection failed, a: 1, \
         a ! the connection was lost before the answer came: the connection failed: connection reset (begun: Yes)",
    );
}

#[test]
fn a_request_streams_as_far_as_the_peer_has_room() {
    check(
        "ask+ a, send a one, send a two, finish a, in reply 0 1/",
        "out open+ 0 a/, out chunk 0 one/, out chunk 0 two/, out end 0/, a = 1",
    );
    // A chunk may go below zero, and the next one waits.
    check(
        "ask+ a, send a one, send a two, send a three, send a four, finish a, in credit 0 19/, in credit 0 30/",
        "out open+ 0 a/, out chunk 0 one/, out chunk 0 two/, out chunk 0 three/, out chunk 0 four/end 0/",
    );
}

#[test]
fn bodies_take_turns() {
    check(
        "ask+ a, ask+ b, room 0, send a 1, send a 2, send b 3, finish b, room 99",
        "out open+ 0 a/, out open+ 1 b/, out chunk 0 1/chunk 0 2/chunk 1 3/end 1/",
    );
}

#[test]
fn the_end_of_a_call_ends_its_own_body() {
    check(
        "ask+ a, send a 1, in reply 0 x/, send a 2, wanted a, ask b",
        "out open+ 0 a/, out chunk 0 1/, a = x, a wanted: false, out open 0 b/",
    );
    check("ask+ a, drop a, wanted a", "out open+ 0 a/, out cancel 0/, a wanted: false");
    check("ask a, ask b, ask+ c, drop c, wanted c", "out open 0 a/, out open 1 b/, c wanted: false");
}

#[test]
fn a_body_that_fails_gives_up_its_call_and_tells_why() {
    check(
        "ask+ a, fail a, in reset 0 cancelled/, ask b",
        "out open+ 0 a/, out cancel 0/, a ! the body cannot be made: no paper (begun: Unknown), out open 0 b/",
    );
    let long = "x".repeat(60);
    let script = format!("ask+ a, send a {long}").leak();
    check(
        script,
        "out open+ 0 a/, out cancel 0/, a ! the body cannot be made: a line of more than 60 bytes (begun: Unknown)",
    );
}

#[test]
fn both_bodies_may_stream_at_once() {
    check(
        "ask+ a, in reply+ 0 x/, send a 1, in chunk 0 2/, read a, finish a, in end 0/, read a",
        "out open+ 0 a/, a = x+, out chunk 0 1/, a: 2, out end 0/, a ends",
    );
}

#[test]
fn a_broken_connection_says_what_was_begun() {
    let (lost, unsent) = (
        "the connection was lost before the answer came",
        "the connection was lost before the request was sent",
    );
    let cause = "the connection failed: connection reset";
    check(
        "ask a, ask b, ask c, reset",
        &format!(
            "out open 0 a/, out open 1 b/, broken: the connection failed, a ! {lost}: {cause} (begun: Unknown), \
             b ! {lost}: {cause} (begun: Unknown), c ! {unsent}: {cause} (begun: No)"
        ),
    );
    check(
        "room 0, ask a, reset, status, ask b",
        &format!(
            "broken: the connection failed, a ! {unsent}: {cause} (begun: No), Closed, b ! {unsent}: {cause} (begun: No)"
        ),
    );
}

#[test]
fn a_drain_ends_what_waits_and_serves_what_is_open() {
    let drained = "! the connection was lost before the request was sent: \
                   the peer takes no more calls on this connection (begun: No)";
    check(
        "ask a, ask b, ask c, in drain/, status, ask d, in reply 0 1/reply 1 2/",
        &format!("out open 0 a/, out open 1 b/, c {drained}, Closed, d {drained}, over, a = 1, b = 2"),
    );
    check("in drain/, status", "over, Closed");
}

#[test]
fn the_last_client_closes_the_connection_behind_the_last_body() {
    check("ask a, in reply 0 1/, drop client", "out open 0 a/, a = 1, over");
    check(
        "ask a, in reply+ 0 1/, drop client, in chunk 0 x/end 0/, read a, read a",
        "out open 0 a/, a = 1+, over, a: x, a ends",
    );
    // A peer that does not say that it has given up what it was asked to is not waited for.
    check("ask a, drop a, drop client", "out open 0 a/, out cancel 0/, over");
    check("ask a, in reply+ 0 x/, drop client, forget a", "out open 0 a/, a = x+, over, out cancel 0/");
}

#[test]
fn a_ping_is_answered() {
    check("in ping 7/ping 8/", "out pong 7/pong 8/");
}

#[test]
fn a_peer_that_pings_and_takes_no_answer_is_not_heard_for_ever() {
    const PINGS: usize = 30_000;
    ekiden_reactor::run(async {
        let wire = Wire::new();
        let client = Client::<String, String>::new(wire.clone(), Text::new(60));
        wire.set_room(0);
        wire.send("ping 1\n".repeat(PINGS));
        for _ in 0..PINGS {
            yield_now().await;
        }
        let unread = wire.unread();
        assert!(unread > PINGS, "{unread} bytes were not read");
        wire.set_room(usize::MAX);
        for _ in 0..PINGS {
            yield_now().await;
        }
        assert_eq!(wire.take_written(), "pong 1\n".repeat(PINGS), "all of it is heard when it is taken");
        drop(client);
    });
}

#[test]
fn a_body_that_waits_for_its_turn_does_not_outlive_its_connection() {
    ekiden_reactor::run(async {
        let cx = &mut Context::from_waker(Waker::noop());
        let wire = Wire::new();
        let config = ClientConfig { write_bytes_max: 1, ..ClientConfig::default() };
        let (client, mut connection) =
            Client::<String, String>::with_config(wire.clone(), Text::new(60), config);
        let queue = Rc::downgrade(client.queue());
        wire.set_room(0);
        let mut bodies = Bodies::default();
        let mut call = Box::pin(client.call(Message::with_body("a".to_owned(), bodies.make("a"))));
        drop(bodies.play("send", "a 1", cx));
        for _ in 0..2 {
            assert!(call.as_mut().poll(cx).is_pending());
            assert!(Pin::new(&mut connection).poll(cx).is_pending());
            yield_now().await; // The body is made by a task of its own.
        }
        assert!(!queue.upgrade().expect("the client has it").is_empty(), "it waits");
        drop(call);
        drop((connection, client, bodies));
        yield_now().await;
        assert!(queue.upgrade().is_none());
    });
}

#[test]
fn what_the_protocol_does_not_allow_ends_the_connection() {
    let broken = |rule: &str| format!("broken: the peer broke the protocol: {rule}");
    check("in reply 0 1/", &broken("a reply that was not asked for"));
    check("in open 0 1/", &broken("a server that asks"));
    check("in nonsense/", "broken: the peer sent what is no frame");
    for (script, rule) in [
        ("in reply+ 0 x/reply 0 y/", "a second reply to one request"),
        ("in reply+ 0 x/chunk 0 1234567890123456789012345/chunk 0 1/", "a chunk without credit"),
    ] {
        let script = format!("ask a, {script}").leak();
        let log = ekiden_reactor::run(play(script));
        assert!(log.contains(&broken(rule)), "{log}");
    }
    let log = ekiden_reactor::run(play("ask+ a, in credit 0 4294967295/"));
    assert!(log.contains(&broken("more credit than can be counted")), "{log}");
}

#[test]
fn what_is_said_of_a_call_that_is_over_is_passed_over() {
    check(
        "ask a, in reply 0 1/chunk 0 x/end 0/credit 0 7/reset 0 failed/, in chunk 9 x/end 9/reset 9 failed/, ask b",
        "out open 0 a/, a = 1, out open 0 b/",
    );
}

#[test]
fn a_request_that_cannot_be_encoded_concerns_its_caller_alone() {
    let told = "! the request cannot be encoded: a line with a line break in it (begun: No)";
    check("ask a\nb, ask c, in reply 0 1/", &format!("a\nb {told}, out open 0 c/, c = 1"));
}
