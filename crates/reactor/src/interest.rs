//! Interest: what a source is ready for, and who waits for it.
//!
//! A source is registered with the driver once, for both directions and edge-triggered. Its readiness is kept here
//! until a use proves it wrong, so a wake-up costs no system call; and whoever finds the source not ready is kept
//! here too, so that nobody ever registers interest by hand.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

use crate::about::{About, Wanted};
use crate::driver::Readiness;
use crate::task::waits::{self, Asked};
use crate::waiters::{Key, Taken, Waiter, Waiters};

/// The readiness of one source, and its waiters.
///
/// Every idle connection has one, so it is kept small: what is seldom needed is in a box.
#[derive(Default)]
pub(crate) struct Interest {
    readable: Cell<bool>,
    writable: Cell<bool>,
    /// What was said of its end so far.
    end: Cell<End>,
    /// How often somebody has read, modulo 2³²: whether anybody still does.
    reads: Cell<u32>,
    waiting: RefCell<Waiting>,
    about: Cell<About>,
}

#[derive(Default)]
struct Waiting {
    to_read: Waiters,
    /// From the first time that somebody has waited to write, since most sockets always have room.
    to_write: Option<Box<Waiters>>,
    /// Whoever waits for the connection to be gone.
    watcher: Waiter,
}

/// How near a source is to its end, whether or not anybody reads or writes. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    #[default]
    None,
    /// A short read is not the last word: something was out of band.
    ReadOn,
    /// The peer sends no more.
    ReadClosed,
    /// The connection is gone.
    Gone,
}

/// Which way a source is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Read,
    Write,
}

impl Interest {
    /// The driver says that the source became ready.
    #[inline]
    pub(crate) fn handle_ready(&self, readiness: Readiness) {
        if readiness.read_on {
            self.handle_end(if readiness.read_closed { End::ReadClosed } else { End::ReadOn });
        }
        if readiness.readable {
            self.readable.set(true);
            let waiting = self.waiting.borrow_mut().to_read.take_all();
            waiting.wake();
        }
        if readiness.writable {
            self.writable.set(true);
            let waiting = self.waiting.borrow_mut().take_writers();
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
        if readiness.gone {
            self.handle_gone();
        }
    }

    #[cold]
    fn handle_end(&self, end: End) {
        self.end.set(self.end.get().max(end));
    }

    #[cold]
    fn handle_gone(&self) {
        if !self.is_gone() {
            self.handle_end(End::Gone);
            let watcher = self.waiting.borrow_mut().watcher.take();
            if let Some(watcher) = watcher {
                watcher.wake();
            }
        }
    }

    /// Whether the connection is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.end.get() == End::Gone
    }

    /// Whether the connection is gone; if not, the context's task is woken when it is, unless another asks after it.
    pub(crate) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_gone() {
            return Poll::Ready(());
        }
        let replaced = self.waiting.borrow_mut().watcher.register(cx.waker());
        drop(replaced);
        waits::note(Asked::Listed);
        Poll::Pending
    }

    /// Whether the peer sends no more.
    pub(crate) fn is_read_closed(&self) -> bool {
        self.end.get() >= End::ReadClosed
    }

    /// Says what the source is.
    pub(crate) fn describe(&self, about: About) {
        self.about.set(about);
    }

    /// Asks what the source is.
    pub(crate) fn with_about<R>(&self, ask: impl FnOnce(&About) -> R) -> R {
        let about = self.about.take();
        let answer = ask(&about);
        self.about.set(about);
        answer
    }

    /// Everybody who waits for the source: for what, their wakers, and the numbers of their tasks where they are known.
    pub(crate) fn each_waiter(&self, mut tell: impl FnMut(Wanted, &Waker, u32)) {
        let waiting = self.waiting.borrow();
        waiting.to_read.each(|waker, task| tell(Wanted::Use(Way::Read), waker, task));
        if let Some(to_write) = &waiting.to_write {
            to_write.each(|waker, task| tell(Wanted::Use(Way::Write), waker, task));
        }
        if let Some(waker) = waiting.watcher.waker() {
            tell(Wanted::Hangup, waker, 0);
        }
    }

    pub(crate) fn reads(&self) -> u32 {
        self.reads.get()
    }

    /// Somebody reads.
    pub(crate) fn count_read(&self) {
        self.reads.set(self.reads.get().wrapping_add(1));
    }

    /// Whether a short read is not the last word.
    pub(crate) fn reads_on(&self) -> bool {
        self.end.get() != End::None
    }

    pub(crate) fn is_ready(&self, way: Way) -> &Cell<bool> {
        match way {
            Way::Read => &self.readable,
            Way::Write => &self.writable,
        }
    }

    /// Somebody waits, and has an entry of his own, `wait`. `task` says within which task.
    #[inline]
    pub(crate) fn wait(&self, way: Way, wait: &mut Option<Key>, waker: &Waker, task: impl FnOnce() -> u32) {
        waits::note(Asked::Listed);
        let replaced = self.waiting.borrow_mut().of(way).poll_within(wait, waker, task);
        drop(replaced);
    }

    /// Whoever had that entry waits no more.
    #[inline(never)]
    pub(crate) fn forget(&self, way: Way, wait: Key) {
        // As a rule it has been woken, and is gone.
        if !self.waiting.borrow_mut().of(way).has_gone(wait) {
            self.remove(way, wait);
        }
    }

    #[inline(never)]
    fn remove(&self, way: Way, wait: Key) {
        let removed = self.waiting.borrow_mut().of(way).remove(wait);
        drop(removed);
    }

    /// A task waits, in place of whoever did so before. `task` says which.
    pub(crate) fn register_last(&self, way: Way, waker: &Waker, task: impl FnOnce() -> u32) {
        waits::note(Asked::Listed);
        let replaced = self.waiting.borrow_mut().of(way).register_last(waker, task);
        drop(replaced);
    }

    /// A waker is to be woken once.
    pub(crate) fn register(&self, way: Way, waker: &Waker) {
        self.waiting.borrow_mut().of(way).register(waker);
    }
}

impl Waiting {
    /// All who wait to write, if there is anybody.
    #[inline]
    fn take_writers(&mut self) -> Option<Taken> {
        let to_write = self.to_write.as_mut()?;
        if to_write.is_empty() { None } else { Some(to_write.take_all()) }
    }

    #[inline]
    fn of(&mut self, way: Way) -> &mut Waiters {
        match way {
            Way::Read => &mut self.to_read,
            Way::Write => self.to_write.get_or_insert_default(),
        }
    }
}
