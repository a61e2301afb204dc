//! The task of one connection: it moves bytes between the stream, the exchange and the callers.
//!
//! ```text
//!   Queue ── request ──► Exchange ──► Outbox ──► stream
//!                                                  │
//!   caller ◄── head ──── Exchange ◄── lent buffer ─┘
//!   Body  ◄─── Feed ──────┘
//! ```
//!
//! One exchange at a time. Each round does what can be done in both directions and goes on until nothing can; then
//! everything that could change that has this task's waker, and the [`Patience`] has the next deadline. An idle
//! connection keeps on asking for bytes, which is how it learns that the peer has closed.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ekiden_reactor::{buffer, yield_now};
use futures_io::{AsyncRead, AsyncWrite};
use http::Response;
use http_body::{Body as _, SizeHint};
use std::io;

use super::config::Config;
use super::current::Current;
use super::patience::{Overdue, Patience};
use super::queue::Exit;
use super::request;
use crate::body::{Body, OnUpgrade, Upgraded};
use crate::error::{Error, Role};
use crate::h1::client::{Exchange, Received};
use crate::h1::outbox::Outbox;
use crate::head::ResponseHead;
use crate::write::poll_write;

/// A client connection. Spawn it.
pub(super) struct Connection<Io> {
    /// `None` once it was handed over.
    io: Option<Io>,
    exit: Exit,
    config: Rc<Config>,
    current: Option<Current>,
    outbox: Outbox,
    is_flushed: bool,
    /// What was read and is not taken yet, because whoever reads the body is behind.
    leftover: Vec<u8>,
    patience: Patience,
    is_ending: bool,
}

/// Why a connection ends.
enum Stop {
    /// Nobody is hurt by it.
    Quiet,
    /// The exchange, or else the peace between two, was broken.
    Failed(Error),
    /// It is another protocol's now.
    Switched(ResponseHead),
}

/// Whether anything was done, so that there may be more to do.
type Progress = Result<bool, Stop>;

/// How often a connection may go round before it lets other tasks have a turn.
const ROUNDS_MAX: usize = 32;

impl<Io: AsyncRead + AsyncWrite + Unpin + 'static> Connection<Io> {
    pub(super) fn new(config: Rc<Config>, exit: Exit, io: Io) -> Self {
        Self {
            io: Some(io),
            exit,
            patience: Patience::new(&config),
            config,
            current: None,
            outbox: Outbox::default(),
            is_flushed: true,
            leftover: Vec::new(),
            is_ending: false,
        }
    }

    fn poll_serve(&mut self, cx: &mut Context<'_>) -> Poll<Stop> {
        for _ in 0..ROUNDS_MAX {
            match self.round(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(stop) => return Poll::Ready(stop),
            }
        }
        // To be continued, when everybody else has had a turn.
        let _ = pin!(yield_now()).poll(cx);
        Poll::Pending
    }

    fn round(&mut self, cx: &mut Context<'_>) -> Progress {
        self.exit.register(cx);
        if self.current.is_none() && !self.begin(cx)? {
            self.patience.rest();
            return Ok(false);
        }
        let mut progress = self.give_up_if_abandoned()?;
        progress |= self.send(cx)?;
        progress |= self.write(cx)?;
        progress |= self.receive(cx)?;
        progress |= self.finish()?;
        if progress { Ok(true) } else { self.look_at_the_clock(cx) }
    }

    /// Begins the next exchange, if the peer is still there and somebody has called.
    fn begin(&mut self, cx: &mut Context<'_>) -> Progress {
        self.expect_silence(cx)?;
        let Some((call, request)) = self.exit.next() else {
            // An idle connection owns no buffer.
            self.outbox.clear();
            return if self.exit.is_over() { Err(Stop::Quiet) } else { Ok(false) };
        };
        let (parts, body) = request.into_parts();
        let size = if body.is_end_stream() { SizeHint::with_exact(0) } else { body.size_hint() };
        match request::encode(&parts, &size, &self.config, self.outbox.gather()) {
            Ok(sent) => self.current = Some(Current::new(call, Exchange::new(sent), body)),
            Err(error) => {
                self.exit.free();
                call.answer(Err(error));
            }
        }
        Ok(true)
    }

    /// Between two exchanges the peer has nothing to say. That it closes is the usual thing; and bytes that nobody
    /// asked for would be taken for the answer to a question that was not asked yet.
    fn expect_silence(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        let Some(io) = &mut self.io else { return Err(Stop::Quiet) };
        let waiting = "waiting for the next request";
        match buffer::lend(|buf| Pin::new(io).poll_read(cx, buf)) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(0)) => Err(Stop::Failed(Error::closed(Role::Client, waiting))),
            Poll::Ready(Ok(_)) => {
                let unasked = "bytes that nobody asked for";
                Err(Stop::Failed(Error::malformed(Role::Client, waiting, unasked)))
            }
            Poll::Ready(Err(error)) => Err(Stop::Failed(Error::io(Role::Client, waiting, error))),
        }
    }

    /// A request that nobody waits for any more is taken back, if not one byte of it has left; otherwise its
    /// answer would have to be waited for, so the connection ends.
    fn give_up_if_abandoned(&mut self) -> Progress {
        let Some(current) = &self.current else { return Ok(false) };
        if !current.is_abandoned(self.config.unread_bytes_max) {
            return Ok(false);
        }
        if current.is_touched {
            return Err(Stop::Quiet);
        }
        self.outbox.clear();
        self.current = None;
        self.exit.free();
        Ok(true)
    }

    /// Moves the request's body into the outbox, as far as there is room.
    fn send(&mut self, cx: &mut Context<'_>) -> Progress {
        let Some(current) = &mut self.current else { return Ok(false) };
        let mut progress = false;
        while current.exchange.wants_body() && self.outbox.has_room() {
            let Poll::Ready(frame) = Pin::new(&mut current.body).poll_frame(cx) else { break };
            progress = true;
            let frame = frame.transpose().map_err(|error| Stop::Failed(error.of_request_body()))?;
            let put = match frame.map(http_body::Frame::into_data) {
                Some(Ok(data)) => current.exchange.put(&mut self.outbox, data),
                Some(Err(frame)) => current.exchange.end(&mut self.outbox, frame.trailers_ref()),
                None => current.exchange.end(&mut self.outbox, None),
            };
            put.map_err(|invalid| Stop::Failed(Error::invalid("sending this body", invalid)))?;
        }
        if current.exchange.is_sent() {
            current.body = Body::empty();
        }
        Ok(progress)
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Progress {
        let (Some(current), Some(io)) = (&mut self.current, &mut self.io) else { return Ok(false) };
        let mut progress = false;
        while !self.outbox.is_empty() {
            match poll_write(io, cx, &self.outbox) {
                Poll::Ready(Ok(count)) => {
                    self.outbox.handle_written(count);
                    self.patience.handle_written();
                    self.is_flushed = false;
                    current.is_touched = true;
                    progress = true;
                }
                Poll::Ready(Err(error)) => {
                    // The peer may have said why before it closed: 413, for one. So its answer is still read.
                    current.handle_write_error(error).map_err(Stop::Failed)?;
                    self.outbox.clear();
                    self.is_flushed = true;
                    return Ok(true);
                }
                Poll::Pending => break,
            }
        }
        if !self.is_flushed {
            match Pin::new(io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.is_flushed = true,
                Poll::Ready(Err(error)) => {
                    current.handle_write_error(error).map_err(Stop::Failed)?;
                    self.is_flushed = true;
                    progress = true;
                }
                Poll::Pending => {}
            }
        }
        Ok(progress)
    }

    /// Reads what there is for the exchange, if whoever reads the body has room for it.
    fn receive(&mut self, cx: &mut Context<'_>) -> Progress {
        let Some(current) = &mut self.current else { return Ok(false) };
        // What comes before the request has left cannot be its answer.
        if !current.is_touched || current.exchange.is_received() || current.poll_room(cx).is_pending() {
            return Ok(false);
        }
        if !self.leftover.is_empty() {
            let leftover = std::mem::take(&mut self.leftover);
            self.take(&leftover)?;
            return Ok(true);
        }
        buffer::lend(|buf| {
            let Some(io) = &mut self.io else { return Err(Stop::Quiet) };
            match Pin::new(io).poll_read(cx, buf) {
                Poll::Pending => Ok(false),
                Poll::Ready(Ok(0)) => self.handle_end().map(|()| true),
                Poll::Ready(Ok(count)) => self.take(&buf[..count]).map(|()| true),
                Poll::Ready(Err(error)) => Err(self.handle_read_error(error)),
            }
        })
    }

    /// Takes what belongs to the exchange off these bytes, and keeps the rest.
    fn take(&mut self, mut input: &[u8]) -> Result<(), Stop> {
        // That a body comes which nobody reads buys no time.
        if !self.current.as_ref().is_some_and(Current::is_draining) {
            self.patience.handle_received();
        }
        let taken = self.take_off(&mut input);
        self.leftover = input.to_vec();
        taken
    }

    fn take_off(&mut self, input: &mut &[u8]) -> Result<(), Stop> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let malformed =
            |refusal| Stop::Failed(Error::malformed(Role::Client, "reading the response", refusal));
        while current.has_room() {
            let Some(received) = current.exchange.read(input, &self.config.head).map_err(malformed)? else {
                break;
            };
            match received {
                Received::Head(head, framing) => {
                    let body = current.begin_body(framing, input, &self.config).map_err(malformed)?;
                    current.call.answer(Ok(Response::from_parts(head.into_parts(), body)));
                }
                Received::Switch(head) => return Err(Stop::Switched(head)),
                Received::Data(data) => current.handle_data(data),
                Received::End(trailers) => current.handle_end(trailers),
            }
        }
        Ok(())
    }

    /// The peer sends nothing more: the end of the body, perhaps, or of the connection.
    fn handle_end(&mut self) -> Result<(), Stop> {
        let Some(current) = &mut self.current else { return Err(Stop::Quiet) };
        current.handle_close().map_err(Stop::Failed)
    }

    fn handle_read_error(&mut self, error: io::Error) -> Stop {
        match &mut self.current {
            Some(current) => Stop::Failed(current.read_error(error)),
            None => Stop::Quiet,
        }
    }

    /// Ends the exchange if it is complete, and the connection with it unless it can carry another.
    fn finish(&mut self) -> Progress {
        let Some(current) = &self.current else { return Ok(false) };
        if !current.exchange.is_received() {
            return Ok(false);
        }
        // Bytes that are left over are the beginning of an answer to nothing.
        let is_clean = self.outbox.is_empty() && self.is_flushed && self.leftover.is_empty();
        if !current.exchange.leaves_open() || !is_clean {
            return Err(Stop::Quiet);
        }
        self.current = None;
        self.exit.free();
        // The next one may begin without a pause, and has its time to itself.
        self.patience.rest();
        Ok(true)
    }

    fn look_at_the_clock(&mut self, cx: &mut Context<'_>) -> Progress {
        let Some(current) = &mut self.current else { return Ok(false) };
        let is_written = self.outbox.is_empty() && self.is_flushed;
        match self.patience.poll(cx, current.waits_for(is_written)) {
            Poll::Pending => Ok(false),
            Poll::Ready(Overdue::Continue) => {
                current.exchange.release();
                Ok(true)
            }
            Poll::Ready(Overdue::Failed { doing, after }) => {
                Err(Stop::Failed(Error::stalled(Role::Client, doing, after)))
            }
        }
    }

    /// Tells everybody that it is over.
    fn begin_end(&mut self, stop: Stop) {
        self.is_ending = true;
        self.outbox.clear();
        self.patience.rest();
        let current = self.current.take();
        match stop {
            Stop::Quiet => self.exit.close(None),
            Stop::Failed(error) => {
                self.exit.close(Some(&error));
                if let Some(current) = current {
                    current.fail(error);
                }
            }
            Stop::Switched(head) => {
                self.exit.close(None);
                if let Some(current) = current {
                    self.hand_over(&current, head);
                }
            }
        }
        self.leftover = Vec::new();
    }

    /// Gives the stream, and what was read of it, to the caller.
    fn hand_over(&mut self, current: &Current, head: ResponseHead) {
        let Some(io) = self.io.take() else { return };
        let (slot, on_upgrade) = OnUpgrade::new(Role::Client);
        slot.fill(Upgraded::new(io, Bytes::from(std::mem::take(&mut self.leftover)), None));
        current.call.answer(Ok(Response::from_parts(head.into_parts(), Body::upgrade(on_upgrade))));
    }

    /// Says good-bye, for as long as a stalled write may take.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(io) = &mut self.io else { return Poll::Ready(()) };
        // Nobody is left to hear of an error.
        let closed = Pin::new(io).poll_close(cx).map(drop);
        if closed.is_pending() { self.patience.poll_farewell(cx) } else { closed }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin + 'static> Future for Connection<Io> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_ending {
            let stop = ready!(self.poll_serve(cx));
            self.begin_end(stop);
        }
        self.poll_end(cx)
    }
}

/// The task is dropped in the middle: its reactor ends, or a body that it polled has panicked.
impl<Io> Drop for Connection<Io> {
    fn drop(&mut self) {
        if let Some(current) = self.current.take() {
            current.fail(Error::closed(Role::Client, "ending the connection's task"));
        }
    }
}
