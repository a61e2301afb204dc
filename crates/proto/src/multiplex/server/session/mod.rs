//! One connection of a server: when to read, when to stop, and how it ends.
//!
//! A [`Session`] moves requests into calls and replies onto the wire each time that it is polled. Which calls are open is
//! [`Streams`]' to know, the futures are [`Running`]'s, what is to be sent is the [`Queue`]'s, the time is [`Patience`]'s
//! and [`Keepalive`]'s. `sending` is the half that goes out; `held` are requests that wait for answers to leave.
//!
//! Whatever waits for the peer, it is heard: of a peer that keeps to the limit of calls each frame can be dealt with in bounded
//! room. A reply may be long, so while many wait no further call begins; but its request is taken, like what is said of it.

mod held;
mod sending;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use ekiden_reactor::task::poll_proceed;
use ekiden_reactor::{Sleep, sleep};
use ekiden_service::{Begun, Failure, Service};
use futures_io::{AsyncRead, AsyncWrite};

use held::Held;
use sending::tell;

use super::streams::{Opened, Over, Phase, Streams};
use crate::body::{Body, Message};
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, Cause, ConnectionError, Error};
use crate::dispatch::pace::REQUEST_COST;
use crate::dispatch::patience::{Patience, Wait};
use crate::dispatch::peer::Peer;
use crate::dispatch::running::{self, Running};
use crate::multiplex::config::ServerConfig;
use crate::multiplex::frame::Frame;
use crate::multiplex::keepalive::{Beat, Keepalive, Signs};
use crate::multiplex::pump::Pump;
use crate::multiplex::queue::{Control, Queue};
use crate::multiplex::stats::Stats;
use crate::server::{Panic, Seat};
use crate::transport::{ReadError, Transport};

/// One connection: what is open, what waits to be sent, and whether more is heard.
pub(super) struct Session<Io, Codec, Head, Asked> {
    transport: Transport<Io, Codec>,
    streams: Streams<running::Call>,
    /// What was not begun yet.
    held: Held<Asked>,
    queue: Rc<Queue>,
    /// The heads of the replies that are in the queue, in its order.
    heads: VecDeque<Head>,
    /// What makes the bodies of replies.
    pumps: Running<Pump, u32>,
    /// Those that were not started yet. Empty between two polls.
    fresh: Vec<(u32, Pump)>,
    intake: Intake,
    peer: Peer,
    /// Why the connection ends once what is owed is written.
    failure: Option<ConnectionError>,
    patience: Patience,
    keepalive: Keepalive,
    /// The end of a connection that drains, once nothing is owed.
    farewell: Option<Box<Farewell>>,
    stats: Stats,
    /// How many frames have come, and how many of them were requests.
    heard: u64,
    opened: u64,
    /// Whether the operator was told of a reply that could not be made or sent.
    has_told: bool,
}

/// The service's side of a session: how it is called, and the calls that run.
///
/// Apart from the session, since the calls borrow the service.
struct Handler<'a, Call, F> {
    call: Call,
    running: Running<F, u32>,
    seat: &'a Seat,
}

/// What a peer is given time for, before a connection that owes it nothing is closed.
struct Farewell {
    /// It is asked, behind all that was written, so that its answer says that it has read that.
    token: u64,
    has_read: bool,
    until: Sleep,
}

/// What is heard of the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Intake {
    Open,
    /// Everything, but new calls are refused.
    Draining,
    Ended,
}

impl<Io, Codec, Head, Asked> Session<Io, Codec, Head, Asked> {
    pub(super) fn new(io: Io, codec: Codec, config: &ServerConfig) -> Self {
        let mut transport = Transport::new(io, codec);
        transport.set_write_bytes_max(config.write_bytes_max);
        let queue = Rc::<Queue>::default();
        Self {
            transport,
            streams: Streams::new(config.in_flight_max.max(1), config.window_bytes.max(1), queue.clone()),
            held: Held::new(),
            queue,
            heads: VecDeque::new(),
            pumps: Running::new(),
            fresh: Vec::new(),
            intake: Intake::Open,
            peer: Peer::Sends,
            failure: None,
            patience: Patience::new(config.write_timeout, config.frame_timeout, config.idle_timeout),
            keepalive: Keepalive::new(config.ping_interval, config.ping_timeout),
            farewell: None,
            stats: config.stats.clone(),
            heard: 0,
            opened: 0,
            has_told: false,
        }
    }

    /// Every call is over, for whatever reason: what is left of them.
    fn give_up_all(&mut self) -> Vec<Over> {
        let over = self.streams.clear();
        let held = std::mem::replace(&mut self.held, Held::new());
        self.stats.count_refused(held.len());
        self.stats.count_cancelled(over.len() - held.len());
        over
    }
}

impl<Io, Codec, Head, Asked> Session<Io, Codec, Head, Asked>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
{
    /// Serves the connection to its end and closes it.
    pub(super) async fn serve<S>(
        &mut self,
        service: &S,
        seat: &Seat,
        drain: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<(), ConnectionError>
    where
        S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure>,
    {
        let mut handler = Handler { call: |req| service.call(req), running: Running::new(), seat };
        let ended = poll_fn(|cx| self.poll(cx, &mut handler, drain)).await;
        Box::pin(self.peer.close(&mut self.transport)).await;
        ended
    }

    /// Does all that can be done now. Ready when the connection has ended.
    fn poll<Call, F, E>(
        &mut self,
        cx: &mut Context<'_>,
        handler: &mut Handler<'_, Call, F>,
        drain: &mut (impl Future<Output = ()> + Unpin),
    ) -> Poll<Result<(), ConnectionError>>
    where
        Call: Fn(Message<Asked>) -> F,
        F: Future<Output = Result<Message<Head>, E>>,
        E: Failure,
    {
        self.queue.register(cx.waker());
        if self.intake == Intake::Open && Pin::new(drain).poll(cx).is_ready() {
            self.drain();
        }
        let moved = self.poll_move(cx, handler);
        self.queue.look();
        if moved.is_err() {
            self.peer = Peer::Lost;
        }
        let is_flushed = moved?.is_ready();
        let owes_nothing = is_flushed && self.streams.len() == 0 && self.queue.is_empty();
        if owes_nothing && (self.intake == Intake::Ended || self.poll_farewell(cx).is_ready()) {
            return Poll::Ready(self.failure.take().map_or(Ok(()), Err));
        }
        if self.poll_keepalive(cx).is_ready() {
            self.peer = Peer::Lost;
            return Poll::Ready(Err(Cause::Silent.into()));
        }
        match ready!(self.patience.poll(self.wait(is_flushed, owes_nothing), self.opened, cx)) {
            Wait::Stalled { .. } => {
                self.peer = Peer::Lost;
                Poll::Ready(Err(Cause::Stalled.into()))
            }
            Wait::Frame { .. } => {
                self.end_intake(Some(Cause::Slow.into()));
                // What is owed is written first, as it is when the frame is broken.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Wait::Idle { .. } => {
                if self.intake == Intake::Open {
                    // A call that is on its way is refused, and its caller knows that it was not begun.
                    self.drain();
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    /// Ready when the peer has had its time to read what it was told last, and to hear of the drain. What it asks meanwhile is
    /// refused, so that its callers know that it was not begun; one that listens closes the connection when it has heard.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.intake != Intake::Draining {
            return Poll::Pending;
        }
        let farewell = self.farewell.get_or_insert_with(|| {
            let token = self.keepalive.next_token();
            // A protocol that asks for no sign of life has no way to.
            let asks = self.keepalive.is_on();
            if asks {
                self.queue.push(Control::Ping { token });
                // To send it.
                cx.waker().wake_by_ref();
            }
            let patience = if asks { self.keepalive.timeout() } else { DRAIN_GRACE };
            Box::new(Farewell { token, has_read: !asks, until: sleep(patience) })
        });
        Pin::new(&mut farewell.until).poll(cx)
    }

    fn handle_pong(&mut self, token: u64) {
        if let Some(farewell) = &mut self.farewell
            && farewell.token == token
            && !farewell.has_read
        {
            farewell.has_read = true;
            farewell.until = sleep(DRAIN_GRACE);
        }
    }

    /// Takes no more calls, and closes when nothing is owed.
    fn drain(&mut self) {
        if self.intake == Intake::Open {
            self.intake = Intake::Draining;
            self.streams.drain();
        }
    }

    /// What the peer keeps us waiting for.
    fn wait(&self, is_flushed: bool, owes_nothing: bool) -> Option<Wait> {
        if !is_flushed {
            Some(Wait::Stalled { written: self.transport.written_bytes() })
        } else if self.intake != Intake::Ended && self.transport.is_amid_frame() {
            Some(Wait::Frame { begun: self.heard })
        } else if owes_nothing && self.intake == Intake::Open {
            Some(Wait::Idle { begun: self.opened })
        } else {
            None
        }
    }

    /// Moves requests into calls and replies onto the wire. Ready when all that can be written has been; an error is one of
    /// the wire.
    fn poll_move<Call, F, E>(
        &mut self,
        cx: &mut Context<'_>,
        handler: &mut Handler<'_, Call, F>,
    ) -> Result<Poll<()>, ConnectionError>
    where
        Call: Fn(Message<Asked>) -> F,
        F: Future<Output = Result<Message<Head>, E>>,
        E: Failure,
    {
        let seat = handler.seat;
        handler.running.poll(cx, |id, outcome| self.handle_outcome(id, outcome, seat));
        self.begin_held(cx, handler);
        self.read(cx, handler)?;
        if self.failure.is_some() && self.streams.len() > 0 {
            self.cut(handler);
        }
        self.pump(cx, seat);
        self.queue.look();
        let was_deaf = self.is_deaf();
        let sent = self.poll_send(cx, seat);
        if was_deaf && !self.is_deaf() || !self.held.is_empty() && self.may_begin() {
            // There may be more to hear, or there is something to begin, and nothing else would say so.
            cx.waker().wake_by_ref();
        }
        handler.running.settle();
        self.pumps.settle();
        self.queue.settle();
        Ok(match sent {
            Poll::Ready(flushed) => Poll::Ready(flushed?),
            Poll::Pending => Poll::Pending,
        })
    }

    /// Whether so much waits for the peer as one that keeps to the limit of calls cannot have asked for: so it takes some of
    /// it before it is heard again.
    fn is_deaf(&self) -> bool {
        self.queue.is_full(self.streams.in_flight_max())
    }

    /// Whether a further call may begin: if its answer need not be kept beside many.
    fn may_begin(&self) -> bool {
        self.heads.len() < HEADS_MAX
    }

    /// Begins what had to wait, as far as the others' turn allows.
    fn begin_held<Call, F, E>(&mut self, cx: &mut Context<'_>, handler: &mut Handler<'_, Call, F>)
    where
        Call: Fn(Message<Asked>) -> F,
        F: Future<Output = Result<Message<Head>, E>>,
        E: Failure,
    {
        while self.may_begin()
            && let Some((id, request)) = self.held.pop()
        {
            self.begin(id, request, cx, handler);
            if poll_proceed(cx, REQUEST_COST).is_pending() {
                break;
            }
        }
    }

    /// Hears what the peer says, as far as the others' turn allows.
    fn read<Call, F, E>(
        &mut self,
        cx: &mut Context<'_>,
        handler: &mut Handler<'_, Call, F>,
    ) -> Result<(), ConnectionError>
    where
        Call: Fn(Message<Asked>) -> F,
        F: Future<Output = Result<Message<Head>, E>>,
        E: Failure,
    {
        while self.intake != Intake::Ended && !self.is_deaf() {
            let Poll::Ready(next) = self.transport.poll_frame(cx) else { break };
            match next {
                Some(Ok(frame)) => {
                    self.heard += 1;
                    let cost = if matches!(frame, Frame::Open { .. }) { REQUEST_COST } else { 1 };
                    if let Err(rule) = self.handle_frame(frame, cx, handler) {
                        self.end_intake(Some(Cause::Violation(rule).into()));
                    }
                    if poll_proceed(cx, cost).is_pending() {
                        break;
                    }
                }
                Some(Err(ReadError::Io(error))) => return Err(error.into()),
                Some(Err(error)) => self.end_intake(Some(error.into())),
                None => self.end_intake(None),
            }
        }
        Ok(())
    }

    fn handle_frame<Call, F, E>(
        &mut self,
        frame: Frame<Asked>,
        cx: &mut Context<'_>,
        handler: &mut Handler<'_, Call, F>,
    ) -> Result<(), &'static str>
    where
        Call: Fn(Message<Asked>) -> F,
        F: Future<Output = Result<Message<Head>, E>>,
        E: Failure,
    {
        match frame {
            Frame::Open { id, head, more } => {
                self.opened += 1;
                match self.streams.handle_open(id, more)? {
                    Opened::Refused => self.stats.count_refused(1),
                    Opened::Begin(inlet) => {
                        let body = inlet.map_or_else(Body::empty, Body::coming);
                        let request = Message { head, body };
                        if self.held.is_empty() && self.may_begin() {
                            self.begin(id, request, cx, handler);
                        } else {
                            self.streams.hold(id);
                            self.held.push(id, request);
                        }
                    }
                }
            }
            Frame::Chunk { id, bytes } => {
                self.streams.handle_chunk(id, bytes)?.into_iter().for_each(Waker::wake);
            }
            Frame::End { id } => self.streams.handle_end(id).into_iter().for_each(Waker::wake),
            Frame::Credit { id, bytes } => self.streams.handle_credit(id, bytes)?,
            Frame::Cancel { id } => {
                if let Some((runs, over)) = self.streams.handle_cancel(id) {
                    match self.held.remove(id) {
                        Some(_) => self.stats.count_refused(1),
                        None => self.stats.count_cancelled(1),
                    }
                    over.settle();
                    let dropped = match runs {
                        Some((Phase::Calling, call)) => handler.running.cancel(call),
                        Some((Phase::Answering, call)) => self.pumps.cancel(call),
                        None => Ok(()),
                    };
                    dropped.unwrap_or_else(|panic| tell_panic(&panic, handler.seat));
                    // One that was to begin in this turn.
                    self.fresh.retain(|(fresh, _)| *fresh != id);
                }
            }
            Frame::Ping { token } => self.queue.push(Control::Pong { token }),
            Frame::Pong { token } => self.handle_pong(token),
            Frame::Reply { .. } | Frame::Reset { .. } | Frame::Drain => return Err("a client that answers"),
        }
        Ok(())
    }

    /// Asks the service.
    fn begin<Call, F, E>(
        &mut self,
        id: u32,
        req: Message<Asked>,
        cx: &mut Context<'_>,
        handler: &mut Handler<'_, Call, F>,
    ) where
        Call: Fn(Message<Asked>) -> F,
        F: Future<Output = Result<Message<Head>, E>>,
        E: Failure,
    {
        self.stats.count_begun();
        let Handler { call, running, seat } = handler;
        // Lent, or it would be moved from hand to hand.
        let mut req = Some(req);
        let make = || call(req.take().expect("a call is made once"));
        let handle_done = |id, outcome| self.handle_outcome(id, outcome, seat);
        if let Some(runs) = running.start(make, id, cx, handle_done) {
            self.streams.run(id, runs);
        }
    }

    /// Nothing more is heard.
    fn end_intake(&mut self, failure: Option<ConnectionError>) {
        if failure.is_none() {
            self.peer = Peer::Ended;
        }
        let error = failure.clone().unwrap_or_else(|| Cause::Ended.into());
        let readers = self.streams.handle_silence(&Error::lost(error, Begun::Yes));
        self.failure = failure;
        self.intake = Intake::Ended;
        readers.into_iter().for_each(Waker::wake);
        if self.peer == Peer::Ended && self.streams.len() > 0 {
            self.probe();
        }
    }

    /// Asks for a sign of life: of a peer that is there, or, if it says no more, so that the network tells of one that is
    /// gone. A program that was killed ends its direction like one that has only said all that it had to say.
    fn probe(&mut self) {
        if self.keepalive.is_on() {
            self.queue.push(Control::Ping { token: self.keepalive.next_token() });
        }
    }

    /// After the peer has broken the protocol nothing that it has asked matters. What waits to be said is said.
    fn cut<Call, F>(&mut self, handler: &mut Handler<'_, Call, F>)
    where
        Call: Fn(Message<Asked>) -> F,
        F: Future,
    {
        let over = self.give_up_all();
        over.into_iter().for_each(Over::settle);
        handler.running = Running::new();
        self.pumps = Running::new();
        self.fresh = Vec::new();
    }

    /// Asks a silent peer whose call is open whether it is there. Ready when it is given up.
    fn poll_keepalive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let signs = Signs::of(&self.transport, self.heard);
        match ready!(self.keepalive.poll(cx, signs, self.streams.len() > 0)) {
            Beat::GiveUp if self.intake != Intake::Ended => return Poll::Ready(()),
            // It says no more, so it does not answer; if it were gone the network would have said so.
            Beat::GiveUp => self.keepalive.forgive(),
            Beat::Ask => {}
        }
        self.probe();
        // To send it, and to wait for the answer.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<Io, Codec, Head, Asked> Drop for Session<Io, Codec, Head, Asked> {
    fn drop(&mut self) {
        let over = self.give_up_all();
        self.queue.end();
        over.into_iter().for_each(Over::settle);
    }
}

fn tell_panic(panic: &Panic, seat: &Seat) {
    let panics = seat.count_panic();
    tell(format_args!("a call panicked: {panic}; panic {panics} of this server"));
}

/// So long a peer that has read everything may take to close the connection of a server that drains. One second: many
/// round trips, and no shutdown waits long for a peer that does not listen.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// So many replies that wait for room, in the order in which they are said: one may be as long as a frame of the protocol. So
/// no call begins beside them; those that run may add theirs.
const HEADS_MAX: usize = 64;
