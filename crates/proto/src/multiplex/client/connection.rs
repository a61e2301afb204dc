//! What drives a client's end of a multiplexed connection: [`Connection`].
//!
//! What becomes of calls is decided by [`Calls`](super::calls::Calls); this only moves it between the transport, the
//! bodies and the callers' wakers.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ekiden_service::Begun;
use futures_io::{AsyncRead, AsyncWrite};

use super::Shared;
use super::calls::Told;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, Cause, ConnectionError, Error};
use crate::dispatch::pace::Pace;
use crate::multiplex::config::ClientConfig;
use crate::multiplex::frame::Frame;
use crate::multiplex::keepalive::{Beat, Keepalive, Signs};
use crate::multiplex::outlet::{Next, Outlet};
use crate::multiplex::queue::Control;
use crate::transport::{Parts, Transport};

/// What drives the connection of a [`Client`](super::Client): a future that must be polled for its calls to proceed.
///
/// It ends with the byte stream, closed, when all clients are dropped and no call is open, or when the peer has drained or
/// closed and owes no answer; or with the error that broke the connection.
#[must_use = "no call proceeds unless it is polled"]
pub struct Connection<Io, Codec, Req, Resp> {
    /// `None` once it has ended.
    transport: Option<Transport<Io, Codec>>,
    shared: Rc<Shared<Req, Resp>>,
    keepalive: Keepalive,
    /// Whether the peer takes no more calls.
    is_draining: bool,
    /// How many frames have come.
    heard: u64,
}

/// How a connection ended: as it should, or not; and what is told to those who ask later.
type End = Result<ConnectionError, ConnectionError>;

impl<Io, Codec, Req, Resp> Connection<Io, Codec, Req, Resp> {
    pub(super) fn new(
        transport: Transport<Io, Codec>,
        shared: Rc<Shared<Req, Resp>>,
        config: &ClientConfig,
    ) -> Self {
        Self {
            transport: Some(transport),
            shared,
            keepalive: Keepalive::new(config.ping_interval, config.ping_timeout),
            is_draining: false,
            heard: 0,
        }
    }

    fn handle_frame(&mut self, frame: Frame<Resp>) -> Result<(), ConnectionError> {
        let (calls, queue) = (&self.shared.calls, &self.shared.queue);
        // What comes of it is settled when nothing is borrowed.
        match frame {
            Frame::Reply { id, head, more } => {
                let told = calls.borrow_mut().handle_reply(id, head, more);
                told.map_err(Cause::Violation)?.settle();
            }
            Frame::Chunk { id, bytes } => {
                let reader = calls.borrow_mut().handle_chunk(id, bytes);
                reader.map_err(Cause::Violation)?.into_iter().for_each(Waker::wake);
            }
            Frame::End { id } => {
                let told = calls.borrow_mut().handle_end(id);
                told.settle();
            }
            Frame::Reset { id, reason } => {
                let told = calls.borrow_mut().handle_reset(id, reason);
                told.settle();
            }
            Frame::Credit { id, bytes } => {
                let granted = calls.borrow_mut().handle_credit(id, bytes);
                granted.map_err(Cause::Violation)?;
            }
            Frame::Ping { token } => queue.push(Control::Pong { token }),
            Frame::Pong { .. } => {}
            Frame::Drain => {
                self.is_draining = true;
                let (told, requests) = calls.borrow_mut().handle_drain(&Cause::Drained.into());
                told.into_iter().for_each(Told::settle);
                drop(requests);
            }
            Frame::Open { .. } | Frame::Cancel { .. } => {
                return Err(Cause::Violation("a server that asks").into());
            }
        }
        Ok(())
    }

    /// Tells everyone that the connection is lost, and gives up the transport.
    fn lose(&mut self, error: &ConnectionError) -> Option<Transport<Io, Codec>> {
        let transport = self.transport.take()?;
        let lost = self.shared.calls.borrow_mut().handle_lost(error, transport.written_bytes());
        let (told, _requests) = lost;
        self.shared.queue.end();
        told.into_iter().for_each(Told::settle);
        Some(transport)
    }
}

impl<Io, Codec, Req, Resp> Connection<Io, Codec, Req, Resp>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Item = Frame<Resp>, Error: Into<BoxError>> + Encoder<Frame<Req>, Error: Into<BoxError>>,
{
    /// Moves what can be moved. Ready when nothing ever can again, with the reason for those who still ask.
    fn poll_move(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // The answers first: they make room for requests, and whoever they wake asks more.
        if let Poll::Ready(end) = self.poll_frames(cx, Pace::InTurns) {
            return Poll::Ready(end);
        }
        self.shared.queue.look();
        let was_full = self.shared.queue.is_full(0);
        let written = self.poll_send(cx);
        if was_full && !self.shared.queue.is_full(0) {
            // There may be more to hear, and nothing else would say so.
            cx.waker().wake_by_ref();
        }
        if let Poll::Ready(Err(error)) = written {
            // A peer that reads no more may have answered before; those answers are still good.
            drop(self.poll_frames(cx, Pace::AtOnce));
            return Poll::Ready(Err(Cause::Io(error).into()));
        }
        self.shared.queue.settle();
        if written.is_ready() {
            let calls = self.shared.calls.borrow();
            if self.is_draining && calls.is_idle() {
                return Poll::Ready(Ok(Cause::Drained.into()));
            }
        }
        // What is still to be said is that nothing is wanted, and the end of the connection says that, too.
        if self.shared.is_orphan.get() && !self.shared.calls.borrow().is_wanted() {
            return Poll::Ready(Ok(Cause::Dropped.into()));
        }
        self.poll_keepalive(cx)
    }

    /// Handles the frames that are there. Ready when there will be no more.
    fn poll_frames(&mut self, cx: &mut Context<'_>, pace: Pace) -> Poll<End> {
        loop {
            // A peer that asks more than it takes of what is answered waits.
            if self.shared.queue.is_full(0) {
                return Poll::Pending;
            }
            let Some(transport) = &mut self.transport else { return Poll::Pending };
            match ready!(transport.poll_frame(cx)) {
                Some(frame) => {
                    self.heard += 1;
                    self.handle_frame(frame?)?;
                    ready!(pace.poll_next(cx));
                }
                None if self.shared.calls.borrow().is_idle() => return Poll::Ready(Ok(Cause::Ended.into())),
                None => return Poll::Ready(Err(Cause::Ended.into())),
            }
        }
    }

    /// Sends what may be sent: what is to be said of calls, since an id may be a new call's next; then requests; then bodies,
    /// a chunk of each in turn, and one now and then of those that wait behind all that.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Some(transport) = &mut self.transport else { return Poll::Pending };
            ready!(transport.poll_ready(cx))?;
            if let Some(outlet) = self.shared.queue.next_overdue() {
                self.send_body(&outlet)?;
                continue;
            }
            if let Some(control) = self.shared.queue.next_control() {
                let frame = control.into_frame(|| unreachable!("a client does not reply"));
                transport.start_send::<Frame<Req>>(frame).map_err(into_io)?;
                continue;
            }
            let from = transport.written_bytes() + transport.queued_bytes() as u64;
            let next = self.shared.calls.borrow_mut().next_request(from);
            if let Some((call, head, outlet)) = next {
                if let Some(error) = outlet.as_ref().and_then(|outlet| outlet.take_failure()) {
                    let error = Error::body(error, Begun::No);
                    let told = self.shared.calls.borrow_mut().handle_unsendable(call, error);
                    told.settle();
                    continue;
                }
                self.shared.queue.count_before_bodies();
                let open = Frame::Open { id: call.0, head, more: outlet.is_some() };
                match transport.start_send(open) {
                    Ok(()) => outlet.iter().for_each(Outlet::begin),
                    Err(error) => {
                        let error = Error::unsendable(error);
                        let told = self.shared.calls.borrow_mut().handle_unsendable(call, error);
                        told.settle();
                    }
                }
            } else if let Some(outlet) = self.shared.queue.next_ready() {
                self.send_body(&outlet)?;
            } else {
                return transport.poll_flush(cx);
            }
        }
    }

    /// Sends the next piece of a request's body.
    fn send_body(&mut self, outlet: &Rc<Outlet>) -> io::Result<()> {
        let Some(transport) = &mut self.transport else { return Ok(()) };
        let id = outlet.id;
        let (next, writer) = outlet.next();
        writer.into_iter().for_each(Waker::wake);
        let failure = match next {
            // A server that says no more is lost, and with it all of its calls.
            Next::Nothing | Next::Unwanted => None,
            Next::Chunk(bytes) => {
                transport.start_send(Frame::<Req>::Chunk { id, bytes }).err().map(Into::into)
            }
            Next::End => {
                transport.start_send(Frame::<Req>::End { id }).map_err(into_io)?;
                None
            }
            Next::Failed(error) => Some(error),
        };
        if let Some(error) = failure {
            let told = self.shared.calls.borrow_mut().handle_body_failed(id, error);
            told.settle();
            let (writer, left) = outlet.close();
            writer.into_iter().for_each(Waker::wake);
            drop(left);
        }
        Ok(())
    }

    /// Asks a silent peer that owes an answer whether it is there, and gives it up.
    fn poll_keepalive(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Some(transport) = &self.transport else { return Poll::Pending };
        let signs = Signs::of(transport, self.heard);
        let is_expected = self.shared.calls.borrow().has_open();
        match ready!(self.keepalive.poll(cx, signs, is_expected)) {
            Beat::GiveUp => Poll::Ready(Err(Cause::Silent.into())),
            Beat::Ask => {
                self.shared.queue.push(Control::Ping { token: self.keepalive.next_token() });
                // To send it, and to wait for the answer.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// A protocol that cannot say what dispatch has to say is no fault of the network, but it ends the connection.
fn into_io(error: impl Into<BoxError>) -> io::Error {
    io::Error::other(error)
}

/// Nothing in it is pinned.
impl<Io, Codec, Req, Resp> Unpin for Connection<Io, Codec, Req, Resp> {}

impl<Io, Codec, Req, Resp> Future for Connection<Io, Codec, Req, Resp>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Item = Frame<Resp>, Error: Into<BoxError>> + Encoder<Frame<Req>, Error: Into<BoxError>>,
{
    type Output = Result<Parts<Io, Codec>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.queue.register(cx.waker());
        let end = self.poll_move(cx);
        self.shared.queue.look();
        let end = ready!(end);
        let (Ok(reason) | Err(reason)) = &end;
        let Some(mut transport) = self.lose(reason) else { return Poll::Pending };
        if end.is_ok() {
            // Nobody waits for it, so it is tried and no more.
            drop(transport.poll_close(cx));
        }
        Poll::Ready(end.map(|_| transport.into_parts()))
    }
}

impl<Io: fmt::Debug, Codec: fmt::Debug, Req, Resp> fmt::Debug for Connection<Io, Codec, Req, Resp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl<Io, Codec, Req, Resp> Drop for Connection<Io, Codec, Req, Resp> {
    fn drop(&mut self) {
        drop(self.lose(&Cause::Dropped.into()));
    }
}
