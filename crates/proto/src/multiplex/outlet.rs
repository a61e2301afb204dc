//! A body on its way to the peer: [`Outlet`].
//!
//! A [`Pump`](super::pump::Pump) puts in what the application has, the connection takes out what the peer has room for. It
//! holds little: who has more waits, and so does whoever makes it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::queue::Queue;
use crate::body::cost;
use crate::dispatch::error::BoxError;

/// The chunks that were not sent yet.
pub(super) struct Outlet {
    pub(super) id: u32,
    queue: Rc<Queue>,
    state: RefCell<State>,
}

struct State {
    chunks: VecDeque<Bytes>,
    /// What they cost.
    held: i64,
    /// What the peer takes. A chunk may go below zero.
    credit: i64,
    /// Whether the peer says no more, so that no more credit comes.
    is_last_credit: bool,
    phase: Phase,
    /// Whether the head before it has been sent.
    is_begun: bool,
    /// Whether it waits for its turn in the queue.
    is_listed: bool,
    writer: Option<Waker>,
}

enum Phase {
    /// More is coming.
    Open,
    /// There is no more than is held.
    Finished,
    /// The application has failed to make the rest.
    Failed(BoxError),
    /// The end was sent, or is not wanted.
    Closed,
}

/// What is sent of a body when its turn comes.
#[derive(Debug)]
pub(super) enum Next {
    Chunk(Bytes),
    End,
    /// The rest cannot be made.
    Failed(BoxError),
    /// The peer will never have room for the rest.
    Unwanted,
    /// It was closed meanwhile.
    Nothing,
}

/// The peer wants no more of it.
#[derive(Debug)]
pub(super) struct Closed;

impl Outlet {
    pub(super) fn new(id: u32, window_bytes: u32, queue: Rc<Queue>) -> Self {
        let state = State {
            chunks: VecDeque::new(),
            held: 0,
            credit: i64::from(window_bytes),
            is_last_credit: false,
            phase: Phase::Open,
            is_begun: false,
            is_listed: false,
            writer: None,
        };
        Self { id, queue, state: RefCell::new(state) }
    }

    /// Polls for room for one more chunk. Whoever was told that there is some is woken when it is closed, too.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.state.borrow_mut();
        if !matches!(state.phase, Phase::Open) {
            return Poll::Ready(Err(Closed));
        }
        let has_room = state.held < HELD_MAX;
        if !state.writer.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            let replaced = state.writer.replace(cx.waker().clone());
            drop(state);
            drop(replaced); // Which can run anything.
        }
        if has_room { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Takes a chunk.
    pub(super) fn push(self: &Rc<Self>, bytes: Bytes) {
        let mut state = self.state.borrow_mut();
        if matches!(state.phase, Phase::Open) {
            state.held += cost(&bytes);
            state.chunks.push_back(bytes);
            self.list(&mut state);
        }
    }

    /// There is no more.
    pub(super) fn finish(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Finished;
            self.list(&mut state);
        }
    }

    /// The rest cannot be made. What was not sent of it is not sent.
    pub(super) fn fail(self: &Rc<Self>, error: BoxError) {
        let mut state = self.state.borrow_mut();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Failed(error);
            let left = std::mem::take(&mut state.chunks);
            self.list(&mut state);
            drop(state);
            drop(left);
        }
    }

    /// The head has been sent, so the rest may follow.
    pub(super) fn begin(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.is_begun = true;
        self.list(&mut state);
    }

    /// The peer takes so much more.
    pub(super) fn handle_credit(self: &Rc<Self>, bytes: u32) -> Result<(), &'static str> {
        let mut state = self.state.borrow_mut();
        state.credit += i64::from(bytes);
        if state.credit > CREDIT_MAX {
            return Err("more credit than can be counted");
        }
        self.list(&mut state);
        Ok(())
    }

    /// The peer says no more: what it has room for is still sent.
    pub(super) fn handle_silence(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.is_last_credit = true;
        self.list(&mut state);
    }

    /// The peer wants no more of it. Says whom to wake, and what to drop when nothing is borrowed.
    #[must_use = "whoever fills it must be woken"]
    pub(super) fn close(&self) -> (Option<Waker>, impl Sized + use<>) {
        let mut state = self.state.borrow_mut();
        let phase = std::mem::replace(&mut state.phase, Phase::Closed);
        (state.writer.take(), (phase, std::mem::take(&mut state.chunks)))
    }

    /// What is sent now, and whom to wake since there is room again. It is its turn again after the others'.
    pub(super) fn next(self: &Rc<Self>) -> (Next, Option<Waker>) {
        let mut state = self.state.borrow_mut();
        state.is_listed = false;
        if !state.is_sendable() {
            return (Next::Nothing, None);
        }
        if state.is_stuck() {
            return (Next::Unwanted, None);
        }
        if let Some(bytes) = state.chunks.pop_front() {
            let (cost, was_full) = (cost(&bytes), state.held >= HELD_MAX);
            state.held -= cost;
            state.credit -= cost;
            self.list(&mut state);
            let has_room = was_full && state.held < HELD_MAX;
            let writer = if has_room { state.writer.take() } else { None };
            return (Next::Chunk(bytes), writer);
        }
        match std::mem::replace(&mut state.phase, Phase::Closed) {
            Phase::Finished => (Next::End, None),
            Phase::Failed(error) => (Next::Failed(error), None),
            Phase::Open | Phase::Closed => unreachable!("it was sendable"),
        }
    }

    /// Whether it has failed before anything of it was sent: why. It is closed by that.
    pub(super) fn take_failure(&self) -> Option<BoxError> {
        let mut state = self.state.borrow_mut();
        if !matches!(state.phase, Phase::Failed(_)) {
            return None;
        }
        match std::mem::replace(&mut state.phase, Phase::Closed) {
            Phase::Failed(error) => Some(error),
            _ => unreachable!("it has failed"),
        }
    }

    /// Whether what comes next of it is a chunk, for which there is credit.
    pub(super) fn has_chunk(&self) -> bool {
        let state = self.state.borrow();
        state.is_sendable() && state.credit > 0 && !state.chunks.is_empty()
    }

    /// Has it wait for its turn, if it has something to send and may.
    fn list(self: &Rc<Self>, state: &mut State) {
        if !state.is_listed && state.is_sendable() {
            state.is_listed = true;
            self.queue.push_ready(self.clone());
        }
    }

    pub(super) fn wake_connection(&self) {
        self.queue.wake();
    }
}

impl State {
    /// Whether there is a chunk for which there will never be room.
    fn is_stuck(&self) -> bool {
        self.is_last_credit
            && self.credit <= 0
            && !self.chunks.is_empty()
            && !matches!(self.phase, Phase::Failed(_))
    }

    fn is_sendable(&self) -> bool {
        self.is_begun
            && match (&self.phase, self.chunks.is_empty()) {
                (Phase::Failed(_), _) => true,
                (Phase::Open | Phase::Finished, false) => self.credit > 0 || self.is_last_credit,
                (Phase::Finished, true) => true,
                (Phase::Open, true) | (Phase::Closed, _) => false,
            }
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("id", &self.id).finish_non_exhaustive()
    }
}

/// So much is taken of the application ahead of the peer, in bytes, and one chunk more: enough that small chunks leave by
/// the dozen, and little beside what the peer has room for.
const HELD_MAX: i64 = 16 * 1024;

/// More credit than this is nothing that an honest peer grants; the same limit as HTTP/2's (RFC 9113, 6.9.1).
const CREDIT_MAX: i64 = i32::MAX as i64;
