//! Both ends of messages with bodies, under schedules played by hand; and against each other, under random ones.
//!
//! On these wires `a` is a message without a body and `a+` one with; `=x` is a chunk and `.` the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ekiden_reactor::channel::oneshot;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::UnixStream;
use ekiden_reactor::{Config, Reactor, spawn, yield_now};
use ekiden_service::{Failure, Service};
use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;

use super::*;
use crate::codec::{Decoded, Decoder, Encoder, Lines, LinesError};
use crate::pipeline::{Client, ClientConfig, ServerConfig};
use crate::server::Drain;
use crate::wire::{Wire, by_hand};

/// The codec of both ends.
#[derive(Clone)]
struct Marked(Lines);

impl Marked {
    fn new() -> Self {
        Self(Lines::new(99))
    }
}

impl Decoder for Marked {
    type Item = Frame<String>;
    type Error = LinesError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Self::Item>, LinesError> {
        let Decoded::Frame(line) = self.0.decode(buf)? else { return Ok(Decoded::Incomplete) };
        Ok(Decoded::Frame(match (line.strip_prefix('='), line.strip_suffix('+')) {
            (Some(bytes), _) => Frame::Chunk(bytes.to_owned().into()),
            (None, _) if line == "." => Frame::End,
            (None, Some(head)) => Frame::Head { head: head.to_owned(), more: true },
            (None, None) => Frame::Head { head: line, more: false },
        }))
    }
}

impl Encoder<Frame<String>> for Marked {
    type Error = LinesError;

    fn encode(&mut self, frame: Frame<String>, buf: &mut BytesMut) -> Result<(), LinesError> {
        let line = match frame {
            Frame::Head { head, more: false } => head,
            Frame::Head { head, more: true } => format!("{head}+"),
            Frame::Chunk(bytes) => format!("={}", String::from_utf8_lossy(&bytes)),
            Frame::End => ".".to_owned(),
        };
        self.0.encode(line, buf)
    }
}

/// Bodies by the names of their calls: those that the test makes, and those that it reads.
#[derive(Clone, Default)]
struct Bodies(Rc<RefCell<BodiesState>>);

#[derive(Default)]
struct BodiesState {
    made: BTreeMap<String, VecDeque<Said>>,
    read: BTreeMap<String, Body>,
}

enum Said {
    Chunk(String),
    End,
    Failure,
}

impl Bodies {
    /// A body that says what the test has it say.
    fn make(&self, name: &str) -> Body {
        self.0.borrow_mut().made.insert(name.to_owned(), VecDeque::new());
        let (bodies, name) = (self.clone(), name.to_owned());
        Body::new(stream::poll_fn(move |_| {
            let said = bodies.0.borrow_mut().made.get_mut(&name).and_then(VecDeque::pop_front);
            match said {
                Some(Said::Chunk(text)) => Poll::Ready(Some(Ok(Bytes::from(text)))),
                Some(Said::Failure) => Poll::Ready(Some(Err(io::Error::other("it is spoilt")))),
                Some(Said::End) => Poll::Ready(None),
                None => Poll::Pending,
            }
        }))
    }

    fn keep(&self, name: &str, body: Body) {
        let replaced = self.0.borrow_mut().read.insert(name.to_owned(), body);
        drop(replaced);
    }

    /// Does what concerns bodies. Says what was read.
    fn play(&self, verb: &str, what: &str) -> Option<Option<String>> {
        let say = |name: &str, said| {
            self.0.borrow_mut().made.get_mut(name).expect("it was made").push_back(said);
        };
        match verb {
            "say" => {
                let (name, text) = what.split_once(' ').expect("a name and a text");
                say(name, Said::Chunk(text.to_owned()));
            }
            "close" => say(what, Said::End),
            "spoil" => say(what, Said::Failure),
            "forget" => drop(self.0.borrow_mut().read.remove(what)),
            "read" => {
                let mut body = self.0.borrow_mut().read.remove(what).expect("it has come");
                let next = body.next().now_or_never();
                self.keep(what, body);
                let read = match next {
                    None => "nothing yet".to_owned(),
                    Some(None) => "end".to_owned(),
                    Some(Some(Ok(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
                    Some(Some(Err(error))) => format!("broken, begun: {:?}", error.begun()),
                };
                return Some(Some(format!("{what}: {read}")));
            }
            _ => return None,
        }
        Some(None)
    }
}

mod server {
    use super::*;

    /// A call answers when the test says so; one of "echo" at once, with what it is sent.
    #[derive(Clone, Default)]
    struct Script {
        bodies: Bodies,
        orders: Rc<RefCell<BTreeMap<String, oneshot::Sender<Message<String>>>>>,
    }

    impl Service for Script {
        type Req = Message<String>;
        type Resp = Message<String>;
        type Error = io::Error;

        async fn call(&self, req: Message<String>) -> io::Result<Message<String>> {
            let Message { head, body } = req;
            if head == "echo" {
                return Ok(Message::with_body(head, body));
            }
            self.bodies.keep(&head, body);
            let (sender, told) = oneshot::channel();
            self.orders.borrow_mut().insert(head, sender);
            Ok(told.await.expect("it is told what to answer"))
        }
    }

    /// Plays steps, and polls the connection after each. At most two calls are in flight; of a body two chunks of a letter
    /// wait to be read, and then one more.
    fn check(script: &str, expect: &str) {
        by_hand(|cx| assert_eq!(play(script, cx), expect, "{script}"));
    }

    fn play(script: &str, cx: &mut Context<'_>) -> String {
        let (wire, drain, service) = (Wire::new(), Drain::new(), Script::default());
        let config = ServerConfig { in_flight_max: 2, body_bytes_max: 35, ..ServerConfig::default() };
        let serving =
            config.serve_streamed_connection(wire.clone(), Marked::new(), service.clone(), drain.clone());
        let mut serving = Some(Box::pin(serving));
        let mut log = Vec::new();
        for step in script.split(", ") {
            let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
            let done = |name: &str, reply| {
                let sender = service.orders.borrow_mut().remove(name).expect("it was called");
                sender.send(reply).expect("it waits");
            };
            match verb {
                "in" => wire.send(what.replace('/', "\n")),
                "done" => done(what, Message::new(what.to_owned())),
                "done+" => done(what, Message::with_body(what.to_owned(), service.bodies.make(what))),
                "end" => wire.end(),
                "quit" => serving = None,
                "drain" => drain.begin(),
                "room" => wire.set_room(what.parse().unwrap()),
                "calls" => log.push(format!("{:?}", service.orders.borrow().keys().collect::<Vec<_>>())),
                "unread" => log.push(format!("{} unread", wire.unread())),
                _ => log.extend(service.bodies.play(verb, what).expect("there is such a step")),
            }
            let ended = serving.as_mut().map(|serving| serving.as_mut().poll(cx));
            let written = wire.take_written();
            if !written.is_empty() {
                log.push(format!("out {}", written.replace('\n', "/")));
            }
            if let Some(Poll::Ready(ended)) = ended {
                serving = None;
                log.push(match ended {
                    Ok(_) => "over".to_owned(),
                    Err(error) => format!("! {error}: {}", error.source().unwrap()),
                });
            }
        }
        log.join(", ")
    }

    #[test]
    fn a_body_is_read_as_it_comes() {
        check(
            "in a+/=1/, read a, read a, in =2/./, read a, read a, done a",
            "a: 1, a: nothing yet, a: 2, a: end, out a/",
        );
        check("in a/, read a, done a", "a: end, out a/");
    }

    #[test]
    fn what_is_behind_a_body_comes_after_it() {
        check("in a+/=1/./b/, calls, done b, done a", r#"["a", "b"], out a/b/"#);
        check("in a+/=1/, in =2/./b/, calls", r#"["a", "b"]"#);
    }

    #[test]
    fn a_reply_may_leave_before_its_request_has_come() {
        check("in a+/=1/, done a, in =2/./b/, calls", r#"out a/, ["b"]"#);
        check("in echo+/=1/, in =2/, in ./", "out echo+/=1/, out =2/, out ./");
    }

    #[test]
    fn the_body_of_a_reply_leaves_in_its_turn() {
        check("in a/b/, done b, done+ a, say a 1, say a 2, close a", "out a+/, out =1/, out =2/, out ./b/");
        check("in a/b/, done+ b, say b 1, done a, close b", "out a/b+/=1/, out ./");
    }

    #[test]
    fn a_body_that_nobody_reads_holds_back_its_connection() {
        check(
            "in a+/=1/=2/=3/, in =4/./b/, calls, unread, read a, unread, read a, calls, unread",
            r#"["a"], 7 unread, a: 1, 7 unread, a: 2, ["a", "b"], 0 unread"#,
        );
    }

    #[test]
    fn a_body_that_nobody_wants_is_thrown_away() {
        check("in a+/=1/=2/=3/=4/, forget a, in =5/./b/, calls", r#"["a", "b"]"#);
        check("in a+/=1/=2/=3/=4/, in =5/./b/, done a, forget a, calls", r#"out a/, ["b"]"#);
    }

    #[test]
    fn a_body_is_taken_also_when_no_more_calls_are() {
        check("in a/b+/=1/, in =2/./c/, read b, read b, read b, calls", r#"b: 1, b: 2, b: end, ["a", "b"]"#);
    }

    #[test]
    fn whoever_reads_learns_that_the_rest_does_not_come() {
        let early = "! the connection ended early";
        check(
            "in a+/=1/, end, read a, read a, read a, done a",
            &format!(
                "a: 1, a: broken, begun: Yes, a: end, out a/, {early}: the peer ended the connection 0 bytes into a frame"
            ),
        );
        check(
            "in a+/b/, read a, done a, end",
            &format!(
                "a: broken, begun: Yes, out a/, {early}: the peer broke the protocol: a message within the body of another"
            ),
        );
        check(
            "in =1/, end",
            &format!("{early}: the peer broke the protocol: a part of a body, and no body has begun"),
        );
        check(
            "in a/./, done a, end",
            &format!("out a/, {early}: the peer broke the protocol: a part of a body, and no body has begun"),
        );
    }

    #[test]
    fn whoever_reads_of_a_connection_that_was_dropped_learns_it_too() {
        check("in a+/=1/, quit, read a, read a, read a", "a: 1, a: broken, begun: Yes, a: end");
    }

    #[test]
    fn a_reply_that_breaks_ends_the_connection() {
        check(
            "in a/b/, done b, done+ a, say a 1, spoil a, end",
            "out a+/, out =1/, ! the body of a reply cannot be made: it is spoilt",
        );
    }

    #[test]
    fn a_drain_reads_what_has_begun_and_writes_it_to_its_end() {
        check(
            "in a+/=1/, drain, in =2/./, in b/, read a, read a, read a, done+ a, calls, say a 1, close a, end",
            "a: 1, a: 2, a: end, out a+/, [], out =1/, out ./, over",
        );
    }

    #[test]
    fn a_body_waits_for_a_peer_that_takes_nothing() {
        check(
            "in a/, done+ a, room 3, say a 1, say a 2, room 99, close a",
            "out a+/, out =1/, out =2/, out ./",
        );
    }

    #[test]
    fn who_sends_no_more_of_a_body_is_left_after_thirty_seconds() {
        let (hand, clock) = Hand::new().unwrap();
        Reactor::with_driver(Config::default(), hand).run(async {
            let (wire, service) = (Wire::new(), Script::default());
            let serving = ServerConfig::default().serve_streamed_connection(
                wire.clone(),
                Marked::new(),
                service.clone(),
                Drain::new(),
            );
            let serving = spawn(serving);
            wire.send("a+\n");
            yield_now().await;
            // Each piece that comes begins the time anew.
            for _ in 0..3 {
                clock.pass(Duration::from_secs(29)).await;
                wire.send("=1\n");
                yield_now().await;
            }
            clock.pass(Duration::from_secs(29)).await;
            assert_eq!(service.bodies.play("read", "a"), Some(Some("a: 1".to_owned())));
            clock.pass(Duration::from_secs(1)).await;
            for read in ["a: 1", "a: 1", "a: broken, begun: Yes"] {
                assert_eq!(service.bodies.play("read", "a"), Some(Some(read.to_owned())));
            }
            drop(serving);
        });
    }
}

mod client {
    use super::*;

    type Reply = Result<Message<String>, Error>;
    type UnderWay = Pin<Box<dyn Future<Output = Reply>>>;

    /// Plays steps, and polls the connection after each. Of a body two chunks of a letter wait to be read, and then one more.
    fn check(script: &str, expect: &str) {
        by_hand(|cx| assert_eq!(play(script, cx), expect, "{script}"));
    }

    fn play(script: &str, cx: &mut Context<'_>) -> String {
        let wire = Wire::new();
        let config = ClientConfig { body_bytes_max: 35, ..ClientConfig::default() };
        let (client, connection) = Client::streamed_with_config(wire.clone(), Marked::new(), config);
        let (mut client, mut connection) = (Some(client), Some(connection));
        let bodies = Bodies::default();
        let mut calls = BTreeMap::<String, UnderWay>::new();
        let mut log = Vec::new();
        for step in script.split(", ") {
            let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
            match verb {
                "ask" | "ask+" => {
                    let body = if verb == "ask" { Body::empty() } else { bodies.make(what) };
                    let (client, req) = (client.clone().unwrap(), Message::with_body(what.to_owned(), body));
                    let mut call: UnderWay = Box::pin(async move { client.call(req).await });
                    assert!(call.as_mut().poll(cx).is_pending());
                    calls.insert(what.to_owned(), call);
                }
                "drop" if what == "client" => client = None,
                "drop" => drop(calls.remove(what).expect("it is under way")),
                "in" => wire.send(what.replace('/', "\n")),
                "end" => wire.end(),
                "reset" => wire.reset(),
                "unread" => log.push(format!("{} unread", wire.unread())),
                _ => log.extend(bodies.play(verb, what).expect("there is such a step")),
            }
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
            calls.retain(|name, call| match call.as_mut().poll(cx) {
                Poll::Ready(Ok(reply)) => {
                    log.push(format!("{name} = {}", reply.head));
                    bodies.keep(name, reply.body);
                    false
                }
                Poll::Ready(Err(error)) => {
                    log.push(format!("{name} begun: {:?}", error.begun()));
                    false
                }
                Poll::Pending => true,
            });
        }
        log.join(", ")
    }

    #[test]
    fn a_request_is_sent_to_its_end_before_the_next() {
        check("ask+ a, say a 1, ask b, close a, in A/B/", "out a+/, out =1/, out ./b/, a = A, b = B");
    }

    #[test]
    fn a_reply_is_there_with_its_head() {
        check(
            "ask a, in A+/=1/, read a, read a, in =2/./, read a, read a",
            "out a/, a = A, a: 1, a: nothing yet, a: 2, a: end",
        );
    }

    #[test]
    fn a_reply_may_come_before_its_request_has_left() {
        check("ask+ a, ask b, in A/, say a 1, close a, in B/", "out a+/, a = A, out =1/, out ./b/, b = B");
    }

    #[test]
    fn a_reply_that_nobody_reads_holds_back_those_behind_it() {
        check(
            "ask a, ask b, in A+/=1/=2/=3/, in =4/./B/, unread, read a, read a, unread",
            "out a/, out b/, a = A, 7 unread, a: 1, a: 2, b = B, 0 unread",
        );
    }

    #[test]
    fn a_reply_that_nobody_wants_is_thrown_away() {
        check("ask a, ask b, in A+/=1/=2/=3/=4/, forget a, in =5/./B/", "out a/, out b/, a = A, b = B");
        check("ask a, ask b, drop a, in A+/=1/=2/=3/=4/=5/./B/", "out a/, out b/, b = B");
    }

    #[test]
    fn a_call_that_is_dropped_is_sent_to_its_end() {
        check("ask+ a, drop a, ask b, say a 1, close a, in A/B/", "out a+/, out =1/, out ./b/, b = B");
        check("ask b, ask+ a, say a 1, close a, drop a, in B/A/", "out b/, out a+/, out =1/, out ./, b = B");
    }

    #[test]
    fn on_a_loss_whoever_reads_learns_that_the_rest_does_not_come() {
        check(
            "ask a, ask b, in A+/=1/, reset, read a, read a, read a",
            "out a/, out b/, a = A, broken: the connection failed, b begun: Unknown, a: 1, a: broken, begun: Yes, a: end",
        );
        let truncated = "broken: the peer ended the connection 0 bytes into a frame";
        check(
            "ask a, in A+/=1/, end, read a, read a",
            &format!("out a/, a = A, {truncated}, a: 1, a: broken, begun: Yes"),
        );
    }

    #[test]
    fn a_request_that_breaks_is_the_end_of_its_connection() {
        check(
            "ask+ a, say a 1, ask b, spoil a",
            "out a+/, out =1/, broken: a body cannot be made, a begun: Unknown, b begun: No",
        );
    }

    #[test]
    fn what_is_no_message_breaks_the_connection() {
        check(
            "ask a, in =1/",
            "out a/, broken: the peer broke the protocol: a part of a body, and no body has begun, a begun: Unknown",
        );
    }

    #[test]
    fn the_connection_is_closed_with_the_last_client_and_the_last_body() {
        check("ask a, in A+/=1/, drop client, read a, in ./, read a", "out a/, a = A, a: 1, over, a: end");
        check("ask a, in A+/=1/, drop client, forget a", "out a/, a = A, over");
    }
}

/// The scripts poll everybody after each step; here each waits to be woken.
#[test]
fn whoever_waits_is_woken() {
    let (hand, _clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let (near, far) = UnixStream::pair().unwrap();
        let config = ServerConfig { body_bytes_max: 50, ..ServerConfig::default() };
        let echo = ekiden_service::service_fn(async |req: Message<String>| Ok::<_, io::Error>(req));
        drop(spawn(config.serve_streamed_connection(far, Marked::new(), echo, Drain::new())));
        let config = ClientConfig { body_bytes_max: 50, ..ClientConfig::default() };
        let (client, connection) = Client::streamed_with_config(near, Marked::new(), config);
        let driving = spawn(connection);

        let chunks = stream::iter(0..100).then(async |number: u32| {
            yield_now().await;
            Ok::<_, io::Error>(number.to_string().into())
        });
        let ask = async |body| client.call(Message::with_body("a".to_owned(), body)).await.unwrap().body;
        let mut body = ask(Body::new(chunks)).await;
        for number in 0..100 {
            assert_eq!(body.next().await.unwrap().unwrap(), number.to_string());
        }
        assert!(body.next().await.is_none());

        // Nobody reads until everybody waits for that.
        let chunks = stream::iter(0..50).map(|number: u32| Ok::<_, io::Error>(number.to_string().into()));
        let mut body = ask(Body::new(chunks)).await;
        for _ in 0..100 {
            yield_now().await;
        }
        for number in 0..50 {
            assert_eq!(body.next().await.unwrap().unwrap(), number.to_string());
        }
        assert!(body.next().await.is_none());

        let endless = stream::once(async { Ok::<_, io::Error>("x".into()) }).chain(stream::pending());
        let mut body = ask(Body::new(endless)).await;
        assert_eq!(body.next().await.unwrap().unwrap(), "x");
        let reading = spawn(async move { body.next().await });
        yield_now().await;
        driving.abort();
        assert!(reading.await.unwrap().unwrap().is_err());
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked, in whatever pieces it comes and whoever reads when: an echo has what was sent to it.
    #[test]
    fn every_schedule_brings_every_body_to_its_end(
        bodies in prop::collection::vec(prop::collection::vec(0usize..60, 0..6), 1..6),
        steps in prop::collection::vec((0u8..4, 1usize..40), 0..120),
    ) {
        ekiden_reactor::run(async {
            let cx = &mut Context::from_waker(Waker::noop());
            let (near, far) = (Wire::new(), Wire::new());
            let config = ClientConfig { in_flight_max: 2, body_bytes_max: 50, ..ClientConfig::default() };
            let (client, mut connection) = Client::streamed_with_config(near.clone(), Marked::new(), config);
            let config = ServerConfig { in_flight_max: 2, body_bytes_max: 50, ..ServerConfig::default() };
            let echo = ekiden_service::service_fn(async |req: Message<String>| Ok::<_, io::Error>(req));
            let serving = config.serve_streamed_connection(far.clone(), Marked::new(), echo, Drain::new());
            let mut serving = Box::pin(serving);

            // Each chunk says whose it is.
            let chunk = |call: usize, length: usize| "x".repeat(length) + &call.to_string();
            let mut calls: Vec<_> = bodies.iter().enumerate().map(|(call, lengths)| {
                let chunks: Vec<_> = lengths.iter().map(|length| Ok::<_, io::Error>(chunk(call, *length).into())).collect();
                let body = if chunks.is_empty() { Body::empty() } else { Body::new(stream::iter(chunks)) };
                let (client, read) = (client.clone(), Rc::new(RefCell::new(Vec::new())));
                let kept = read.clone();
                let reading = async move {
                    let mut reply = client.call(Message::with_body(call.to_string(), body)).await.unwrap();
                    assert_eq!(reply.head, call.to_string());
                    while let Some(bytes) = reply.body.next().await {
                        kept.borrow_mut().push(String::from_utf8_lossy(&bytes.unwrap()).into_owned());
                    }
                };
                (Box::pin(reading), read, false)
            }).collect();

            let carry = |from: &Wire, to: &Wire, queue: &mut VecDeque<u8>, bytes: usize| {
                queue.extend(from.take_bytes());
                to.send(queue.drain(..bytes.min(queue.len())).collect::<Vec<_>>());
            };
            let (mut there, mut back) = (VecDeque::new(), VecDeque::new());
            let finish = (0..4000).map(|step: usize| ((step % 4) as u8, 10_000));
            for (step, size) in steps.into_iter().chain(finish) {
                if calls.iter().all(|(_, _, is_done)| *is_done) {
                    break;
                }
                // Whoever has had his turn waits for the next one.
                yield_now().await;
                match step {
                    0 => carry(&near, &far, &mut there, size),
                    1 => carry(&far, &near, &mut back, size),
                    2 => {
                        assert!(Pin::new(&mut connection).poll(cx).is_pending());
                        assert!(serving.as_mut().poll(cx).is_pending());
                    }
                    _ => {
                        for (reading, _, is_done) in calls.iter_mut().take(size) {
                            *is_done = *is_done || reading.as_mut().poll(cx).is_ready();
                        }
                    }
                }
            }
            for (call, ((_, read, is_done), lengths)) in calls.iter().zip(&bodies).enumerate() {
                assert!(is_done, "call {call} of {bodies:?} has not ended");
                let sent: Vec<_> = lengths.iter().map(|length| chunk(call, *length)).collect();
                assert_eq!(*read.borrow(), sent);
            }
        });
    }
}
