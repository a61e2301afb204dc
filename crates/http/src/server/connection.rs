//! The task of one connection: it moves bytes between the stream, the conversation and the service.
//!
//! ```text
//!   stream ── lent buffer ──► Conversation ──► Calls ──► the service
//!                                  │  ▲                      │
//!                                Feed └── Order ◄────────────┘
//!                                  │        │
//!                                  ▼        ▼
//!                                Body     Outbox ── one write ──► stream
//! ```
//!
//! Each turn does what can be done in all directions, and turns go on until nothing can be. Then everything that
//! could change that has this task's waker, and [`Patience`] has the next deadline. While the connection is idle it
//! owns no buffer, no call and no reply.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use ekiden_proto::server::Drain;
use ekiden_reactor::{Instant, buffer};
use futures_io::{AsyncRead, AsyncWrite};
use http::Response;

use super::calls::{Calls, Panic};
use super::patience::{Overdue, Patience};
use super::raw::RawRequest;
use super::sending::{Sending, Sent};
use super::{Shared, answer};
use crate::body::{Body, Feed, OnUpgrade, UpgradeSlot, Upgraded};
use crate::error::{Error, Role};
use crate::h1::encode::Reply;
use crate::h1::framing::Framing;
use crate::h1::outbox::{Outbox, SLICES_MAX};
use crate::h1::server::{Conversation, Due, Event, Farewell, Reader, Terms, Wait};
use crate::head::{Refusal, RequestHead};

/// One connection, to its end. `Call` makes a call of a request, and `F` is what it makes.
pub(super) struct Connection<'a, Io, Drained, Call, F> {
    shared: &'a Shared,
    /// `None` once it was handed over.
    io: Option<Io>,
    call: Call,
    drain: Drain,
    /// Wakes the task when the drain begins. `None` once it was heeded.
    drained: Option<Drained>,
    /// Who was asked to be woken by what is asked only once: the timer and the drain.
    home: Option<Waker>,
    phase: Phase,
    conversation: Conversation<Box<Response<Body>>>,
    calls: Calls<F>,
    /// Leads to whoever reads the body that is being received.
    feed: Option<Feed>,
    /// Leads to whoever waits for the connection to become another protocol's.
    upgrade: Option<UpgradeSlot>,
    /// The reply that is being written, if its body comes in pieces.
    sending: Option<Sending>,
    outbox: Outbox,
    is_flushed: bool,
    /// What was read and cannot be taken yet.
    leftover: Bytes,
    patience: Patience,
}

#[derive(Clone, Copy)]
enum Phase {
    Talking,
    /// The stream is being closed for writing, and then left like this.
    Closing(Farewell),
    /// So many bytes were passed over since.
    Lingering(usize),
}

/// How often a connection may find something to do before it lets other tasks have a turn.
const TURNS_MAX: usize = 16;

/// How much is passed over while lingering: as much as the buffers of two sockets hold between them.
const LINGER_BYTES_MAX: usize = 8 * 1024 * 1024;

const RECEIVING: &str = "receiving a request";
const RECEIVING_BODY: &str = "receiving the body of a request";
const SENDING: &str = "sending a response";

impl<'a, Io, Drained, Call, F, E> Connection<'a, Io, Drained, Call, F>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    Drained: Future<Output = ()> + Unpin,
    Call: Fn(RawRequest) -> F,
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<Error>,
{
    pub(super) fn new(shared: &'a Shared, io: Io, drained: Drained, drain: Drain, call: Call) -> Self {
        let config = &shared.config;
        Self {
            shared,
            io: Some(io),
            call,
            drain,
            drained: Some(drained),
            home: None,
            phase: Phase::Talking,
            conversation: Conversation::new(config.head, config.pipelined_max, config.drain_bytes_max),
            calls: Calls::new(),
            feed: None,
            upgrade: None,
            sending: None,
            outbox: Outbox::default(),
            is_flushed: true,
            leftover: Bytes::new(),
            patience: Patience::new(),
        }
    }

    /// Speaks HTTP until there is nothing more to say.
    fn poll_talk(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<Farewell, Error>> {
        // A task is woken by the same waker all its life, so what it asked for once stands.
        let is_home = self.home.as_ref().is_some_and(|home| home.will_wake(cx.waker()));
        if !is_home {
            self.home = Some(cx.waker().clone());
            self.patience.forget();
        }
        self.heed_drain(cx, is_home);
        for _ in 0..TURNS_MAX {
            let mut is_progress = self.receive(cx, now)?;
            is_progress |= self.run_calls(cx, now);
            is_progress |= self.reply(cx, now);
            is_progress |= self.go_ahead();
            is_progress |= self.write(cx)?;
            if let Some(farewell) = self.farewell() {
                return Poll::Ready(Ok(farewell));
            }
            if !is_progress && !self.wait(cx, now)? {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn heed_drain(&mut self, cx: &mut Context<'_>, is_home: bool) {
        if is_home && !self.drain.has_begun() {
            return;
        }
        if let Some(drained) = &mut self.drained
            && Pin::new(drained).poll(cx).is_ready()
        {
            self.drained = None;
            self.conversation.handle_drain();
        }
    }

    /// Takes what was left, or else what one read brings.
    fn receive(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Error> {
        if !self.leftover.is_empty() || self.conversation.has_waiting() {
            let mut leftover = std::mem::take(&mut self.leftover);
            let mut rest = &leftover[..];
            let is_progress = self.take_in(cx, now, &mut rest);
            let taken = leftover.len() - rest.len();
            leftover.advance(taken);
            self.leftover = leftover;
            return Ok(is_progress);
        }
        if !self.wants_read() {
            return Ok(false);
        }
        // What the scratch buffer holds is taken before this returns, so the connection keeps none.
        buffer::lend(|scratch| {
            let Some(io) = &mut self.io else { return Ok(false) };
            match Pin::new(io).poll_read(cx, scratch) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(0)) => {
                    let event = self.conversation.handle_end();
                    self.handle(cx, now, event);
                }
                Poll::Ready(Ok(length)) => {
                    self.patience.handle_read(now);
                    let mut rest = &scratch[..length];
                    self.take_in(cx, now, &mut rest);
                    self.leftover = Bytes::copy_from_slice(rest);
                }
                Poll::Ready(Err(error)) => return Err(Error::io(Role::Server, RECEIVING, error)),
            }
            Ok(true)
        })
    }

    fn wants_read(&self) -> bool {
        self.wants_input() && self.feed.as_ref().is_none_or(Feed::has_room)
    }

    fn wants_input(&self) -> bool {
        self.conversation.wants_input() && self.outbox.has_room()
    }

    /// Takes off `input` what can be taken, and does what follows from it.
    fn take_in(&mut self, cx: &mut Context<'_>, now: Instant, input: &mut &[u8]) -> bool {
        // The pieces of a body that came by one read go to its reader as one.
        let mut pieces = Vec::new();
        let mut is_progress = false;
        while self.wants_input() || self.conversation.has_waiting() {
            match self.conversation.next_event(input) {
                None => break,
                Some(Event::Data(piece)) => self.put_aside(&mut pieces, piece),
                event => {
                    self.feed(&mut pieces);
                    self.handle(cx, now, event);
                }
            }
            is_progress = true;
        }
        self.feed(&mut pieces);
        is_progress
    }

    fn put_aside(&mut self, pieces: &mut Vec<u8>, piece: &[u8]) {
        match self.reader() {
            Reader::Present => {
                pieces.reserve_exact(piece.len());
                pieces.extend_from_slice(piece);
            }
            Reader::Gone => self.conversation.handle_unread(piece.len()),
        }
    }

    fn feed(&mut self, pieces: &mut Vec<u8>) {
        if let Some(feed) = &self.feed
            && !pieces.is_empty()
        {
            feed.push(std::mem::take(pieces).into());
        }
    }

    fn handle(&mut self, cx: &mut Context<'_>, now: Instant, event: Option<Event<'_>>) {
        match event {
            None | Some(Event::Data(_)) => {}
            Some(Event::Request { head, framing, due }) => {
                self.handle_request(cx, now, head, framing, due);
            }
            Some(Event::End(trailers)) => {
                if let Some(feed) = self.feed.take() {
                    feed.end(trailers);
                }
            }
            Some(Event::Broken(refusal)) => {
                if let Some(feed) = self.feed.take() {
                    feed.fail(self.broken(refusal));
                }
            }
            Some(Event::Refused(refusal, due)) => {
                self.handle_reply(now, due, &mut answer::to_refusal(refusal));
            }
        }
    }

    fn handle_request(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        head: RequestHead,
        framing: Framing,
        due: Due,
    ) {
        self.patience.handle_request();
        let body = self.body(framing, &due);
        let call = &self.call;
        if let Some((due, outcome)) = self.calls.start(cx, due, || call(RawRequest::new(head, body))) {
            self.handle_outcome(now, due, outcome);
        }
    }

    /// The body of a request that begins, and the way to it.
    fn body(&mut self, framing: Framing, due: &Due) -> Body {
        // One allocation for a request with a body, and none for one without.
        let length = match framing {
            Framing::Empty if due.is_offer() => {
                let (slot, on_upgrade) = OnUpgrade::new(Role::Server);
                self.upgrade = Some(slot);
                return Body::upgrade(on_upgrade);
            }
            Framing::Empty => return Body::empty(),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::ToClose => None,
        };
        let (feed, body) = Body::incoming(Role::Server, length);
        self.feed = Some(feed);
        body
    }

    fn broken(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Unfinished => Error::closed(Role::Server, RECEIVING_BODY),
            Refusal::Slow => Error::stalled(Role::Server, RECEIVING_BODY, self.shared.config.body_timeout),
            refusal => Error::malformed(Role::Server, RECEIVING_BODY, refusal),
        }
    }

    fn run_calls(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut is_progress = false;
        while let Some((due, outcome)) = self.calls.next_outcome(cx) {
            self.handle_outcome(now, due, outcome);
            is_progress = true;
        }
        is_progress
    }

    fn handle_outcome(&mut self, now: Instant, due: Due, outcome: Result<Result<Response<Body>, E>, Panic>) {
        let mut response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => answer::to_failure(&error.into()),
            Err(panic) => {
                self.shared.panics.set(self.shared.panics.get() + 1);
                answer::to_panic(&panic, self.shared.panics.get())
            }
        };
        self.handle_reply(now, due, &mut response);
    }

    fn handle_reply(&mut self, now: Instant, due: Due, response: &mut Response<Body>) {
        match self.conversation.try_turn(due) {
            Ok(terms) => self.begin_reply(now, terms, response),
            // An allocation, for one that was answered before its turn.
            Err(due) => self.conversation.handle_reply(due, Box::new(std::mem::take(response))),
        }
    }

    /// Puts replies into the outbox, as far as they are there and it has room.
    fn reply(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut is_progress = false;
        while self.outbox.has_room() {
            let Some(sending) = &mut self.sending else {
                let Some((terms, mut response)) = self.conversation.next_reply() else { break };
                self.begin_reply(now, terms, &mut response);
                is_progress = true;
                continue;
            };
            match sending.poll_piece(cx, &mut self.outbox) {
                Poll::Pending => break,
                Poll::Ready(Ok(Sent::Piece)) => {}
                Poll::Ready(Ok(Sent::All)) => self.end_reply(),
                Poll::Ready(Err(error)) => self.cut_reply(&error),
            }
            is_progress = true;
        }
        is_progress
    }

    fn begin_reply(&mut self, now: Instant, terms: Terms, response: &mut Response<Body>) {
        let body = std::mem::take(response.body_mut());
        let reply = Reply {
            status: response.status(),
            headers: response.headers(),
            length: body.content_length(),
            date: &self.shared.date.line(now),
        };
        let reader = self.reader();
        self.outbox.adopt(&self.shared.spare);
        match self.conversation.begin_reply(self.outbox.gather(), terms, &reply, reader) {
            Ok(outgoing) if outgoing.is_done() => self.end_reply(),
            Ok(mut outgoing) => match body.try_into_full() {
                Ok(all) => {
                    let put = outgoing.put(&mut self.outbox, all);
                    match put.and_then(|()| outgoing.end(&mut self.outbox, None)) {
                        Ok(()) => self.end_reply(),
                        Err(invalid) => self.cut_reply(&Error::body(invalid)),
                    }
                }
                Err(body) => self.sending = Some(Sending::new(body, outgoing)),
            },
            // The one in its place is made here, so it is valid.
            Err(invalid) => self.begin_reply(now, terms, &mut answer::to_invalid(invalid)),
        }
        self.heed_cut();
    }

    /// What runs behind the last reply runs in vain.
    fn heed_cut(&mut self) {
        if self.conversation.is_cut() {
            self.calls.clear();
            self.feed = None;
        }
    }

    fn end_reply(&mut self) {
        self.sending = None;
        self.conversation.end_reply(self.reader());
    }

    /// The reply that was begun cannot be ended, and the client must notice.
    fn cut_reply(&mut self, error: &Error) {
        if error.status().is_server_error() {
            answer::tell_of_cut(error);
        }
        self.sending = None;
        self.conversation.cut_reply();
        self.heed_cut();
    }

    fn reader(&self) -> Reader {
        match &self.feed {
            Some(feed) if !feed.is_dropped() => Reader::Present,
            _ => Reader::Gone,
        }
    }

    /// Tells a client that waits for it to send its body, once somebody wants it.
    fn go_ahead(&mut self) -> bool {
        self.conversation.awaits_continue()
            && self.feed.as_ref().is_some_and(Feed::is_wanted)
            && self.conversation.try_continue(self.outbox.gather())
    }

    /// Writes what there is, by one call as long as the stream takes it.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        let failed = |error| Error::io(Role::Server, SENDING, error);
        let mut is_progress = false;
        let Some(io) = &mut self.io else { return Ok(false) };
        while !self.outbox.is_empty() {
            match poll_write(io, cx, &self.outbox) {
                Poll::Pending => return Ok(is_progress),
                Poll::Ready(Ok(0)) => return Err(failed(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.outbox.handle_written(count),
                Poll::Ready(Err(error)) => return Err(failed(error)),
            }
            self.patience.handle_written();
            self.is_flushed = false;
            is_progress = true;
        }
        if !self.is_flushed {
            match Pin::new(io).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.is_flushed = true,
                Poll::Ready(Err(error)) => return Err(failed(error)),
            }
        }
        Ok(is_progress)
    }

    fn is_written(&self) -> bool {
        self.outbox.is_empty() && self.is_flushed
    }

    fn farewell(&self) -> Option<Farewell> {
        if self.is_written() { self.conversation.farewell() } else { None }
    }

    /// There is nothing to do: sees to it that the task is woken when there is. True if there is after all.
    fn wait(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Error> {
        if self.is_written() && !self.conversation.is_busy() {
            self.outbox.rest(&self.shared.spare);
            self.calls.rest();
        }
        self.ask_reader(cx);
        let wait = if self.wants_read() { self.conversation.wait(self.reader()) } else { Wait::Nothing };
        let config = &self.shared.config;
        match self.patience.poll_overdue(cx, config, now, wait, !self.is_written()) {
            None => Ok(false),
            Some(Overdue::Write) => Err(Error::stalled(Role::Server, SENDING, config.write_timeout)),
            Some(Overdue::Read) => {
                let event = self.conversation.handle_timeout();
                self.handle(cx, now, event);
                Ok(true)
            }
        }
    }
}

impl<Io, Drained, Call, F> Connection<'_, Io, Drained, Call, F>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// Whoever reads the body wakes the task when it has made room for more, or first wants any.
    fn ask_reader(&self, cx: &mut Context<'_>) {
        let Some(feed) = &self.feed else { return };
        // Nothing has run since these were asked, so neither is ready.
        if !feed.has_room() {
            let _ = feed.poll_room(cx);
        } else if self.conversation.awaits_continue() {
            let _ = feed.poll_wanted(cx);
        }
    }

    /// Leaves the stream as HTTP has left it.
    fn poll_leave(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        loop {
            let Some(io) = &mut self.io else { return Poll::Ready(()) };
            match &mut self.phase {
                Phase::Talking => return Poll::Ready(()),
                Phase::Closing(Farewell::HandOver) => {
                    self.hand_over();
                    return Poll::Ready(());
                }
                Phase::Closing(farewell) => match Pin::new(io).poll_close(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(())) if *farewell == Farewell::Linger => self.phase = Phase::Lingering(0),
                    Poll::Ready(_) => return Poll::Ready(()),
                },
                Phase::Lingering(passed_over) => {
                    match buffer::lend(|scratch| Pin::new(io).poll_read(cx, scratch)) {
                        Poll::Pending => break,
                        Poll::Ready(Ok(count @ 1..)) if *passed_over < LINGER_BYTES_MAX => {
                            *passed_over += count;
                        }
                        Poll::Ready(_) => return Poll::Ready(()),
                    }
                }
            }
        }
        let config = &self.shared.config;
        match self.patience.poll_overdue(cx, config, now, Wait::Close, false) {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }

    fn hand_over(&mut self) {
        if let (Some(slot), Some(io)) = (self.upgrade.take(), self.io.take()) {
            slot.fill(Upgraded::new(io, std::mem::take(&mut self.leftover)));
        }
    }
}

impl<Io, Drained, Call, F, E> Future for Connection<'_, Io, Drained, Call, F>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    Drained: Future<Output = ()> + Unpin,
    Call: Fn(RawRequest) -> F + Unpin,
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<Error>,
{
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let now = Instant::recent();
        if let Phase::Talking = this.phase {
            let farewell = ready!(this.poll_talk(cx, now))?;
            this.phase = Phase::Closing(farewell);
        }
        this.poll_leave(cx, now).map(Ok)
    }
}

fn poll_write<Io: AsyncWrite + Unpin>(
    io: &mut Io,
    cx: &mut Context<'_>,
    outbox: &Outbox,
) -> Poll<io::Result<usize>> {
    match outbox.single() {
        Some(bytes) => Pin::new(io).poll_write(cx, bytes),
        None => {
            let mut parts = [IoSlice::new(&[]); SLICES_MAX];
            let count = outbox.slices(&mut parts);
            Pin::new(io).poll_write_vectored(cx, &parts[..count])
        }
    }
}
