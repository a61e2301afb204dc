//! A session against a peer and a service that a script plays.

use super::*;
use crate::codec::Lines;
use crate::pipeline::serve_connection;
use crate::pipeline::shape::Whole;
use crate::server::{Drain, Panic};
use crate::wire::{Holding, Unclosable, Wire, by_hand};
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Config, Latch, Reactor, spawn, yield_now};
use ekiden_service::service_fn;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// A call answers when the test says so: with its request, or with an error if that is "bad".
#[derive(Clone, Default)]
struct Script {
    calls: Rc<RefCell<BTreeMap<String, Latch>>>,
}

impl Service for Script {
    type Req = String;
    type Resp = String;
    type Error = io::Error;

    async fn call(&self, req: String) -> io::Result<String> {
        let done = Latch::new();
        self.calls.borrow_mut().insert(req.clone(), done.clone());
        let call = Call { script: self, req };
        done.wait().await;
        match call.req.as_str() {
            "bad" => Err(io::Error::other("it is bad")),
            "broken" => Ok("two\nlines".to_owned()),
            req => Ok(req.to_owned()),
        }
    }
}

/// Gone from the calls when it is dropped.
struct Call<'a> {
    script: &'a Script,
    req: String,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.script.calls.borrow_mut().remove(&self.req);
    }
}

/// Plays steps: the peer sends, takes and breaks; calls are done; after each the connection runs. "/" stands for
/// the end of a line. At most two are in flight.
fn check(script: &str, expect: &str) {
    by_hand(|cx| assert_eq!(play(script, cx), expect, "{script}"));
}

fn play(script: &str, cx: &mut Context<'_>) -> String {
    let (wire, drain, service) = (Wire::new(), Drain::new(), Script::default());
    let config = ServerConfig { in_flight_max: 2, write_bytes_max: 4, ..ServerConfig::default() };
    let codec = Holding(Lines::new(9));
    let serving = config.serve_connection(wire.clone(), codec, service.clone(), drain.clone());
    let mut serving = Some(Box::pin(serving));
    let mut log = Vec::new();
    for step in script.split(", ") {
        let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
        let done = |name: &str| service.calls.borrow()[name].clone().open();
        match verb {
            "in" => wire.send(what.replace('/', "\n")),
            "done" => what.split(' ').for_each(done),
            "room" => wire.set_room(what.parse().unwrap()),
            "end" => wire.end(),
            "reset" => wire.reset(),
            "drain" => drain.begin(),
            "calls" => log.push(format!("{:?}", service.calls.borrow().keys().collect::<Vec<_>>())),
            "unread" => log.push(format!("{} unread", wire.unread())),
            _ => panic!("no such step: {step}"),
        }
        let ended = serving.as_mut().map(|serving| serving.as_mut().poll(cx));
        let written = wire.take_written();
        if !written.is_empty() {
            log.push(format!("out {}", written.replace('\n', "/")));
        }
        if let Some(Poll::Ready(ended)) = ended {
            serving = None;
            log.push(match ended {
                Ok(parts) => format!("over {:?}", parts.read),
                Err(error) => format!("! {error}: {}", error.source().unwrap()),
            });
            if wire.is_closed() {
                log.push("closed".to_owned());
            }
        }
    }
    log.join(", ")
}

#[test]
fn a_close_that_does_not_come_to_its_end_is_given_up() {
    let (hand, clock) = Hand::new().unwrap();
    let config = Config::default();
    Reactor::with_driver(config, hand).run(async {
        let wire = Wire::new();
        let service = service_fn(async |line: String| Ok::<_, Infallible>(line));
        let io = Unclosable(wire.clone());
        let serving = spawn(serve_connection(io, Lines::default(), service));
        wire.end();
        for milliseconds in [1999, 1] {
            assert!(!serving.is_finished());
            for _ in 0..5 {
                yield_now().await;
            }
            clock.pass(Duration::from_millis(milliseconds)).await;
        }
        for _ in 0..5 {
            yield_now().await;
        }
        assert!(serving.is_finished(), "it is waited for after two seconds");
    });
}

#[test]
fn a_panic_of_the_service_is_its_connections() {
    by_hand(|cx| {
        let wire = Wire::new();
        wire.send("a\n");
        let service = service_fn(async |_: String| -> io::Result<String> { panic!("it is broken") });
        let mut serving = pin!(serve_connection(wire, Lines::default(), service));
        let panic = Panic::catch(|| serving.as_mut().poll(cx).is_ready()).unwrap_err();
        assert_eq!(panic.to_string(), "it is broken");
    });
}

#[test]
fn replies_leave_in_the_order_of_their_requests() {
    check("in a/, done a", "out a/");
    check("in a/b/, done b, done a", "out a/b/");
    check("in a/b/, done a, done b", "out a/, out b/");
    check("in a/b/, done a, in c/, done c, done b", "out a/, out b/c/");
}

#[test]
fn no_more_are_begun_than_allowed() {
    check("in a/b/c/, calls, done b, calls, done a, calls", r#"["a", "b"], ["a"], out a/b/, ["c"]"#);
}

#[test]
fn nothing_is_read_while_too_many_are_owed() {
    check("in a/b/, in c/, unread, done a, unread", "2 unread, out a/, 0 unread");
}

#[test]
fn no_more_bytes_are_begun_than_allowed_but_of_one_request() {
    by_hand(|cx| {
        let (wire, service) = (Wire::new(), Script::default());
        let config = ServerConfig { in_flight_max: 99, in_flight_bytes_max: 8, ..ServerConfig::default() };
        let serving = config.serve_connection(wire.clone(), Lines::new(20), service.clone(), Drain::new());
        let mut serving = Box::pin(serving);
        let mut step = |sent: &str, done: &str| {
            wire.send(sent);
            done.split_terminator(' ').for_each(|name| service.calls.borrow()[name].clone().open());
            assert!(serving.as_mut().poll(cx).is_pending());
            let calls = service.calls.borrow().keys().cloned().collect::<Vec<_>>().join(" ");
            (calls, wire.unread(), wire.take_written())
        };
        let state = |calls: &str, unread, written: &str| (calls.to_owned(), unread, written.to_owned());
        // Four bytes each, with the ends of their lines: what would go beyond is begun while there is room for a byte.
        assert_eq!(step("one\n", ""), state("one", 0, ""));
        assert_eq!(step("two\nsix\n", ""), state("one two", 0, ""));
        assert_eq!(step("ten\n", ""), state("one two", 4, ""), "nothing more is read");
        // It counts while it runs, in whichever order they end.
        assert_eq!(step("", "two"), state("one six", 4, ""));
        assert_eq!(step("", "one"), state("six ten", 0, "one\ntwo\n"));
        assert_eq!(step("much-too-much\nend\n", "six ten"), state("much-too-much", 0, "six\nten\n"));
        assert_eq!(step("", "much-too-much"), state("end", 0, "much-too-much\n"));
    });
}

#[test]
fn where_none_or_no_bytes_may_be_in_flight_requests_are_served_one_by_one() {
    one_by_one(ServerConfig { in_flight_bytes_max: 0, ..ServerConfig::default() });
    one_by_one(ServerConfig { in_flight_max: 0, ..ServerConfig::default() });
}

fn one_by_one(config: ServerConfig) {
    by_hand(|cx| {
        let (wire, service) = (Wire::new(), Script::default());
        let serving = config.serve_connection(wire.clone(), Lines::default(), service.clone(), Drain::new());
        let mut serving = Box::pin(serving);
        wire.send("a\nb\n");
        for name in ["a", "b"] {
            assert!(serving.as_mut().poll(cx).is_pending());
            assert_eq!(service.calls.borrow().keys().collect::<Vec<_>>(), [name]);
            service.calls.borrow()[name].clone().open();
        }
        assert!(serving.as_mut().poll(cx).is_pending());
        assert_eq!(wire.take_written(), "a\nb\n");
    });
}

#[test]
fn nothing_is_read_while_the_peer_takes_no_replies() {
    check(
        "room 0, in a/b/, done a b, in c/d/, done c d, in e/f/, calls, unread, room 99, calls",
        r#"[], 4 unread, out a/b/c/d/, ["e", "f"]"#,
    );
}

#[test]
fn at_the_end_what_is_owed_is_written_first() {
    check("in a/b/, end, done b, done a", r#"out a/b/, over b"", closed"#);
    check("end", r#"over b"", closed"#);
}

#[test]
fn what_is_no_frame_ends_the_connection_behind_what_is_owed() {
    let error = "! the connection ended early: the peer sent what is no frame, closed";
    check("in a/1234567890, done a, end", &format!("out a/, {error}"));
    let error = "! the connection ended early: the peer ended the connection 1 bytes into a frame, closed";
    check("in a/b, end, done a", &format!("out a/, {error}"));
}

#[test]
fn a_break_drops_the_calls() {
    check("in a/, reset, calls", "! the connection ended early: the connection failed, []");
    check("room 1, in a/b/, done a, reset", "out a, ! the connection ended early: the connection failed");
}

#[test]
fn an_error_of_the_service_ends_the_connection_behind_what_was_owed_before() {
    let error = "! the service failed: it is bad, closed";
    check("in a/bad/, done bad, done a, calls, end", &format!("out a/, [], {error}"));
    check("in bad/b/, done bad, calls, end", &format!("[], {error}"));
    check("in bad/hold/raw, done bad, end", error);
    let error = "! a reply cannot be encoded: a line with a line break in it, closed";
    check("in broken/, done broken, end", error);
}

#[test]
fn a_drain_answers_what_has_been_read_and_nothing_more() {
    check(
        "in a/b/c/d, drain, in d/e/, done a b, done c, unread, end",
        r#"out a/b/, out c/, 0 unread, over b"d", closed"#,
    );
    check("drain, end", r#"over b"", closed"#);
}

#[test]
fn a_held_frame_ends_the_pipeline_and_hands_over_the_rest() {
    check("in a/hold/raw, done hold, calls, done a", r#"["a"], out a/hold/, over b"raw""#);
}

#[test]
fn an_idle_connection_holds_nothing() {
    by_hand(|cx| {
        let (wire, service) = (Wire::new(), Script::default());
        let mut handler = Handler { call: |req| service.call(req), running: Running::new() };
        let mut session =
            Session::new(wire.clone(), Holding(Lines::new(9)), Whole::new(), &ServerConfig::default());
        let mut drain = Drain::new().begun();
        for _ in 0..2 {
            wire.send("a\nb\n");
            assert!(session.poll(cx, &mut handler, &mut drain).is_pending());
            assert!(!handler.running.is_empty());
            for name in ["b", "a"] {
                service.calls.borrow()[name].clone().open();
                assert!(session.poll(cx, &mut handler, &mut drain).is_pending());
            }
            assert!(handler.running.is_unallocated() && session.order.owed() == 0);
            assert_eq!(wire.take_written(), "a\nb\n");
        }
    });
}

/// Answers at once.
struct Echo;

impl Service for Echo {
    type Req = String;
    type Resp = String;
    type Error = std::convert::Infallible;

    async fn call(&self, req: String) -> Result<String, Self::Error> {
        Ok(req)
    }
}

#[test]
fn a_burst_costs_one_read_and_one_write_even_one_after_the_other() {
    for in_flight_max in [1, 64] {
        by_hand(|cx| {
            let wire = Wire::new();
            let config = ServerConfig { in_flight_max, ..ServerConfig::default() };
            let serving = config.serve_connection(wire.clone(), Lines::default(), Echo, Drain::new());
            wire.send("ping\n".repeat(32));
            assert!(Box::pin(serving).as_mut().poll(cx).is_pending());
            assert_eq!(wire.take_written(), "ping\n".repeat(32));
            assert_eq!(wire.calls(), (1, 1));
        });
    }
}

#[test]
fn who_has_ended_is_not_asked_for_more() {
    by_hand(|cx| {
        let wire = Wire::new();
        let serving = serve_connection(wire.clone(), Lines::default(), Echo);
        wire.send("last\n");
        wire.end();
        assert!(Box::pin(serving).as_mut().poll(cx).is_ready());
        // Nearly all connections end so, and a read more would be a system call more for each of them.
        assert_eq!((wire.calls(), wire.ends_read(), wire.is_closed()), ((1, 1), 1, true));
    });
}

#[test]
fn who_takes_nothing_is_left_after_thirty_seconds_and_not_waited_for() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let wire = Wire::new();
        wire.set_room(1);
        wire.send("late\n");
        let serving = spawn(serve_connection(wire.clone(), Lines::default(), Echo));
        yield_now().await;
        // Each byte that is taken begins the time anew.
        for _ in 0..3 {
            clock.pass(Duration::from_secs(29)).await;
            wire.set_room(1);
            yield_now().await;
        }
        clock.pass(Duration::from_secs(29)).await;
        assert!(!serving.is_finished(), "it has a second left");
        clock.pass(Duration::from_secs(1)).await;
        assert!(serving.is_finished(), "the time is over");
        assert_eq!(wire.take_written(), "late");
    });
}

#[test]
fn a_connection_with_much_to_do_gives_the_others_their_turn() {
    ekiden_reactor::run(async {
        let wire = Wire::new();
        wire.send("ping\n".repeat(1000));
        wire.end();
        let serving = serve_connection(wire.clone(), Lines::default(), Echo);
        let serving = spawn(serving);
        let (mut replies, mut most) = (0, 0);
        while !serving.is_finished() {
            yield_now().await;
            let written = wire.take_written().lines().count();
            (replies, most) = (replies + written, most.max(written));
        }
        assert_eq!((replies, most), (1000, 32));
    });
}
