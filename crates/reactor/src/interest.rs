//! Interest: what a source is ready for, and who waits for it.
//!
//! A source is registered with the driver once, for both directions and edge-triggered. Its readiness is kept here
//! until a use proves it wrong, so a wake-up costs no system call; and whoever finds the source not ready is kept
//! here too, so that nobody ever registers interest by hand.

use std::cell::{Cell, RefCell, RefMut};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::core::{self, Core};
use crate::driver::{Readiness, Token};
use crate::task::tick::with_tick_waker;
use crate::task::{budget, yield_task};
use crate::waiters::{Key, Waiter, Waiters};

/// The readiness of one source, and its waiters.
///
/// Every idle connection has one, so it is kept small: what is seldom needed is in a box.
#[derive(Default)]
pub(crate) struct Interest {
    readable: Cell<bool>,
    writable: Cell<bool>,
    /// A short read is not the last word: the peer has finished, or there is something out of band.
    read_on: Cell<bool>,
    /// The connection is gone, whether or not anybody reads or writes.
    gone: Cell<bool>,
    /// How often somebody has read, modulo 2³²: whether anybody still does.
    reads: Cell<u32>,
    waiting: RefCell<Waiting>,
}

#[derive(Default)]
struct Waiting {
    to_read: Waiters,
    /// From the first time that somebody has waited to write, since most sockets always have room.
    to_write: Option<Box<Waiters>>,
    /// Whoever waits for the connection to be gone.
    watcher: Waiter,
}

/// Which way a source is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Read,
    Write,
}

impl Interest {
    /// The driver says that the source became ready.
    pub(crate) fn handle_ready(&self, readiness: Readiness) {
        if readiness.read_on {
            self.read_on.set(true);
        }
        if readiness.readable {
            self.readable.set(true);
            let waiting = self.waiting.borrow_mut().to_read.take_all();
            waiting.wake();
        }
        if readiness.writable {
            self.writable.set(true);
            let waiting = self.waiting.borrow_mut().to_write.as_mut().map(|waiters| waiters.take_all());
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
        if readiness.gone && !self.gone.replace(true) {
            let watcher = self.waiting.borrow_mut().watcher.take();
            if let Some(watcher) = watcher {
                watcher.wake();
            }
        }
    }

    /// Whether the connection is gone; if not, the context's task is woken when it is, unless another asks after it.
    pub(crate) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        if self.gone.get() {
            return Poll::Ready(());
        }
        let replaced = self.waiting.borrow_mut().watcher.register(cx.waker());
        drop(replaced);
        Poll::Pending
    }

    pub(crate) fn reads(&self) -> u32 {
        self.reads.get()
    }

    fn is_ready(&self, way: Way) -> &Cell<bool> {
        match way {
            Way::Read => &self.readable,
            Way::Write => &self.writable,
        }
    }

    fn waiters(&self, way: Way) -> RefMut<'_, Waiters> {
        RefMut::map(self.waiting.borrow_mut(), |waiting| match way {
            Way::Read => &mut waiting.to_read,
            Way::Write => waiting.to_write.get_or_insert_default(),
        })
    }
}

/// A source's registration with the current reactor; ends with the value.
pub(crate) struct Registration {
    core: Rc<Core>,
    token: Token,
    interest: Rc<Interest>,
}

impl Registration {
    /// Adds a source to the current reactor. `register` tells the driver, under the token it is given.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[track_caller]
    pub(crate) fn new<T>(register: impl FnOnce(&Core, Token) -> io::Result<T>) -> io::Result<(Self, T)> {
        let core = core::current();
        let (token, interest) = core.add_source();
        match register(&core, token) {
            Ok(source) => Ok((Self { core, token, interest }, source)),
            Err(error) => {
                core.remove_source(token);
                Err(error)
            }
        }
    }

    pub(crate) fn interest(&self) -> Rc<Interest> {
        self.interest.clone()
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Says that the source is worth a try before the driver has told so.
    pub(crate) fn assume_ready(&self, way: Way) {
        self.interest.is_ready(way).set(true);
    }

    /// Says that a use took less than it could: there is no more, unless the end or something urgent is near.
    pub(crate) fn note_short(&self, way: Way) {
        if way == Way::Write || !self.interest.read_on.get() {
            self.interest.is_ready(way).set(false);
        }
    }

    /// Uses the source; if it is not ready, the context's task is woken when it is, unless another asks after it.
    pub(crate) fn poll_use<T>(
        &self,
        way: Way,
        cost: u32,
        cx: &Context<'_>,
        operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if !budget::spend(cost) {
            yield_task(cx.waker());
            return Poll::Pending;
        }
        match self.try_now(way, operation) {
            Some(result) => Poll::Ready(result),
            None => {
                let replaced = self.interest.waiters(way).register_last(cx.waker());
                drop(replaced);
                Poll::Pending
            }
        }
    }

    /// Uses the source in a future of its own, which leaves nothing behind when it is dropped.
    pub(crate) fn use_by<T, F>(&self, way: Way, cost: u32, operation: F) -> Use<'_, F>
    where
        F: FnMut() -> io::Result<T> + Unpin,
    {
        Use { registration: self, way, cost, operation, wait: None }
    }

    /// Uses the source now; inside a tick, finding it not ready registers the task that ticks.
    pub(crate) fn try_use<T>(
        &self,
        way: Way,
        cost: u32,
        operation: impl FnMut() -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let ticks = self.core.tasks.tick.is_ticking();
        if ticks && !budget::spend(cost) {
            with_tick_waker(&self.core, yield_task);
            return Ok(None);
        }
        let result = self.try_now(way, operation);
        if ticks && result.is_none() {
            with_tick_waker(&self.core, |waker| self.interest.waiters(way).register(waker));
        }
        result.transpose()
    }

    fn try_now<T>(&self, way: Way, mut operation: impl FnMut() -> io::Result<T>) -> Option<io::Result<T>> {
        let is_ready = self.interest.is_ready(way);
        if way == Way::Read {
            self.interest.reads.set(self.interest.reads.get().wrapping_add(1));
        }
        while is_ready.get() {
            match operation() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => is_ready.set(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Some(result),
            }
        }
        None
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.core.remove_source(self.token);
        self.core.end_pauses();
    }
}

/// One use of a source, waiting until it is ready.
pub(crate) struct Use<'a, F> {
    registration: &'a Registration,
    way: Way,
    cost: u32,
    operation: F,
    /// Its entry among the waiters.
    wait: Option<Key>,
}

impl<T, F: FnMut() -> io::Result<T> + Unpin> Future for Use<'_, F> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !budget::spend(this.cost) {
            yield_task(cx.waker());
            return Poll::Pending;
        }
        match this.registration.try_now(this.way, &mut this.operation) {
            Some(result) => Poll::Ready(result),
            None => {
                let replaced = this.registration.interest.waiters(this.way).poll(&mut this.wait, cx.waker());
                drop(replaced);
                Poll::Pending
            }
        }
    }
}

impl<F> Drop for Use<'_, F> {
    fn drop(&mut self) {
        if let Some(key) = self.wait {
            let removed = self.registration.interest.waiters(self.way).remove(key);
            drop(removed);
        }
    }
}
