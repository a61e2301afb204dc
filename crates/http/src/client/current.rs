//! The exchange on the wire, with the caller who waits for its head and the reader of its body.
//!
//! It knows who must hear what, and how much can still be said truthfully of a request that failed. It owns no
//! stream.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use ekiden_service::Begun;
use http::HeaderMap;

use super::config::Config;
use super::patience::Waits;
use super::queue::Call;
use crate::body::{Body, Feed};
use crate::error::{Error, Role};
use crate::h1::client::{Exchange, Received};
use crate::h1::framing::Framing;
use crate::refusal::Refusal;

/// An exchange and those who wait for it.
pub(super) struct Current {
    pub(super) call: Rc<Call>,
    pub(super) exchange: Exchange,
    /// The request's.
    pub(super) body: Body,
    /// At least one byte of the request has left.
    pub(super) is_touched: bool,
    reader: Reader,
    /// Bytes of the response's body that came when nobody wanted them any more.
    unread: u64,
    /// The request could not be written to its end. The peer's answer, if there is one, matters more.
    write_error: Option<Error>,
}

/// Who hears of the response.
enum Reader {
    /// The caller, who waits for the head.
    Caller,
    /// Whoever has the body.
    Body(Feed),
    /// Everybody has everything.
    Nobody,
}

impl Current {
    pub(super) fn new(call: Rc<Call>, exchange: Exchange, body: Body) -> Self {
        Self { call, exchange, body, is_touched: false, reader: Reader::Caller, unread: 0, write_error: None }
    }

    /// Whether nobody wants the response any more, and the connection cannot be saved by reading it to its end.
    pub(super) fn is_abandoned(&self, unread_bytes_max: u64) -> bool {
        match &self.reader {
            Reader::Caller => self.call.is_abandoned(),
            Reader::Body(feed) if feed.is_dropped() => {
                let unread = self.unread + self.exchange.left().unwrap_or(0);
                !self.exchange.may_leave_open() || unread > unread_bytes_max
            }
            Reader::Body(_) | Reader::Nobody => false,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        match &self.reader {
            Reader::Body(feed) => feed.has_room(),
            Reader::Caller | Reader::Nobody => true,
        }
    }

    /// Whether what comes is thrown away.
    pub(super) fn is_draining(&self) -> bool {
        matches!(&self.reader, Reader::Body(feed) if feed.is_dropped())
    }

    /// Waits for room, and to hear that the reader has gone.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.reader {
            Reader::Body(feed) if !feed.is_dropped() => {
                // One waker serves both; a reader that is there leaves this one pending.
                let room = feed.poll_room(cx);
                if feed.poll_dropped(cx).is_ready() { Poll::Ready(()) } else { room }
            }
            _ => Poll::Ready(()),
        }
    }

    /// The head has come: makes the body that goes with it. One that is here as a whole needs no feeding.
    pub(super) fn begin_body(
        &mut self,
        framing: Framing,
        input: &mut &[u8],
        config: &Config,
    ) -> Result<Body, Refusal> {
        self.reader = Reader::Nobody;
        let length = match framing {
            Framing::Empty => return Ok(Body::empty()),
            Framing::Length(length) if length <= input.len() as u64 => {
                return Ok(match self.exchange.read(input, &config.head)? {
                    Some(Received::Data(data)) => Body::full(Bytes::copy_from_slice(data)),
                    _ => Body::empty(),
                });
            }
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::ToClose => None,
        };
        let (feed, body) = Body::incoming(Role::Client, length);
        self.reader = Reader::Body(feed);
        Ok(body)
    }

    pub(super) fn handle_data(&mut self, data: &[u8]) {
        if let Reader::Body(feed) = &self.reader {
            if feed.is_dropped() {
                self.unread += data.len() as u64;
            } else {
                // Copied out of the lent buffer at its exact size.
                feed.push(Bytes::copy_from_slice(data));
            }
        }
    }

    pub(super) fn handle_end(&mut self, trailers: Option<HeaderMap>) {
        if let Reader::Body(feed) = std::mem::replace(&mut self.reader, Reader::Nobody) {
            feed.end(trailers);
        }
    }

    /// The peer has closed: some bodies end like that.
    pub(super) fn handle_close(&mut self) -> Result<(), Error> {
        if let Some(error) = self.write_error.take_if(|_| self.exchange.awaits_head()) {
            return Err(error);
        }
        let doing = self.reading();
        match self.exchange.handle_end() {
            Ok(_end) => {
                self.handle_end(None);
                Ok(())
            }
            Err(_unfinished) => Err(Error::closed(Role::Client, doing)),
        }
    }

    /// The request cannot be written on. An error if that ends everything.
    pub(super) fn handle_write_error(&mut self, error: io::Error) -> Result<(), Error> {
        let error = Error::io(Role::Client, "writing the request", error);
        if !self.is_touched {
            return Err(error);
        }
        self.exchange.stop();
        self.body = Body::empty();
        self.write_error = Some(error);
        Ok(())
    }

    /// What to say when reading fails: if writing failed before, that was the cause.
    pub(super) fn read_error(&mut self, error: io::Error) -> Error {
        let earlier = self.write_error.take_if(|_| self.exchange.awaits_head());
        earlier.unwrap_or_else(|| Error::io(Role::Client, self.reading(), error))
    }

    /// Tells whoever waits that no more will come, and what became of the request.
    pub(super) fn fail(self, error: Error) {
        let begun = match () {
            () if !self.is_touched => Begun::No,
            () if self.exchange.is_answered() => Begun::Yes,
            () => Begun::Unknown,
        };
        let error = error.with_begun(begun);
        match self.reader {
            Reader::Caller => self.call.answer(Err(error)),
            Reader::Body(feed) => feed.fail(error),
            Reader::Nobody => {}
        }
    }

    /// What the clock should be asked about, when nothing can be done.
    pub(super) fn waits_for(&self, is_written: bool) -> Waits {
        // While the caller's body is on its way the peer may wait for it, so it owes us nothing.
        let owes_us = self.exchange.is_sent() && is_written;
        Waits {
            write: !is_written,
            head: owes_us && self.exchange.awaits_head(),
            body: owes_us && !self.exchange.awaits_head() && self.has_room(),
            resume: is_written && self.exchange.is_held(),
        }
    }

    fn reading(&self) -> &'static str {
        match () {
            () if !self.exchange.is_answered() => "waiting for the response",
            () if self.exchange.awaits_head() => "reading the response's head",
            () => "reading the response's body",
        }
    }
}
