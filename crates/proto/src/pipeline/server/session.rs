//! One connection of a server: when to read, when to stop, and how it ends.
//!
//! A [`Session`] moves requests into calls and replies onto the wire each time that it is polled. The order of the
//! replies is [`Order`]'s to know, the futures are [`Running`]'s, the time is [`Patience`]'s.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use ekiden_reactor::task::poll_proceed;
use ekiden_service::{Begun, Service};
use futures_io::{AsyncRead, AsyncWrite};

use super::ServeError;
use super::order::{Order, Ticket};
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, Cause, ConnectionError, Error};
use crate::dispatch::pace::REQUEST_COST;
use crate::dispatch::patience::{Patience, Wait};
use crate::dispatch::peer::Peer;
use crate::dispatch::running::{Outcome, Running};
use crate::pipeline::config::ServerConfig;
use crate::pipeline::shape::Shape;
use crate::transport::{Parts, ReadError, Transport};

/// One connection: what was asked, what is owed, and whether more may be asked.
pub(super) struct Session<Io, Codec, Shaped: Shape, E> {
    transport: Transport<Io, Codec>,
    order: Order<Result<Shaped::Out, E>>,
    /// What the requests took on the wire whose calls run, and how much that may be.
    in_flight_bytes: usize,
    in_flight_bytes_max: usize,
    shape: Shaped,
    intake: Intake,
    peer: Peer,
    /// Why the connection ends once what is owed is written.
    failure: Option<ServeError<E>>,
    patience: Patience,
}

/// The service's side of a session: how it is called, and the calls that run.
///
/// Apart from the session, since the calls borrow the service: so a session can be made before there is a future
/// that holds both, and is not moved into it, which would take its memory twice.
struct Handler<Call, F> {
    call: Call,
    running: Running<F, Asked>,
}

/// Whose the answer of a call is.
struct Asked {
    ticket: Ticket,
    /// What its request took on the wire.
    bytes: u32,
}

/// Which requests are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Intake {
    /// All.
    Open,
    /// Those that have been read already.
    Draining,
    /// None.
    Ended,
}

/// Why no further request is taken for now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// There is none.
    Waiting,
    /// Too many are owed, or too much is asked.
    Full,
    /// The others want their turn.
    Spent,
}

impl<Io, Codec, Shaped, E> Session<Io, Codec, Shaped, E>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Shaped: Shape,
    Codec: Decoder<Item = Shaped::FrameIn, Error: Into<BoxError>>
        + Encoder<Shaped::FrameOut, Error: Into<BoxError>>,
{
    pub(super) fn new(io: Io, codec: Codec, shape: Shaped, config: &ServerConfig) -> Self {
        let mut transport = Transport::new(io, codec);
        transport.set_write_bytes_max(config.write_bytes_max);
        Self {
            transport,
            order: Order::new(config.in_flight_max),
            in_flight_bytes: 0,
            in_flight_bytes_max: config.in_flight_bytes_max,
            shape,
            intake: Intake::Open,
            peer: Peer::Sends,
            failure: None,
            patience: Patience::new(config.write_timeout, config.frame_timeout, config.idle_timeout),
        }
    }

    /// Serves the connection to its end and closes it, unless it goes on with another protocol.
    pub(super) async fn serve<S>(
        &mut self,
        service: &S,
        drain: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<(), ServeError<E>>
    where
        S: Service<Req = Shaped::In, Resp = Shaped::Out, Error = E>,
    {
        let mut handler = Handler { call: |req| service.call(req), running: Running::new() };
        let ended = poll_fn(|cx| self.poll(cx, &mut handler, drain)).await;
        // What is held goes on with another protocol.
        if !(self.peer == Peer::Sends && ended.is_ok() && self.transport.is_held()) {
            Box::pin(self.peer.close(&mut self.transport)).await;
        }
        ended
    }

    pub(super) fn into_parts(self) -> Parts<Io, Codec> {
        self.transport.into_parts()
    }

    /// Does all that can be done now. Ready when the connection has ended.
    fn poll<Call, F>(
        &mut self,
        cx: &mut Context<'_>,
        handler: &mut Handler<Call, F>,
        drain: &mut (impl Future<Output = ()> + Unpin),
    ) -> Poll<Result<(), ServeError<E>>>
    where
        Call: Fn(Shaped::In) -> F,
        F: Future<Output = Result<Shaped::Out, E>>,
    {
        if self.intake == Intake::Open && Pin::new(drain).poll(cx).is_ready() {
            self.intake = Intake::Draining;
        }
        let moved = self.poll_move(cx, handler);
        if moved.is_err() {
            self.peer = Peer::Lost;
        }
        let is_flushed = moved?.is_ready();
        if is_flushed && self.intake == Intake::Ended && self.owes_nothing() {
            return Poll::Ready(self.failure.take().map_or(Ok(()), Err));
        }
        match ready!(self.patience.poll(self.wait(is_flushed), self.order.begun(), cx)) {
            Wait::Stalled { .. } => {
                self.peer = Peer::Lost;
                Poll::Ready(Err(ConnectionError::from(Cause::Stalled).into()))
            }
            Wait::Frame { .. } => {
                self.break_off(Cause::Slow.into());
                // What is owed is written first, as it is when the frame is broken.
                if self.owes_nothing() {
                    Poll::Ready(self.failure.take().map_or(Ok(()), Err))
                } else {
                    Poll::Pending
                }
            }
            Wait::Idle { .. } => Poll::Ready(Ok(())),
        }
    }

    /// What the peer keeps us waiting for.
    fn wait(&self, is_flushed: bool) -> Option<Wait> {
        let begun = self.order.begun();
        // A body whose rest does not come is no better than a frame whose rest does not.
        let is_amid_message = self.shape.is_amid_message();
        let takes_more = self.intake == Intake::Open && self.takes_frame() && self.shape.has_room();
        if !is_flushed {
            Some(Wait::Stalled { written: self.transport.written_bytes() })
        } else if takes_more && (is_amid_message || self.transport.is_amid_frame()) {
            Some(Wait::Frame { begun: begun + self.shape.parts() })
        } else if self.owes_nothing() {
            Some(Wait::Idle { begun })
        } else {
            None
        }
    }

    /// Whether every request that was begun has been answered to its end.
    fn owes_nothing(&self) -> bool {
        self.order.owed() == 0 && !self.shape.is_sending()
    }

    /// Whether the next frame may be taken: what belongs to a request that has begun always may.
    fn takes_frame(&self) -> bool {
        let has_room = !self.order.is_full()
            && (self.in_flight_bytes == 0 || self.in_flight_bytes < self.in_flight_bytes_max);
        self.shape.is_amid_message() || has_room
    }

    /// A call has come to its end.
    fn handle_done(&mut self, asked: Asked, outcome: Outcome<Result<Shaped::Out, E>>) {
        self.in_flight_bytes -= asked.bytes as usize;
        self.order.done(asked.ticket, reply(outcome));
    }

    /// Moves requests into calls and replies onto the wire. Ready when all that can be written has been; an error is
    /// one of the wire.
    fn poll_move<Call, F>(
        &mut self,
        cx: &mut Context<'_>,
        handler: &mut Handler<Call, F>,
    ) -> Result<Poll<()>, ServeError<E>>
    where
        Call: Fn(Shaped::In) -> F,
        F: Future<Output = Result<Shaped::Out, E>>,
    {
        handler.running.poll(cx, |asked, outcome| self.handle_done(asked, outcome));
        loop {
            let stop = self.begin_requests(cx, handler)?;
            let room = self.queue_replies(cx).map_err(ConnectionError::from)?;
            // Only if replies have made room is there anything new to read.
            if stop != Stop::Full || room.is_pending() || !self.takes_frame() {
                break;
            }
        }
        if self.is_cut() {
            handler.running = Running::new();
        }
        handler.running.settle();
        match self.transport.poll_flush(cx) {
            Poll::Ready(flushed) => Ok(Poll::Ready(flushed.map_err(ConnectionError::from)?)),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Begins the requests that are there, as many as may be.
    fn begin_requests<Call, F>(
        &mut self,
        cx: &mut Context<'_>,
        handler: &mut Handler<Call, F>,
    ) -> Result<Stop, ServeError<E>>
    where
        Call: Fn(Shaped::In) -> F,
        F: Future<Output = Result<Shaped::Out, E>>,
    {
        loop {
            if !self.takes_frame() {
                return Ok(Stop::Full);
            }
            if self.shape.poll_room(cx).is_pending() {
                return Ok(Stop::Waiting);
            }
            let next = match self.intake {
                Intake::Open => self.transport.poll_next(cx),
                // What has begun is read to its end.
                Intake::Draining if self.shape.is_amid_message() => self.transport.poll_next(cx),
                Intake::Draining => Poll::Ready(self.transport.try_next()),
                Intake::Ended => Poll::Pending,
            };
            let Poll::Ready(next) = next else { return Ok(Stop::Waiting) };
            match next {
                Some(Ok(frame)) => {
                    let req = match self.shape.handle_frame(frame) {
                        Ok(Some(req)) => req,
                        Ok(None) if poll_proceed(cx, PART_COST).is_pending() => return Ok(Stop::Spent),
                        Ok(None) => continue,
                        Err(rule) => {
                            self.break_off(Cause::Violation(rule).into());
                            continue;
                        }
                    };
                    let Some(ticket) = self.order.begin() else { unreachable!("asked whether it is full") };
                    let asked = Asked { ticket, bytes: self.transport.frame_bytes() };
                    self.in_flight_bytes += asked.bytes as usize;
                    let Handler { call, running } = handler;
                    running.start(|| call(req), asked, cx, |asked, outcome| self.handle_done(asked, outcome));
                    if poll_proceed(cx, REQUEST_COST).is_pending() {
                        return Ok(Stop::Spent);
                    }
                }
                Some(Err(ReadError::Io(error))) => return Err(ConnectionError::from(error).into()),
                Some(Err(error)) => self.break_off(error.into()),
                None if self.shape.is_amid_message() => self.break_off(Cause::Truncated { bytes: 0 }.into()),
                None => self.end_intake(None),
            }
        }
    }

    /// Nothing more can be taken, and whoever reads of a request learns that its rest does not come.
    fn break_off(&mut self, error: ConnectionError) {
        let reader = self.shape.handle_lost(&Error::lost(error.clone(), Begun::Yes));
        reader.into_iter().for_each(Waker::wake);
        self.end_intake(Some(error.into()));
    }

    fn end_intake(&mut self, failure: Option<ServeError<E>>) {
        if self.intake == Intake::Open && failure.is_none() && !self.transport.is_held() {
            self.peer = Peer::Ended;
        }
        self.failure = failure;
        self.intake = Intake::Ended;
    }

    /// Queues the replies whose turn it is, as far as there is room.
    fn queue_replies(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        while self.shape.is_sending() || self.order.has_reply() {
            if self.transport.poll_ready(cx)?.is_pending() {
                return Ok(Poll::Pending);
            }
            // The rest of the reply that has begun goes before the next.
            if self.shape.is_sending() {
                if poll_proceed(cx, PART_COST).is_pending() {
                    return Ok(Poll::Ready(()));
                }
                match self.shape.poll_part(cx) {
                    Poll::Ready(Ok(part)) => {
                        if let Err(error) = self.transport.start_send(part) {
                            self.cut(ServeError::Encode(error.into()));
                        }
                    }
                    Poll::Ready(Err(error)) => self.cut(ServeError::Body(error)),
                    Poll::Pending => return Ok(Poll::Ready(())),
                }
                continue;
            }
            match self.order.next_reply() {
                Some(Ok(resp)) => {
                    let head = self.shape.begin(resp);
                    if let Err(error) = self.transport.start_send(head) {
                        self.cut(ServeError::Encode(error.into()));
                    }
                }
                Some(Err(error)) => self.cut(ServeError::Service(error)),
                None => {}
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Drops whatever is owed from here on: after a reply that fails no other can be told from it.
    fn cut(&mut self, failure: ServeError<E>) {
        self.failure = Some(failure);
        self.intake = Intake::Ended;
        self.order = Order::new(0);
        self.shape.stop_sending();
    }

    /// Whether no call matters any more.
    fn is_cut(&self) -> bool {
        matches!(self.failure, Some(ServeError::Encode(_) | ServeError::Service(_) | ServeError::Body(_)))
    }
}

/// What the service has answered. A panic of it ends the connection: those behind it have no answer without it.
fn reply<T>(outcome: Outcome<T>) -> T {
    outcome.unwrap_or_else(|panic| panic.resume())
}

/// What a piece of a body costs of a turn, beside a request: it is moved and no more.
const PART_COST: u32 = 1;

#[cfg(test)]
mod tests {
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
            let config =
                ServerConfig { in_flight_max: 99, in_flight_bytes_max: 8, ..ServerConfig::default() };
            let serving =
                config.serve_connection(wire.clone(), Lines::new(20), service.clone(), Drain::new());
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
    fn where_no_bytes_may_be_in_flight_requests_are_served_one_by_one() {
        by_hand(|cx| {
            let (wire, service) = (Wire::new(), Script::default());
            let config = ServerConfig { in_flight_bytes_max: 0, ..ServerConfig::default() };
            let serving =
                config.serve_connection(wire.clone(), Lines::default(), service.clone(), Drain::new());
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
        let error =
            "! the connection ended early: the peer ended the connection 1 bytes into a frame, closed";
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
}
