//! What drives a client's end of a pipelined connection: [`Connection`].
//!
//! What becomes of calls is decided by [`Calls`]; this only moves it between the transport and the callers' wakers.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ekiden_reactor::task::poll_proceed;
use ekiden_service::Begun;
use futures_io::{AsyncRead, AsyncWrite};

use super::calls::{Calls, Delivery};
use crate::body::Message;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::bell::Bell;
use crate::dispatch::error::{BoxError, Cause, ConnectionError, Error};
use crate::dispatch::pace::{PART_COST, Pace};
use crate::pipeline::config::ClientConfig;
use crate::pipeline::shape::{Shape, Whole};
use crate::pipeline::streamed::{Frame, Streamed};
use crate::transport::{Parts, Transport};

/// What drives the connection of a [`Client`](super::Client): a future that must be polled for its calls to proceed.
///
/// It ends with the byte stream, closed, when all clients are dropped; with the byte stream, and what was read
/// of it, when the decoder [holds](crate::codec::Decoded::Hold), once the frame that held has been handed to
/// its caller; or with the error that broke the connection. A peer that closes while it owes no answer is no
/// error.
#[must_use = "no call proceeds unless it is polled"]
pub struct Connection<Io, Codec: Decoder, Req>(Driver<Io, Codec, Whole<Codec::Item, Req>>);

/// As a [`Connection`], of messages with bodies.
///
/// It is not closed before the last body is read or dropped.
#[must_use = "no call proceeds unless it is polled"]
pub struct StreamedConnection<Io, Codec, Asked, Head>(Driver<Io, Codec, Streamed<Head, Asked>>);

/// Whatever drives a connection, of whatever messages.
pub(super) struct Driver<Io, Codec, Shaped: Shape> {
    /// `None` once it has ended.
    transport: Option<Transport<Io, Codec>>,
    shared: Rc<Shared<Shaped::Out, Shaped::In>>,
    shape: Shaped,
    on_frame: Option<OnFrame<Shaped::FrameIn>>,
}

/// Looks at every frame first, and keeps those that answer nothing.
type OnFrame<Item> = Box<dyn FnMut(Item) -> Option<Item>>;

/// How a connection ended: as it should, or not; and what is told to those who ask later.
type End = Result<ConnectionError, ConnectionError>;

/// What a client and its connection share.
pub(super) struct Shared<Req, Resp> {
    pub(super) calls: RefCell<Calls<Req, Resp>>,
    /// Wakes the connection.
    connection: Bell,
    /// Whether there is no client any more.
    pub(super) is_orphan: Cell<bool>,
}

impl<Io, Codec: Decoder, Req> Connection<Io, Codec, Req> {
    pub(super) fn new(transport: Transport<Io, Codec>, shared: Rc<Shared<Req, Codec::Item>>) -> Self {
        Self(Driver::new(transport, shared, Whole::new()))
    }

    /// Has every frame looked at first by `hook`, which keeps those that answer nothing (such as the pushes of
    /// Redis) and returns those that do.
    pub fn on_frame(mut self, hook: impl FnMut(Codec::Item) -> Option<Codec::Item> + 'static) -> Self {
        self.0.on_frame = Some(Box::new(hook));
        self
    }
}

impl<Io, Codec, Asked, Head> StreamedConnection<Io, Codec, Asked, Head> {
    pub(super) fn new(
        transport: Transport<Io, Codec>,
        shared: Rc<Shared<Message<Asked>, Message<Head>>>,
        body_bytes_max: u32,
    ) -> Self {
        Self(Driver::new(transport, shared, Streamed::new(body_bytes_max)))
    }

    /// Has every frame looked at first by `hook`, which keeps those that belong to no reply and returns those that do.
    pub fn on_frame(mut self, hook: impl FnMut(Frame<Head>) -> Option<Frame<Head>> + 'static) -> Self {
        self.0.on_frame = Some(Box::new(hook));
        self
    }
}

impl<Io, Codec, Shaped: Shape> Driver<Io, Codec, Shaped> {
    fn new(
        transport: Transport<Io, Codec>,
        shared: Rc<Shared<Shaped::Out, Shaped::In>>,
        shape: Shaped,
    ) -> Self {
        Self { transport: Some(transport), shared, shape, on_frame: None }
    }

    fn handle_frame(&mut self, frame: Shaped::FrameIn) -> Result<(), ConnectionError> {
        let frame = match &mut self.on_frame {
            Some(hook) => hook(frame),
            None => Some(frame),
        };
        let Some(frame) = frame else { return Ok(()) };
        let Some(answer) = self.shape.handle_frame(frame).map_err(Cause::Violation)? else { return Ok(()) };
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
        self.shared.connection.unregister();
        let reader = self.shape.handle_lost(&Error::lost(error.clone(), Begun::Yes));
        callers.into_iter().chain(reader).for_each(Waker::wake);
        self.shape.stop_sending();
        Some(transport)
    }
}

impl<Io, Codec, Shaped> Driver<Io, Codec, Shaped>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Shaped: Shape,
    Codec: Decoder<Item = Shaped::FrameIn, Error: Into<BoxError>>
        + Encoder<Shaped::FrameOut, Error: Into<BoxError>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Parts<Io, Codec>, ConnectionError>> {
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
                Poll::Ready(Err(error))
            }
            _ if self.shared.is_orphan.get() && !self.shape.is_read() => {
                Poll::Ready(Ok(Cause::Dropped.into()))
            }
            _ => Poll::Pending,
        }
    }

    /// Hands out the answers that are there. Ready when there will be no more.
    fn poll_answers(&mut self, cx: &mut Context<'_>, pace: Pace) -> Poll<End> {
        loop {
            ready!(self.shape.poll_room(cx));
            let Some(transport) = &mut self.transport else { return Poll::Pending };
            match ready!(transport.poll_frame(cx)) {
                Some(frame) => {
                    self.handle_frame(frame?)?;
                    ready!(pace.poll_next(cx));
                }
                None if transport.is_held() => return Poll::Ready(Ok(Cause::HandedOver.into())),
                None if self.shape.is_amid_message() => {
                    return Poll::Ready(Err(Cause::Truncated { bytes: 0 }.into()));
                }
                None if self.shared.calls.borrow().is_idle() => return Poll::Ready(Ok(Cause::Ended.into())),
                None => return Poll::Ready(Err(Cause::Ended.into())),
            }
        }
    }

    /// Sends the requests that may be sent.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let Some(transport) = &mut self.transport else { return Poll::Pending };
        loop {
            ready!(transport.poll_ready(cx)).map_err(Cause::Io)?;
            // The rest of the request that has begun goes before the next.
            if self.shape.is_sending() {
                if poll_proceed(cx, PART_COST).is_pending() {
                    break;
                }
                let Poll::Ready(part) = self.shape.poll_part(cx) else { break };
                // Without the rest of it nothing behind it could be told from it.
                let part = part.map_err(Cause::Body)?;
                transport.start_send(part).map_err(|error| Cause::Body(error.into()))?;
                continue;
            }
            let from = transport.written_bytes() + transport.queued_bytes() as u64;
            let Some(req) = self.shared.calls.borrow_mut().next_request(from) else { break };
            let head = self.shape.begin(req);
            if let Err(error) = transport.start_send(head) {
                self.shape.stop_sending();
                let caller = self.shared.calls.borrow_mut().handle_unsendable(Error::unsendable(error));
                caller.into_iter().for_each(Waker::wake);
            }
        }
        transport.poll_flush(cx).map_err(|error| Cause::Io(error).into())
    }
}

impl<Io, Codec, Req> Future for Connection<Io, Codec, Req>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Error: Into<BoxError>> + Encoder<Req, Error: Into<BoxError>>,
{
    type Output = Result<Parts<Io, Codec>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<Io, Codec, Asked, Head> Future for StreamedConnection<Io, Codec, Asked, Head>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Item = Frame<Head>, Error: Into<BoxError>> + Encoder<Frame<Asked>, Error: Into<BoxError>>,
{
    type Output = Result<Parts<Io, Codec>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<Io: fmt::Debug, Codec: Decoder + fmt::Debug, Req> fmt::Debug for Connection<Io, Codec, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("transport", &self.0.transport).finish_non_exhaustive()
    }
}

impl<Io: fmt::Debug, Codec: fmt::Debug, Asked, Head> fmt::Debug
    for StreamedConnection<Io, Codec, Asked, Head>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedConnection").field("transport", &self.0.transport).finish_non_exhaustive()
    }
}

impl<Io, Codec, Shaped: Shape> Drop for Driver<Io, Codec, Shaped> {
    fn drop(&mut self) {
        if self.transport.is_some() {
            drop(self.lose(&Cause::Dropped.into()));
        }
    }
}

impl<Req, Resp> Shared<Req, Resp> {
    pub(super) fn new(config: &ClientConfig) -> Self {
        Self {
            calls: RefCell::new(Calls::new(config.in_flight_max.max(1), config.queue_max)),
            connection: Bell::default(),
            is_orphan: Cell::default(),
        }
    }

    /// Keeps what wakes the connection.
    fn register(&self, waker: &Waker) {
        self.connection.register(waker);
    }

    pub(super) fn wake_connection(&self) {
        self.connection.ring();
    }
}
