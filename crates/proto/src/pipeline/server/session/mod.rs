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
use crate::dispatch::pace::{PART_COST, REQUEST_COST};
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
            order: Order::new(config.in_flight_max.max(1)),
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
                Intake::Open => self.transport.poll_frame(cx),
                // What has begun is read to its end.
                Intake::Draining if self.shape.is_amid_message() => self.transport.poll_frame(cx),
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

#[cfg(test)]
mod tests;
