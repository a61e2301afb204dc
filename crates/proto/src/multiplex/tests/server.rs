//! A server against a peer and a service that a script plays.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Config, Latch, Reactor, spawn, yield_now};
use ekiden_service::{Begun, Expired, Failure, Fault, Refused, Service};

use super::Bodies;
use crate::multiplex::text::Text;
use crate::multiplex::{Message, ServerConfig, Stats};
use crate::server::Drain;
use crate::wire::Wire;

/// A call answers when the test says so: with its request, or with an error if that is the name of one. One that begins with
/// "now" answers at once. One that ends with "+" answers with a body that the test makes.
#[derive(Clone, Default)]
struct Script {
    calls: Rc<RefCell<BTreeMap<String, Latch>>>,
    bodies: Rc<RefCell<Bodies>>,
}

/// What the service fails with.
#[derive(Debug)]
struct Fails(Begun, bool);

impl Service for Script {
    type Req = Message<String>;
    type Resp = Message<String>;
    type Error = Fails;

    async fn call(&self, req: Message<String>) -> Result<Message<String>, Fails> {
        let Message { head, body } = req;
        if !body.is_empty() {
            self.bodies.borrow_mut().read.insert(head.clone(), body);
        }
        if !head.starts_with("now") {
            let done = Latch::new();
            self.calls.borrow_mut().insert(head.clone(), done.clone());
            let _call = Call { script: self, head: &head };
            let _bomb = (head == "bomb").then(|| Bomb);
            done.wait().await;
        }
        match head.as_str() {
            "refused" => Err(Refused::new("full").into()),
            "expired" => Err(Expired::new(Duration::from_secs(1)).into()),
            "failed" => Err(Fails(Begun::Yes, false)),
            "panics" => panic!("it is broken"),
            "broken" => Ok("two\nlines".to_owned().into()),
            _ if head.ends_with('+') => {
                let body = self.bodies.borrow_mut().make(&head);
                Ok(Message::with_body(head, body))
            }
            _ => Ok(head.into()),
        }
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("it goes off");
    }
}

/// Gone from the calls when it is dropped.
struct Call<'a> {
    script: &'a Script,
    head: &'a str,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.script.calls.borrow_mut().remove(self.head);
    }
}

impl From<Refused> for Fails {
    fn from(_: Refused) -> Self {
        Self(Begun::No, false)
    }
}

impl From<Expired> for Fails {
    fn from(_: Expired) -> Self {
        Self(Begun::Yes, true)
    }
}

impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it fails")
    }
}

impl Error for Fails {}

impl Failure for Fails {
    fn fault(&self) -> Fault {
        Fault::Service
    }

    fn begun(&self) -> Begun {
        self.0
    }

    fn is_timeout(&self) -> bool {
        self.1
    }
}

/// Plays steps: the peer sends, takes and breaks; calls are done; bodies are made and read; after each the connection runs.
/// "/" stands for the end of a line. Two calls are open at most; a window is 40 bytes.
#[track_caller]
fn check(script: &str, expect: &str) {
    assert_eq!(play(script).0, expect, "{script}");
}

/// The log, and what the operator was told.
fn play(script: &str) -> (String, Vec<String>) {
    let notices = Rc::new(RefCell::new(Vec::new()));
    let log = notices.clone();
    let mut config = Config::default();
    config.on_notice = Rc::new(move |notice| log.borrow_mut().push(notice.to_string()));
    let (hand, _clock) = Hand::new().unwrap();
    let log = Reactor::with_driver(config, hand).run(async {
        let cx = &mut Context::from_waker(Waker::noop());
        run(script, cx)
    });
    (log, notices.take())
}

fn run(script: &str, cx: &mut Context<'_>) -> String {
    let (wire, drain, service) = (Wire::new(), Drain::new(), Script::default());
    let stats = Stats::default();
    let config = ServerConfig {
        in_flight_max: 2,
        window_bytes: 40,
        stats: stats.clone(),
        ping_interval: None,
        ..ServerConfig::default()
    };
    let serving = config.serve_connection(wire.clone(), Text::new(60), service.clone(), drain.clone());
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
            "quit" => serving = None,
            "calls" => log.push(format!("{:?}", service.calls.borrow().keys().collect::<Vec<_>>())),
            "unread" => log.push(format!("{} unread", wire.unread())),
            "stats" => log.push(format!(
                "{} begun {} answered {} cancelled {} refused {} failed",
                stats.begun(),
                stats.answered(),
                stats.cancelled(),
                stats.refused(),
                stats.failed()
            )),
            _ => {
                let played = service.bodies.borrow_mut().play(verb, what, cx);
                log.extend(played.unwrap_or_else(|| panic!("no such step: {step}")));
            }
        }
        // Twice, since what a chunk wakes runs in the next turn.
        for _ in 0..2 {
            let ended = serving.as_mut().map(|serving| serving.as_mut().poll(cx));
            let written = wire.take_written();
            if !written.is_empty() {
                log.push(format!("out {}", written.replace('\n', "/")));
            }
            if let Some(Poll::Ready(ended)) = ended {
                serving = None;
                log.push(match ended {
                    Ok(()) => "over".to_owned(),
                    Err(error) => format!("! {error}"),
                });
                if wire.is_closed() {
                    log.push("closed".to_owned());
                }
            }
        }
    }
    log.join(", ")
}

#[test]
fn replies_leave_as_they_are_done() {
    check("in open 1 a/open 2 b/, done b, done a", "out reply 2 b/, out reply 1 a/");
    check("in open 1 now/open 1 now/open 1 now/", "out reply 1 now/reply 1 now/reply 1 now/");
}

#[test]
fn more_calls_than_allowed_are_refused_and_cancels_still_get_through() {
    check(
        "in open 1 a/open 2 b/open 3 c/cancel 1/open 4 d/, calls, stats",
        r#"out reset 3 refused/reset 1 cancelled/, ["b", "d"], 3 begun 0 answered 1 cancelled 1 refused 0 failed"#,
    );
}

#[test]
fn a_cancelled_call_is_dropped_and_its_end_is_told() {
    check("in open 1 a/, in cancel 1/, calls", "out reset 1 cancelled/, []");
    check("in open 1 a/open 2 b/, in cancel 1/, done b", "out reset 1 cancelled/, out reply 2 b/");
    // A reply that has left already was the end of it.
    check("in open 1 now/cancel 1/", "out reply 1 now/");
    check("in cancel 7/", "");
    // Its id may be used again at once, and what was to follow of the first is nothing of the second's.
    check(
        "in open 1 now+/cancel 1/open 1 a/, in cancel 1/, calls",
        "out reply+ 1 now+/reset 1 cancelled/, out reset 1 cancelled/, []",
    );
}

#[test]
fn an_error_concerns_its_call_alone() {
    check(
        "in open 1 refused/open 2 a/, done refused, in open 3 expired/, done expired, in open 4 failed/, done failed, done a",
        "out reset 1 refused/, out reset 3 expired/, out reset 4 failed/, out reply 2 a/",
    );
}

#[test]
fn a_panic_concerns_its_call_alone_and_is_told() {
    let (log, told) = play("in open 1 panics/open 2 a/, done panics, done a, stats");
    assert_eq!(log, "out reset 1 failed/, out reply 2 a/, 2 begun 1 answered 0 cancelled 0 refused 1 failed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("it is broken"), "{told:?}");
}

#[test]
fn a_reply_that_cannot_be_encoded_concerns_its_call_alone_and_is_told() {
    let (log, told) = play("in open 1 broken/open 2 now/, done broken");
    assert_eq!(log, "out reply 2 now/, out reset 1 failed/");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("a line with a line break in it"), "{told:?}");
}

#[test]
fn a_request_streams_and_is_granted_credit_as_it_is_read() {
    check(
        "in open+ 1 a/, read a, in chunk 1 x/chunk 1 y/, read a, read a, in chunk 1 z/end 1/, read a, read a, done a",
        "a waits, a: x, a: y, out credit 1 34/, a: z, a ends, out reply 1 a/",
    );
}

#[test]
fn a_request_need_not_be_read_to_its_end() {
    check(
        "in open+ 1 a/chunk 1 x/, forget a, in chunk 1 y/, done a, in chunk 1 z/end 1/, in open 1 now/",
        "out reply 1 a/, out reply 1 now/",
    );
    check(
        "in open+ 1 a/chunk 1 x/, done a, read a, read a",
        "out reply 1 a/, a: x, a ! the peer has no answer: it was cancelled (begun: Yes)",
    );
}

#[test]
fn a_request_that_is_not_complete_says_so() {
    let lost = "! the connection was lost before the answer came";
    check(
        "in open+ 1 a/chunk 1 x/, end, read a, read a",
        &format!("a: x, a {lost}: the peer ended the connection (begun: Yes)"),
    );
    check(
        "in open+ 1 a/, in cancel 1/, read a",
        "out reset 1 cancelled/, a ! the peer has no answer: it was cancelled (begun: Yes)",
    );
}

#[test]
fn a_reply_streams_as_far_as_the_peer_has_room() {
    check(
        "in open 1 now+/, send now+ one, send now+ two, finish now+",
        "out reply+ 1 now+/, out chunk 1 one/, out chunk 1 two/, out end 1/",
    );
    check(
        "in open 1 now+/, send now+ one, send now+ two, send now+ three, send now+ four, in credit 1 30/",
        "out reply+ 1 now+/, out chunk 1 one/, out chunk 1 two/, out chunk 1 three/, out chunk 1 four/",
    );
}

#[test]
fn a_slow_reader_holds_back_only_itself() {
    check(
        "in open 1 now+/open 2 now2+/, send now+ 1234567890123456789012345, send now+ waits, send now2+ goes, in open 3 now/, finish now2+, in open 3 now/",
        "out reply+ 1 now+/reply+ 2 now2+/, out chunk 1 1234567890123456789012345/, out chunk 2 goes/, \
         out reset 3 refused/, out end 2/, out reply 3 now/",
    );
}

#[test]
fn a_reply_that_cannot_be_made_breaks_off_and_is_told() {
    let (log, told) = play("in open 1 now+/, send now+ one, fail now+, in open 1 now/, stats");
    assert_eq!(
        log,
        "out reply+ 1 now+/, out chunk 1 one/, out reset 1 failed/, out reply 1 now/, \
         2 begun 1 answered 0 cancelled 0 refused 1 failed"
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("no paper"), "{told:?}");
}

#[test]
fn a_cancelled_reply_is_not_made_any_further() {
    check(
        "in open 1 now+/, send now+ one, in cancel 1/, wanted now+, in open 1 now/",
        "out reply+ 1 now+/, out chunk 1 one/, out reset 1 cancelled/, now+ wanted: false, out reply 1 now/",
    );
    check(
        "in open 1 now+/cancel 1/, wanted now+",
        "out reply+ 1 now+/reset 1 cancelled/, now+ wanted: false",
    );
}

#[test]
fn a_drain_refuses_what_is_new_and_serves_what_is_open() {
    check(
        "in open 1 a/open 2 now+/, drain, in open 3 c/, send now+ x, done a, finish now+, in open 4 d/, end",
        "out reply+ 2 now+/, out drain/, out reset 3 refused/, out chunk 2 x/, out reply 1 a/, out end 2/, out reset 4 refused/, over, closed",
    );
}

#[test]
fn at_the_end_what_is_owed_is_written_first() {
    check("in open 1 a/, end, done a", "out reply 1 a/, over, closed");
    check("end", "over, closed");
}

#[test]
fn whoever_says_no_more_gets_as_much_of_a_reply_as_he_had_room_for() {
    let send = "send a+ 1234567890123456789012345, send a+ waits";
    let out =
        "out reply+ 1 a+/, out chunk 1 1234567890123456789012345/, out reset 1 cancelled/, over, closed";
    check(
        &format!("in open 1 a+/, done a+, {send}, end, stats"),
        &format!("{out}, 1 begun 0 answered 1 cancelled 0 refused 0 failed"),
    );
    check(&format!("in open 1 a+/, end, done a+, {send}"), out);
    check(
        "in open 1 a+/, done a+, end, send a+ one, finish a+",
        "out reply+ 1 a+/, out chunk 1 one/, out end 1/, over, closed",
    );
}

#[test]
fn a_break_drops_the_calls() {
    check(
        "in open 1 a/open 2 now+/, reset, calls, stats, wanted now+",
        "out reply+ 2 now+/, ! the connection failed, [], 2 begun 0 answered 2 cancelled 0 refused 0 failed, now+ wanted: false",
    );
    check("in open 1 a/, quit, calls, stats", "[], 1 begun 0 answered 1 cancelled 0 refused 0 failed");
}

#[test]
fn what_the_protocol_does_not_allow_ends_the_connection_and_its_calls() {
    let broken = |rule: &str| format!("! the peer broke the protocol: {rule}, closed");
    check("in reply 1 a/, end", &broken("a client that answers"));
    check(
        "in open 1 a/open 2 now/open 1 b/, calls, stats, end",
        &format!(
            "out reply 2 now/, [], 2 begun 1 answered 1 cancelled 0 refused 0 failed, {}",
            broken("a call with the id of another that is open")
        ),
    );
    check(
        "in open+ 1 a/chunk 1 1234567890123456789012345/chunk 1 x/, calls, end",
        &format!("[], {}", broken("a chunk without credit")),
    );
    check("in open 1 a/nonsense/, calls, end", "[], ! the peer sent what is no frame, closed");
    check(
        "in open 1 now+/nonsense/, wanted now+, end",
        "out reply+ 1 now+/, now+ wanted: false, ! the peer sent what is no frame, closed",
    );
}

#[test]
fn a_call_that_panics_when_it_is_dropped_harms_no_other() {
    let (log, told) = play("in open 1 bomb/open 2 a/, in cancel 1/, done a, in open 3 now/");
    assert_eq!(log, "out reset 1 cancelled/, out reply 2 a/, out reply 3 now/");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("it goes off"), "{told:?}");
    // And so when it is dropped because it has answered.
    let (log, told) = play("in open 1 bomb/open 2 a/, done bomb, done a");
    assert_eq!(log, "out reset 1 failed/, out reply 2 a/");
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_ping_is_answered() {
    check("in ping 7/", "out pong 7/");
}

/// Serves a connection on a clock set by hand.
fn timed<F: Future<Output = ()>>(
    change: impl FnOnce(&mut ServerConfig),
    test: impl FnOnce(Wire, Script, ekiden_reactor::driver::hand::Clock, ekiden_reactor::JoinHandle<String>) -> F,
) {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async move {
        let (wire, service) = (Wire::new(), Script::default());
        let mut config = ServerConfig::default();
        change(&mut config);
        let serving = config.serve_connection(wire.clone(), Text::new(60), service.clone(), Drain::new());
        let serving = spawn(async move {
            match serving.await {
                Ok(()) => "over".to_owned(),
                Err(error) => error.to_string(),
            }
        });
        test(wire, service, clock, serving).await;
    });
}

async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up_while_a_call_is_open() {
    timed(
        |_| {},
        async |wire, service, clock, serving| {
            settle().await;
            clock.pass(Duration::from_secs(100)).await;
            settle().await;
            assert_eq!(wire.take_written(), "", "nothing is expected of an idle peer");
            wire.send("open 1 a\n");
            settle().await;
            clock.pass(Duration::from_millis(19_999)).await;
            settle().await;
            assert_eq!(wire.take_written(), "");
            clock.pass(Duration::from_millis(1)).await;
            settle().await;
            assert_eq!(wire.take_written(), "ping 1\n");
            wire.send("pong 1\n");
            settle().await;
            clock.pass(Duration::from_secs(20)).await;
            settle().await;
            assert_eq!(wire.take_written(), "ping 2\n");
            clock.pass(Duration::from_millis(9_999)).await;
            settle().await;
            assert!(!serving.is_finished() && service.calls.borrow().len() == 1);
            clock.pass(Duration::from_millis(1)).await;
            settle().await;
            assert!(service.calls.borrow().is_empty(), "its calls are dropped");
            assert_eq!(serving.await.unwrap(), "the peer gives no sign of life");
        },
    );
}

#[test]
fn a_stream_may_be_silent_for_hours_either_way_as_long_as_its_peer_is_there() {
    timed(
        |config| {
            config.window_bytes = 40;
            config.idle_timeout = Some(Duration::from_secs(60));
        },
        async |wire, service, clock, serving| {
            wire.send("open+ 1 a\nopen 2 now+\n");
            settle().await;
            let more =
                |chunk: &'static str| drop(service.bodies.borrow().made["now+"].try_send(Ok(chunk.into())));
            more("1234567890123456789012345");
            settle().await;
            more("the rest");
            settle().await;
            assert_eq!(wire.take_written(), "reply+ 2 now+\nchunk 2 1234567890123456789012345\n");
            for ping in 1..=180 {
                clock.pass(Duration::from_secs(20)).await;
                settle().await;
                assert_eq!(wire.take_written(), format!("ping {ping}\n"));
                wire.send(format!("pong {ping}\n"));
                settle().await;
            }
            wire.send("chunk 1 x\nend 1\ncredit 2 40\n");
            settle().await;
            assert_eq!(wire.take_written(), "chunk 2 the rest\n");
            assert!(!serving.is_finished() && service.calls.borrow().len() == 1);
        },
    );
}

#[test]
fn a_peer_that_says_no_more_is_probed_while_its_call_is_open() {
    timed(
        |_| {},
        async |wire, service, clock, serving| {
            wire.send("open 1 a\n");
            settle().await;
            wire.end();
            settle().await;
            assert_eq!(wire.take_written(), "ping 1\n", "one that is gone has the network say so");
            for ping in 2..6 {
                clock.pass(Duration::from_secs(20)).await;
                settle().await;
                clock.pass(Duration::from_secs(10)).await;
                settle().await;
                assert!(wire.take_written().starts_with(&format!("ping {}\n", 2 * ping - 2)));
            }
            assert!(!serving.is_finished() && service.calls.borrow().len() == 1, "it may still listen");
            wire.reset();
            clock.pass(Duration::from_secs(20)).await;
            settle().await;
            assert!(service.calls.borrow().is_empty(), "the next one finds out");
            assert_eq!(serving.await.unwrap(), "the connection failed");
        },
    );
}

#[test]
fn a_frame_that_comes_slowly_is_a_sign_of_life() {
    timed(
        |config| config.frame_timeout = Duration::from_secs(1000),
        async |wire, _service, clock, serving| {
            wire.send("open 1 a\n");
            for _ in 0..10 {
                settle().await;
                clock.pass(Duration::from_secs(15)).await;
                wire.send("x");
            }
            settle().await;
            assert_eq!(wire.take_written(), "");
            drop(serving);
        },
    );
}

#[test]
fn a_connection_without_calls_is_closed_when_it_has_been_idle() {
    timed(
        |config| config.idle_timeout = Some(Duration::from_secs(5)),
        async |wire, service, clock, serving| {
            wire.send("open 1 a\n");
            settle().await;
            clock.pass(Duration::from_secs(10)).await;
            settle().await;
            service.calls.borrow()["a"].clone().open();
            settle().await;
            assert!(!serving.is_finished(), "a call was open");
            clock.pass(Duration::from_secs(5)).await;
            settle().await;
            wire.end();
            assert_eq!(serving.await.unwrap(), "over");
        },
    );
}

/// Whole, in halves, with a half of the next one always there, and with answers that wait.
#[test]
fn a_peer_that_only_pings_is_idle_however_its_pings_come() {
    let ways =
        [("", &["ping 1\n"][..]), ("", &["pi", "ng 1\n"]), ("pi", &["ng 1\npi"]), ("", &["-ping 1\n", ""])];
    for (first, pieces) in ways {
        timed(
            |config| config.idle_timeout = Some(Duration::from_secs(60)),
            async |wire, _service, clock, serving| {
                settle().await;
                wire.send(first);
                let mut seconds = 0;
                for piece in pieces.iter().cycle().take(1000) {
                    wire.set_room(if piece.starts_with('-') { 0 } else { usize::MAX });
                    wire.send(piece.trim_start_matches('-'));
                    settle().await;
                    if wire.take_written().contains("drain") {
                        break;
                    }
                    clock.pass(Duration::from_secs(1)).await;
                    settle().await;
                    seconds += 1;
                }
                assert!((60..=62).contains(&seconds), "{seconds} s of {pieces:?}");
                wire.end();
                drop(serving.await.unwrap());
            },
        );
    }
}

#[test]
fn a_call_that_is_coming_when_a_connection_was_idle_for_long_enough_is_served() {
    timed(
        |config| config.idle_timeout = Some(Duration::from_secs(60)),
        async |wire, _service, clock, serving| {
            settle().await;
            clock.pass(Duration::from_secs(59)).await;
            wire.send("open 1");
            settle().await;
            clock.pass(Duration::from_secs(29)).await;
            wire.send(" now\n");
            settle().await;
            assert_eq!(wire.take_written(), "reply 1 now\n");
            clock.pass(Duration::from_secs(59)).await;
            settle().await;
            assert!(!wire.is_closed(), "its time has begun anew");
            clock.pass(Duration::from_secs(1)).await;
            settle().await;
            wire.end();
            assert_eq!(serving.await.unwrap(), "over");
        },
    );
}

/// Plays against a server whose peer takes nothing, with so little room that replies wait from the second on.
fn stuck<F: Future<Output = ()>>(
    change: impl FnOnce(&mut ServerConfig),
    test: impl FnOnce(Wire, Script, Stats, ekiden_reactor::JoinHandle<String>) -> F,
) {
    let stats = Stats::default();
    let counts = stats.clone();
    timed(
        |config| {
            config.stats = counts;
            config.write_bytes_max = 1;
            change(config);
        },
        async move |wire, service, _clock, serving| {
            wire.set_room(0);
            test(wire, service, stats, serving).await;
        },
    );
}

/// Frames of the peer's, one for each id.
fn each(ids: impl IntoIterator<Item = u32>, frame: impl Fn(u32) -> String) -> String {
    ids.into_iter().map(|id| frame(id) + "\n").collect()
}

async fn settle_long() {
    for _ in 0..20 {
        settle().await;
    }
}

#[test]
fn however_many_answers_wait_a_peer_is_heard() {
    stuck(
        |config| config.in_flight_max = 3_000,
        async |wire, service, stats, serving| {
            wire.send("open 1 slow\nopen+ 2 upload\n");
            // Far more than may wait as answers, and as many as may be open.
            wire.send(each(3..=2_998, |id| format!("open {id} now")));
            settle_long().await;
            assert!((64..100).contains(&stats.begun()), "{}", stats.begun());
            assert_eq!(wire.unread(), 0);

            wire.send("cancel 1\ncancel 2000\nping 7\nchunk 2 abc\n");
            settle().await;
            assert_eq!(wire.unread(), 0);
            assert!(!service.calls.borrow().contains_key("slow"), "it was cancelled");
            let cx = &mut Context::from_waker(Waker::noop());
            let heard = service.bodies.borrow_mut().play("read", "upload", cx);
            assert_eq!(heard.flatten().as_deref(), Some("upload: abc"));
            assert_eq!((stats.cancelled(), stats.refused()), (1, 1));

            wire.set_room(usize::MAX);
            settle_long().await;
            let written = wire.take_written();
            let words = ["reset 1 cancelled", "reset 2000 cancelled", "pong 7"];
            for word in words {
                assert_eq!(written.lines().filter(|line| *line == word).count(), 1, "{word}");
            }
            let replies: Vec<_> = written.lines().filter(|line| !words.contains(line)).collect();
            let owed: Vec<_> =
                (3..=2_998).filter(|id| *id != 2_000).map(|id| format!("reply {id} now")).collect();
            assert_eq!(replies, owed, "and all others are answered, in their order");
            service.calls.borrow()["upload"].open();
            wire.send("end 2\n");
            wire.end();
            assert_eq!(serving.await.unwrap(), "over");
        },
    );
}

#[test]
fn a_peer_that_asks_beyond_what_it_may_and_takes_no_answers_is_not_heard_for_ever() {
    stuck(
        |config| config.in_flight_max = 100,
        async |wire, _service, stats, serving| {
            wire.send(each(1..=5_000, |id| format!("open {id} now")));
            settle_long().await;
            assert!((64..100).contains(&stats.begun()), "{}", stats.begun());
            let refused = stats.refused();
            // A refusal may wait for each of them, and for a thousand more, but no others.
            assert!((1_000..1_200).contains(&refused), "{refused}");
            assert!(wire.unread() > 0);
            wire.set_room(usize::MAX);
            settle_long().await;
            assert_eq!(stats.answered() + stats.refused(), 5_000);
            assert_eq!(wire.take_written().lines().count(), 5_000);
            wire.end();
            assert_eq!(serving.await.unwrap(), "over");
        },
    );
}

#[test]
fn calls_that_wait_to_begin_are_given_up_with_their_connection() {
    for (last, answered) in [("reply 9 x\n", false), ("", true)] {
        stuck(
            |_| {},
            async |wire, _service, stats, serving| {
                wire.send(each(1..=200, |id| format!("open {id} now")));
                settle_long().await;
                let begun = stats.begun();
                wire.send(last);
                wire.end();
                settle().await;
                wire.set_room(usize::MAX);
                settle_long().await;
                let (told, written) = (serving.await.unwrap(), wire.take_written());
                let written = written.lines().filter(|line| line.starts_with("reply ")).count() as u64;
                if answered {
                    assert_eq!((&*told, stats.begun(), written), ("over", 200, 200));
                } else {
                    assert_eq!((stats.begun(), stats.refused(), written), (begun, 200 - begun, begun));
                }
            },
        );
    }
}

/// A connection that owes nothing drains: the peer says this after so long, and it is closed after so long more.
fn check_farewell(has_pings: bool, told: &str, reads: (Duration, &str), closes_after: Duration) {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let (wire, drain) = (Wire::new(), Drain::new());
        let mut config = ServerConfig::default();
        if !has_pings {
            config.ping_interval = None;
        }
        let serving =
            spawn(config.serve_connection(wire.clone(), Text::new(60), Script::default(), drain.clone()));
        drain.begin();
        settle().await;
        clock.pass(reads.0).await;
        wire.send(format!("open 1 late\n{}", reads.1));
        settle().await;
        clock.pass(closes_after - Duration::from_millis(1)).await;
        settle().await;
        assert!(!wire.is_closed());
        assert_eq!(wire.take_written(), format!("{told}reset 1 refused\n"));
        clock.pass(Duration::from_millis(1)).await;
        settle().await;
        assert!(wire.is_closed());
        wire.end();
        assert!(serving.await.unwrap().is_ok());
    });
}

#[test]
fn a_drain_waits_until_all_was_read_and_then_not_long() {
    let seconds = Duration::from_secs;
    check_farewell(true, "drain\nping 1\n", (seconds(9), "pong 1\n"), seconds(1));
    // What is no answer to that leaves it all of its time.
    check_farewell(true, "drain\nping 1\n", (seconds(2), "pong 2\n"), seconds(8));
    check_farewell(true, "drain\nping 1\n", (seconds(2), "pong 1\n"), seconds(1));
    check_farewell(false, "drain\n", (Duration::from_millis(900), ""), Duration::from_millis(100));
}

#[test]
fn whoever_takes_too_long_for_a_frame_or_takes_nothing_is_left() {
    timed(
        |_| {},
        async |wire, _service, clock, serving| {
            wire.send("open 1");
            settle().await;
            clock.pass(Duration::from_secs(30)).await;
            settle().await;
            wire.end();
            assert_eq!(serving.await.unwrap(), "the peer takes too long to send a frame");
        },
    );
    timed(
        |_| {},
        async |wire, _service, clock, serving| {
            wire.set_room(0);
            wire.send("open 1 now\n");
            settle().await;
            clock.pass(Duration::from_secs(30)).await;
            settle().await;
            assert_eq!(serving.await.unwrap(), "the peer takes nothing of what it is sent");
        },
    );
}

#[test]
fn the_body_that_a_reply_passes_on_may_be_the_requests_own() {
    let echo = ekiden_service::service_fn(async |req: Message<String>| Ok::<_, Refused>(req));
    let wire = Wire::new();
    let config = ServerConfig { window_bytes: 40, ..ServerConfig::default() };
    ekiden_reactor::run(async {
        let serving = spawn(config.serve_connection(wire.clone(), Text::new(60), echo, Drain::new()));
        wire.send("open+ 1 a\nchunk 1 x\n");
        settle().await;
        assert_eq!(wire.take_written(), "reply+ 1 a\nchunk 1 x\n");
        wire.send("chunk 1 y\n");
        settle().await;
        assert_eq!(wire.take_written(), "credit 1 34\nchunk 1 y\n");
        wire.send("chunk 1 z\nend 1\n");
        settle().await;
        assert_eq!(wire.take_written(), "chunk 1 z\nend 1\n");
        wire.end();
        assert!(serving.await.unwrap().is_ok());
    });
}
