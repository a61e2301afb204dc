//! What drives a client's end of a pipelined connection: [`Connection`].
//!
//! What becomes of calls is decided by [`Calls`]; this only moves it between the transport and the callers' wakers.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::calls::{Calls, Delivery};
use super::config::ClientConfig;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, Cause, ConnectionError, Error};
use crate::dispatch::pace::Pace;
use crate::transport::{Parts, Transport};

/// What drives the connection of a [`Client`](super::Client): a future that must be polled for its calls to proceed.
///
/// It ends with the byte stream, closed, when all clients are dropped; with the byte stream, and what was read
/// of it, when the decoder [holds](crate::codec::Decoded::Hold), once the frame that held has been handed to
/// its caller; or with the error that broke the connection. A peer that closes while it owes no answer is no
/// error.
#[must_use = "no call proceeds unless it is polled"]
pub struct Connection<Io, Codec: Decoder, Req> {
    /// `None` once it has ended.
    transport: Option<Transport<Io, Codec>>,
    shared: Rc<Shared<Req, Codec::Item>>,
    on_frame: Option<OnFrame<Codec::Item>>,
}

/// Looks at every frame first, and keeps those that answer nothing.
type OnFrame<Item> = Box<dyn FnMut(Item) -> Option<Item>>;

/// How a connection ended: as it should, or not; and what is told to those who ask later.
type End = Result<ConnectionError, ConnectionError>;

/// What a client and its connection share.
pub(super) struct Shared<Req, Resp> {
    pub(super) calls: RefCell<Calls<Req, Resp>>,
    /// Wakes the connection.
    connection: Cell<Option<Waker>>,
    /// Whether there is no client any more.
    pub(super) is_orphan: Cell<bool>,
}

impl<Io, Codec: Decoder, Req> Connection<Io, Codec, Req> {
    pub(super) fn new(transport: Transport<Io, Codec>, shared: Rc<Shared<Req, Codec::Item>>) -> Self {
        Self { transport: Some(transport), shared, on_frame: None }
    }

    /// Has every frame looked at first by `hook`, which keeps those that answer nothing (such as the pushes of
    /// Redis) and returns those that do.
    pub fn on_frame(mut self, hook: impl FnMut(Codec::Item) -> Option<Codec::Item> + 'static) -> Self {
        self.on_frame = Some(Box::new(hook));
        self
    }

    fn handle_frame(&mut self, frame: Codec::Item) -> Result<(), ConnectionError> {
        let frame = match &mut self.on_frame {
            Some(hook) => hook(frame),
            None => Some(frame),
        };
        let Some(answer) = frame else { return Ok(()) };
        let delivery = self.shared.calls.borrow_mut().handle_answer(answer);
        match delivery {
            Delivery::Wake(caller) => caller.wake(),
            Delivery::Kept | Delivery::Late(_) => {}
            Delivery::Unasked(_) => return Err(Cause::Unasked.into()),
        }
        Ok(())
    }

    /// Tells everyone that the connection is lost, and gives up the transport.
    fn lose(&mut self, error: &ConnectionError) -> Option<Transport<Io, Codec>> {
        let transport = self.transport.take()?;
        let lost = self.shared.calls.borrow_mut().handle_lost(error, transport.written_bytes());
        let (callers, _requests) = lost;
        drop(self.shared.connection.take());
        callers.into_iter().for_each(Waker::wake);
        Some(transport)
    }
}

impl<Io, Codec, Req> Connection<Io, Codec, Req>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Error: Into<BoxError>> + Encoder<Req, Error: Into<BoxError>>,
{
    /// Moves what can be moved. Ready when nothing ever can again, with the reason for those who still ask.
    fn poll_move(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // The answers first: they make room for requests, and whoever they wake asks more.
        if let Poll::Ready(end) = self.poll_answers(cx, Pace::InTurns) {
            return Poll::Ready(end);
        }
        match self.poll_requests(cx) {
            Poll::Ready(Err(error)) => {
                // A peer that reads no more may have answered before; those answers are still good.
                drop(self.poll_answers(cx, Pace::AtOnce));
                Poll::Ready(Err(Cause::Io(error).into()))
            }
            _ if self.shared.is_orphan.get() => Poll::Ready(Ok(Cause::Dropped.into())),
            _ => Poll::Pending,
        }
    }

    /// Hands out the answers that are there. Ready when there will be no more.
    fn poll_answers(&mut self, cx: &mut Context<'_>, pace: Pace) -> Poll<End> {
        loop {
            let Some(transport) = &mut self.transport else { return Poll::Pending };
            match ready!(transport.poll_next(cx)) {
                Some(frame) => {
                    self.handle_frame(frame?)?;
                    ready!(pace.poll_next(cx));
                }
                None if transport.is_held() => return Poll::Ready(Ok(Cause::HandedOver.into())),
                None if self.shared.calls.borrow().is_idle() => return Poll::Ready(Ok(Cause::Ended.into())),
                None => return Poll::Ready(Err(Cause::Ended.into())),
            }
        }
    }

    /// Sends the requests that may be sent.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let Some(transport) = &mut self.transport else { return Poll::Pending };
        loop {
            ready!(transport.poll_ready(cx))?;
            let from = transport.written_bytes() + transport.queued_bytes() as u64;
            let Some(req) = self.shared.calls.borrow_mut().next_request(from) else { break };
            if let Err(error) = transport.start_send(req) {
                let caller = self.shared.calls.borrow_mut().handle_unsendable(Error::unsendable(error));
                caller.into_iter().for_each(Waker::wake);
            }
        }
        transport.poll_flush(cx)
    }
}

impl<Io, Codec, Req> Future for Connection<Io, Codec, Req>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Error: Into<BoxError>> + Encoder<Req, Error: Into<BoxError>>,
{
    type Output = Result<Parts<Io, Codec>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.register(cx.waker());
        let end = ready!(self.poll_move(cx));
        let (Ok(reason) | Err(reason)) = &end;
        let Some(mut transport) = self.lose(reason) else { return Poll::Pending };
        if end.is_ok() && !transport.is_held() {
            // Nobody waits for it, so it is tried and no more.
            drop(transport.poll_close(cx));
        }
        Poll::Ready(end.map(|_| transport.into_parts()))
    }
}

impl<Io: fmt::Debug, Codec: Decoder + fmt::Debug, Req> fmt::Debug for Connection<Io, Codec, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl<Io, Codec: Decoder, Req> Drop for Connection<Io, Codec, Req> {
    fn drop(&mut self) {
        if self.transport.is_some() {
            drop(self.lose(&Cause::Dropped.into()));
        }
    }
}

impl<Req, Resp> Shared<Req, Resp> {
    pub(super) fn new(config: &ClientConfig) -> Self {
        Self {
            calls: RefCell::new(Calls::new(config.in_flight_max, config.queue_max)),
            connection: Cell::default(),
            is_orphan: Cell::default(),
        }
    }

    /// Keeps what wakes the connection.
    fn register(&self, waker: &Waker) {
        let known = self.connection.take().filter(|known| known.will_wake(waker));
        self.connection.set(Some(known.unwrap_or_else(|| waker.clone())));
    }

    pub(super) fn wake_connection(&self) {
        // It is kept: the next call wakes the same task, and counts no references for that.
        if let Some(waker) = self.connection.take() {
            waker.wake_by_ref();
            let newer = self.connection.take();
            self.connection.set(newer.or(Some(waker)));
        }
    }
}
