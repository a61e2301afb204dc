//! The task of one connection, from its first byte to its last.
//!
//! A [`Turn`] does the talking, and what it needs for that is a [`Talk`], which an idle connection does not have. The
//! leaving is here: closing politely, or handing the stream over to another protocol.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ekiden_proto::server::{Linger, Seat};
use ekiden_reactor::Instant;
use futures_io::{AsyncRead, AsyncWrite};
use http::Response;

use super::Shared;
use super::patience::Patience;
use super::raw::RawRequest;
use super::running::Running;
use super::talk::Talk;
use super::turn::Turn;
use crate::body::{Body, Upgraded};
use crate::error::Error;
use crate::h1::server::{Farewell, Wait};

/// One connection, to its end. `Call` makes a call of a request, and `F` is what it makes.
pub(super) struct Connection<'a, Io, Drained, Call, F> {
    shared: &'a Shared,
    /// `None` once it was handed over. Borrowed, since who owns it has room for it anyway.
    io: &'a mut Option<Io>,
    call: Call,
    running: Running<F>,
    /// `None` while the connection is idle.
    talk: Option<Box<Talk>>,
    patience: Patience,
    phase: Phase,
    seat: &'a Seat,
    /// Wakes the task when the drain begins. `None` once it was heeded.
    drained: Option<Drained>,
}

#[derive(Clone, Copy)]
enum Phase {
    Talking,
    /// The stream is being closed, and then dropped.
    Closing,
    /// The same, but the client may still be sending and must see what was written.
    Lingering(Linger),
    HandingOver,
}

impl<'a, Io, Drained, Call, F, E> Connection<'a, Io, Drained, Call, F>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    Drained: Future<Output = ()> + Unpin,
    Call: Fn(RawRequest) -> F,
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<Error>,
{
    pub(super) fn new(
        shared: &'a Shared,
        io: &'a mut Option<Io>,
        seat: &'a Seat,
        drained: Drained,
        call: Call,
    ) -> Self {
        Self {
            shared,
            io,
            call,
            running: Running::new(),
            talk: None,
            patience: Patience::new(),
            phase: Phase::Talking,
            seat,
            drained: Some(drained),
        }
    }

    fn poll_talk(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<Farewell, Error>> {
        let has_drained = self.has_drained(cx);
        let Some(io) = self.io.as_mut() else { return Poll::Ready(Ok(Farewell::Close)) };
        let Self { shared, seat, call, running, patience, .. } = self;
        // An allocation only while another connection of this core is in the middle of something.
        let mut talk = self.talk.take().unwrap_or_else(|| shared.spare.take(&shared.config));
        if has_drained {
            talk.conversation.handle_drain();
        }
        let mut turn = Turn {
            shared,
            seat,
            io,
            call,
            running,
            talk: &mut talk,
            patience,
            cx,
            now,
            is_spent: false,
            is_read_awaited: false,
        };
        let polled = turn.poll();
        if polled.is_pending() && talk.is_at_rest() {
            self.shared.spare.give(talk);
            self.running.rest();
        } else {
            self.talk = Some(talk);
        }
        polled
    }

    /// Whether the drain has begun since the last time.
    fn has_drained(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(drained) = &mut self.drained else { return false };
        let has_drained = Pin::new(drained).poll(cx).is_ready();
        if has_drained {
            self.drained = None;
        }
        has_drained
    }
}

impl<Io, Drained, Call, F> Connection<'_, Io, Drained, Call, F>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// Leaves the stream as HTTP has left it.
    fn poll_leave(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let Some(io) = self.io.as_mut() else { return Poll::Ready(()) };
        let left = match &mut self.phase {
            Phase::Talking => Poll::Ready(()),
            Phase::Closing => Pin::new(io).poll_close(cx).map(drop),
            Phase::Lingering(linger) => linger.poll(cx, io),
            Phase::HandingOver => {
                self.hand_over();
                Poll::Ready(())
            }
        };
        if left.is_ready() {
            return Poll::Ready(());
        }
        let config = &self.shared.config;
        match self.patience.poll_overdue(cx, config, now, Wait::Close, false) {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }

    fn hand_over(&mut self) {
        if let (Some(mut talk), Some(io)) = (self.talk.take(), self.io.take())
            && let Some(slot) = talk.upgrade.take()
        {
            slot.fill(Upgraded::new(io, talk.leftover, Some(self.seat.keep())));
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
            this.phase = match farewell {
                Farewell::Close => Phase::Closing,
                Farewell::Linger => Phase::Lingering(Linger::default()),
                Farewell::HandOver => Phase::HandingOver,
            };
        }
        this.poll_leave(cx, now).map(Ok)
    }
}
