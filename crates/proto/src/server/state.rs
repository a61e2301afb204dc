//! What the accepting task, the connections and the handle share.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use ekiden_reactor::{AbortHandle, Instant, Latch, notice, spawn_named};

use super::drain::Drain;
use super::handle::{Drained, Serving};
use crate::slots::Slots;

/// A server's connections, and how far its end has come.
pub(super) struct State {
    /// What ends the tasks of the open connections, once they are there. Nobody waits for their results, so a panic of one is
    /// the operator's to know.
    connections: RefCell<Slots<AbortHandle>>,
    /// The accepting task, when it waits for a connection to close or for a deadline to be set.
    waiting: Cell<Option<Waker>>,
    pub(super) drain: Drain,
    /// When the drain gives up: the earliest that anybody asked for.
    deadline: Cell<Option<Instant>>,
    pub(super) ended: Latch,
    pub(super) drained: Cell<Drained>,
    /// How many places are kept by connections whose tasks have ended.
    pub(super) kept: Cell<usize>,
    /// How many panics there were: those that ended connections, and those that connections caught. One count for all
    /// cores.
    pub(super) panics: Arc<AtomicU64>,
    is_aborting: Cell<bool>,
}

impl State {
    pub(super) fn new(drain: Drain, panics: Arc<AtomicU64>) -> Self {
        Self {
            connections: RefCell::new(Slots::new()),
            waiting: Cell::new(None),
            drain,
            deadline: Cell::new(None),
            ended: Latch::new(),
            drained: Cell::default(),
            kept: Cell::default(),
            panics,
            is_aborting: Cell::default(),
        }
    }

    /// How many connections are open, those included that were given away.
    pub(super) fn connections(&self) -> usize {
        self.running() + self.kept.get()
    }

    /// How many connections have a task.
    pub(super) fn running(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Counts a panic, and says how many there were with it.
    pub(super) fn count_panic(&self) -> u64 {
        self.panics.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes a place for a connection.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        let place = self.connections.borrow_mut().reserve();
        let place =
            place.try_into().expect("a place for each file, of which there are fewer than four billion");
        Open { state: self.clone(), place, has_ended: false }
    }

    /// Begins the drain, or hastens it.
    pub(super) fn drain_until(&self, deadline: Instant) {
        self.deadline.set(Some(self.deadline.get().map_or(deadline, |earlier| earlier.min(deadline))));
        self.drain.begin();
        self.wake();
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Pending, and the task is woken by each connection that closes and each deadline that is set, until `ready`.
    pub(super) fn poll_until(&self, cx: &Context<'_>, ready: impl FnOnce(&Self) -> bool) -> Poll<()> {
        if ready(self) {
            return Poll::Ready(());
        }
        self.waiting.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Ends the tasks of all connections.
    pub(super) fn abort_all(&self) {
        self.is_aborting.set(true);
        for task in self.connections.borrow().iter() {
            task.abort();
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl Serving for State {
    fn connections(&self) -> usize {
        Self::connections(self)
    }

    fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    fn drain_until(&self, deadline: Instant) {
        Self::drain_until(self, deadline);
    }

    fn ended(&self) -> &Latch {
        &self.ended
    }

    fn drained(&self) -> Drained {
        self.drained.get()
    }
}

/// An open connection: closes when it is dropped.
pub(super) struct Open {
    state: Rc<State>,
    /// Half a word, as each idle connection has one.
    place: u32,
    /// Whether it came to its own end.
    has_ended: bool,
}

impl Open {
    /// Gives it its task, which is made around it: the connection is closed when that is dropped, however it ends.
    pub(super) fn start<F: Future<Output = ()> + 'static>(self, connection: impl FnOnce(Self) -> F) {
        let (state, place) = (self.state.clone(), self.place());
        let task = spawn_named("connection", connection(self));
        state.connections.borrow_mut().fill(place, task.abort_handle());
    }

    /// It came to its own end.
    pub(super) fn handle_end(&mut self) {
        self.has_ended = true;
    }

    fn place(&self) -> usize {
        self.place as usize
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.place)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let how = if self.has_ended { "has ended" } else { "is dropped before its end" };
        notice::debug("connection", format_args!("{self} {how}"));
        let gone = self.state.connections.borrow_mut().release(self.place());
        drop(gone);
        if !self.has_ended && !self.state.is_aborting.get() {
            self.state.count_panic();
        }
        self.state.wake();
    }
}
