//! One turn of a connection: everything that can be done now.
//!
//! ```text
//!   stream ── lent buffer ──► Conversation ──► Running ──► the service
//!                                  │  ▲                        │
//!                                Feed └── Order ◄──────────────┘
//!                                  │        │
//!                                  ▼        ▼
//!                                Body     Outbox ── one write ──► stream
//! ```
//!
//! Functions on the way of every request are marked `inline`: left to itself the compiler copies heads and responses
//! from one to the next, some 300 instructions a request.
//!
//! It goes round until nothing can be done: then everything that could change that has this task's waker, and
//! [`Patience`] has the next deadline. Or until the others must have a turn: then the task is queued behind them.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use ekiden_proto::server::{Panic, REQUEST_COST, Seat};
use ekiden_reactor::task::poll_proceed;
use ekiden_reactor::{Instant, buffer, yield_now};
use futures_io::{AsyncRead, AsyncWrite};
use http::Response;

use super::patience::{Overdue, Patience};
use super::raw::RawRequest;
use super::running::Running;
use super::sending::{Sending, Sent};
use super::talk::Talk;
use super::{Shared, answer};
use crate::body::{Body, Feed, OnUpgrade};
use crate::error::{Error, Role};
use crate::h1::encode::Reply;
use crate::h1::framing::Framing;
use crate::h1::server::{Due, Event, Farewell, Reader, Terms, Wait};
use crate::head::RequestHead;
use crate::refusal::Refusal;
use crate::write::poll_write;

/// What a turn works with.
pub(super) struct Turn<'t, 'cx, Io, Call, F> {
    pub(super) shared: &'t Shared,
    pub(super) seat: &'t Seat,
    pub(super) io: &'t mut Io,
    pub(super) call: &'t Call,
    pub(super) running: &'t mut Running<F>,
    pub(super) talk: &'t mut Talk,
    pub(super) patience: &'t mut Patience,
    pub(super) cx: &'t mut Context<'cx>,
    pub(super) now: Instant,
    /// So many requests were begun that the others come first. The task is queued for the next turn of the loop.
    pub(super) is_spent: bool,
    /// The stream was asked for more and had nothing: it wakes the task when it has.
    pub(super) is_read_awaited: bool,
}

/// How often a connection may go round before it lets other tasks have a turn: a megabyte of a body in either
/// direction, which takes a tenth of a millisecond to move.
const ROUNDS_MAX: usize = 16;

/// How many pieces of replies are asked for before they are written: a body may give very small ones for ever.
const PIECES_MAX: usize = 256;

const RECEIVING: &str = "receiving a request";
const RECEIVING_BODY: &str = "receiving the body of a request";
const SENDING: &str = "sending a response";

impl<Io, Call, F, E> Turn<'_, '_, Io, Call, F>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    Call: Fn(RawRequest) -> F,
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<Error>,
{
    /// Speaks HTTP until there is nothing more to say.
    pub(super) fn poll(&mut self) -> Poll<Result<Farewell, Error>> {
        for _ in 0..ROUNDS_MAX {
            let mut is_progress = self.receive()?;
            if !self.talk.is_quiet() {
                is_progress |= self.run_calls();
                is_progress |= self.reply();
                is_progress |= self.go_ahead();
                is_progress |= self.write()?;
            }
            if self.talk.is_quiet()
                && let Some(farewell) = self.talk.conversation.farewell()
            {
                return Poll::Ready(Ok(farewell));
            }
            if self.is_spent || (!is_progress && !self.wait()?) {
                return Poll::Pending;
            }
        }
        // To be continued, when everybody else has had a turn.
        let _ = pin!(yield_now()).poll(self.cx);
        Poll::Pending
    }

    /// Takes what was left, or else what one read brings.
    fn receive(&mut self) -> Result<bool, Error> {
        if !self.talk.leftover.is_empty() || self.talk.conversation.has_waiting() {
            let mut leftover = std::mem::take(&mut self.talk.leftover);
            let mut rest = &leftover[..];
            let is_progress = self.take_in(&mut rest);
            let taken = leftover.len() - rest.len();
            leftover.advance(taken);
            self.talk.leftover = leftover;
            // Something may have been taken and nothing come of it: the beginning of a head. Then what follows must be
            // asked for.
            return Ok(is_progress || taken > 0);
        }
        if !self.talk.wants_read() {
            return Ok(false);
        }
        // What the scratch buffer holds is taken before this returns, so the connection keeps none.
        buffer::lend(|scratch| {
            match Pin::new(&mut *self.io).poll_read(self.cx, scratch) {
                Poll::Pending => {
                    self.is_read_awaited = true;
                    return Ok(false);
                }
                Poll::Ready(Ok(0)) => {
                    let event = self.talk.conversation.handle_end();
                    self.handle(event);
                }
                Poll::Ready(Ok(length)) => {
                    let mut rest = &scratch[..length];
                    self.take_in(&mut rest);
                    self.talk.leftover = Bytes::copy_from_slice(rest);
                }
                Poll::Ready(Err(error)) => return Err(Error::io(Role::Server, RECEIVING, error)),
            }
            Ok(true)
        })
    }

    /// Takes off `input` what can be taken, and does what follows from it.
    #[inline]
    fn take_in(&mut self, input: &mut &[u8]) -> bool {
        // The pieces of a body that came by one read go to its reader as one.
        let mut pieces = Vec::new();
        let mut is_progress = false;
        while !self.is_spent && (self.talk.wants_input() || self.talk.conversation.has_waiting()) {
            match self.talk.conversation.next_event(input) {
                None => break,
                Some(Event::Data(piece)) => self.put_aside(&mut pieces, piece),
                event => {
                    self.feed(&mut pieces);
                    self.handle(event);
                }
            }
            is_progress = true;
        }
        self.feed(&mut pieces);
        is_progress
    }

    fn put_aside(&mut self, pieces: &mut Vec<u8>, piece: &[u8]) {
        self.patience.handle_data(self.now);
        match self.talk.reader() {
            Reader::Present => {
                if pieces.is_empty() {
                    // Usually there is one, so it takes what it needs.
                    pieces.reserve_exact(piece.len());
                }
                pieces.extend_from_slice(piece);
            }
            Reader::Gone => self.talk.conversation.handle_unread(piece.len()),
        }
    }

    fn feed(&mut self, pieces: &mut Vec<u8>) {
        if let Some(feed) = &self.talk.feed
            && !pieces.is_empty()
        {
            feed.push(std::mem::take(pieces).into());
        }
    }

    fn handle(&mut self, event: Option<Event<'_>>) {
        match event {
            None | Some(Event::Data(_)) => {}
            Some(Event::Request { head, framing, due }) => {
                self.handle_request(head, framing, due);
            }
            Some(Event::End(trailers)) => {
                if let Some(feed) = self.talk.feed.take() {
                    feed.end(trailers);
                }
            }
            Some(Event::Broken(refusal)) => {
                if let Some(feed) = self.talk.feed.take() {
                    feed.fail(self.broken(refusal));
                }
            }
            Some(Event::Refused(refusal, due)) => {
                self.handle_reply(due, &mut answer::to_refusal(refusal));
            }
        }
    }

    #[inline]
    fn handle_request(&mut self, head: RequestHead, framing: Framing, due: Due) {
        self.patience.handle_request();
        self.is_spent = poll_proceed(self.cx, REQUEST_COST).is_pending();
        let body = self.body(framing, &due);
        let call = self.call;
        if let Some((due, outcome)) = self.running.start(self.cx, due, || call(RawRequest::new(head, body))) {
            self.handle_outcome(due, outcome);
        }
    }

    /// The body of a request that begins, and the way to it.
    fn body(&mut self, framing: Framing, due: &Due) -> Body {
        // One allocation for a request with a body, and none for one without.
        let length = match framing {
            Framing::Empty if due.is_offer() => {
                let (slot, on_upgrade) = OnUpgrade::new(Role::Server);
                self.talk.upgrade = Some(slot);
                return Body::upgrade(on_upgrade);
            }
            Framing::Empty => return Body::empty(),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::ToClose => None,
        };
        let (feed, body) = Body::incoming(Role::Server, length);
        self.talk.feed = Some(feed);
        body
    }

    fn broken(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Unfinished => Error::closed(Role::Server, RECEIVING_BODY),
            Refusal::Slow => Error::stalled(Role::Server, RECEIVING_BODY, self.shared.config.body_timeout),
            refusal => Error::malformed(Role::Server, RECEIVING_BODY, refusal),
        }
    }

    fn run_calls(&mut self) -> bool {
        let mut is_progress = false;
        while let Some((due, outcome)) = self.running.next_outcome(self.cx) {
            self.handle_outcome(due, outcome);
            is_progress = true;
        }
        is_progress
    }

    #[inline]
    fn handle_outcome(&mut self, due: Due, outcome: Result<Result<Response<Body>, E>, Panic>) {
        let mut response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => answer::to_failure(&error.into()),
            Err(panic) => answer::to_panic(&panic, self.seat.count_panic()),
        };
        self.handle_reply(due, &mut response);
    }

    #[inline]
    fn handle_reply(&mut self, due: Due, response: &mut Response<Body>) {
        match self.talk.conversation.try_pass(due) {
            Ok(terms) => self.begin_reply(terms, response),
            // An allocation, for one that was answered before its turn.
            Err(due) => self.talk.conversation.handle_reply(due, Box::new(std::mem::take(response))),
        }
    }

    /// Puts replies into the outbox, as far as they are there and it has room.
    fn reply(&mut self) -> bool {
        for step in 0..PIECES_MAX {
            if !self.talk.outbox.has_room() || !self.reply_step() {
                return step > 0;
            }
        }
        true
    }

    /// Puts the next piece of a reply into the outbox, or begins the next reply. False if there is neither.
    fn reply_step(&mut self) -> bool {
        let Some(sending) = &mut self.talk.sending else {
            let Some((terms, mut response)) = self.talk.conversation.next_reply() else { return false };
            self.begin_reply(terms, &mut response);
            return true;
        };
        match sending.poll_piece(self.cx, self.seat, &mut self.talk.outbox) {
            Poll::Pending => return false,
            Poll::Ready(Ok(Sent::Piece)) => {}
            Poll::Ready(Ok(Sent::All)) => self.end_reply(),
            Poll::Ready(Err(error)) => self.cut_reply(&error),
        }
        true
    }

    fn begin_reply(&mut self, terms: Terms, response: &mut Response<Body>) {
        // The service itself may have begun it, and this reply is to say so if it is the last.
        if self.seat.drain().has_begun() {
            self.talk.conversation.handle_drain();
        }
        let mut body = std::mem::take(response.body_mut());
        if terms.makes_tunnel(response.status()) && !self.has_taker(&mut body) {
            return self.begin_reply(terms, &mut answer::to_unwanted_tunnel());
        }
        let reply = Reply {
            status: response.status(),
            headers: response.headers(),
            length: body.content_length(),
            date: &self.shared.date.line(self.now),
        };
        let reader = self.talk.reader();
        match self.talk.conversation.begin_reply(self.talk.outbox.gather(), terms, &reply, reader) {
            Ok(outgoing) if outgoing.is_done() => self.end_reply(),
            Ok(mut outgoing) => match body.try_into_full() {
                Ok(all) => {
                    let put = outgoing.put(&mut self.talk.outbox, all);
                    match put.and_then(|()| outgoing.end(&mut self.talk.outbox, None)) {
                        Ok(()) => self.end_reply(),
                        Err(invalid) => self.cut_reply(&Error::body(invalid)),
                    }
                }
                Err(body) => self.talk.sending = Some(Sending::new(body, outgoing)),
            },
            // The one in its place is made here, so it is valid.
            Err(invalid) => self.begin_reply(terms, &mut answer::to_invalid(invalid)),
        }
        self.heed_cut();
    }

    /// Whether somebody would take the connection over.
    #[cold]
    fn has_taker(&self, body: &mut Body) -> bool {
        // Whoever is sent the body of the request cannot take it out of there.
        drop(body.take_upgrade());
        self.talk.upgrade.as_ref().is_some_and(|slot| !slot.is_forsaken())
    }

    /// What runs behind the last reply runs in vain.
    fn heed_cut(&mut self) {
        if self.talk.conversation.is_cut() {
            self.running.clear();
            self.talk.feed = None;
        }
    }

    fn end_reply(&mut self) {
        self.talk.sending = None;
        self.talk.conversation.end_reply(self.talk.reader());
    }

    /// The reply that was begun cannot be ended, and the client must notice.
    fn cut_reply(&mut self, error: &Error) {
        if error.status().is_server_error() {
            answer::tell_of_cut(error);
        }
        self.talk.sending = None;
        self.talk.conversation.cut_reply();
        self.heed_cut();
    }

    /// Tells a client that waits for it to send its body, once somebody wants it.
    fn go_ahead(&mut self) -> bool {
        self.talk.conversation.awaits_continue()
            && self.talk.feed.as_ref().is_some_and(Feed::is_wanted)
            && self.talk.conversation.try_continue(self.talk.outbox.gather())
    }

    /// Writes what there is, by one call as long as the stream takes it.
    fn write(&mut self) -> Result<bool, Error> {
        let failed = |error| Error::io(Role::Server, SENDING, error);
        let mut is_progress = false;
        while !self.talk.outbox.is_empty() {
            match poll_write(self.io, self.cx, &self.talk.outbox) {
                Poll::Pending => return Ok(is_progress),
                Poll::Ready(Ok(count)) => self.talk.outbox.handle_written(count),
                Poll::Ready(Err(error)) => return Err(failed(error)),
            }
            self.patience.handle_written();
            self.talk.is_flushed = false;
            is_progress = true;
        }
        if !self.talk.is_flushed {
            match Pin::new(&mut *self.io).poll_flush(self.cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.talk.is_flushed = true,
                Poll::Ready(Err(error)) => return Err(failed(error)),
            }
        }
        Ok(is_progress)
    }

    /// There is nothing to do: sees to it that the task is woken when there is. True if there is after all.
    fn wait(&mut self) -> Result<bool, Error> {
        self.ask_reader();
        let wants_read = self.talk.wants_read();
        debug_assert!(
            self.is_read_awaited || !wants_read,
            "nothing would wake the task when the peer sends more"
        );
        let wait = if wants_read { self.talk.conversation.wait(self.talk.reader()) } else { Wait::Nothing };
        let config = &self.shared.config;
        match self.patience.poll_overdue(self.cx, config, self.now, wait, !self.talk.is_written()) {
            None => Ok(false),
            Some(Overdue::Write) => Err(Error::stalled(Role::Server, SENDING, config.write_timeout)),
            Some(Overdue::Read) => {
                let event = self.talk.conversation.handle_timeout();
                self.handle(event);
                Ok(true)
            }
        }
    }

    /// Whoever reads the body wakes the task when it has made room for more, or first wants any.
    fn ask_reader(&mut self) {
        let Some(feed) = &self.talk.feed else { return };
        // Nothing has run since these were asked, so neither is ready.
        if !feed.has_room() {
            let _ = feed.poll_room(self.cx);
        } else if self.talk.conversation.awaits_continue() {
            let _ = feed.poll_wanted(self.cx);
        }
    }
}
