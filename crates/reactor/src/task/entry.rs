//! One task's entry in the table, and what its waker carries.
//!
//! Neither does anything of its own accord, or knows another; when a task is queued, run and over is the table's to say.

use std::cell::Cell;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::Waker;

use futures_task::{ArcWake, WakerRef, waker_ref};

use super::account::Account;
use super::job::Job;
use crate::core;
use crate::inbox::Inbox;

/// One task's place in the table, or one that is free.
///
/// Every idle connection has one, so each byte counts: 80.
#[derive(Default)]
pub(crate) struct Entry {
    pub(super) account: Account,
    /// Elsewhere while it runs, and `None` when it has ended.
    pub(super) job: Cell<Option<Job>>,
    /// Elsewhere while it runs. One that nobody else held when the task ended is the next one's.
    pub(super) waker: Cell<Option<Arc<TaskWaker>>>,
}

/// What the table notes of an entry, beside the account.
#[derive(Default)]
pub(crate) struct Marks {
    /// There is a task, which has not ended.
    pub(super) is_live: Cell<bool>,
    /// It is to be dropped instead of being polled again.
    pub(super) is_aborted: Cell<bool>,
    /// It was woken, and then it yielded: when it is its turn it waits for the next one.
    pub(super) yields: Cell<bool>,
}

/// A task's place in its reactor's table, and its number, as others had this place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId {
    pub(super) entry: u32,
    pub(super) number: u32,
}

/// What a task's waker carries: where to find the task, and whether it is queued.
///
/// It is on its own core only that anybody looks at more than the inbox, so its atomics are as good as cells: that they
/// are none is what lets it travel.
pub(crate) struct TaskWaker {
    inbox: Arc<Inbox>,
    /// When the task came to the state in which it is, in nanoseconds: by the clock of the turn in which it was polled
    /// last, or woken.
    since: AtomicU64,
    entry: u32,
    queued: AtomicU8,
}

/// In which queue a task waits to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Queued {
    No,
    /// In that of this turn.
    Ready,
    /// In that of the next turn, or come from there.
    Yielded,
    /// In none, and never again: it has ended.
    Over,
}

impl TaskWaker {
    pub(crate) fn new(entry: u32, now: u64, inbox: Arc<Inbox>) -> Self {
        Self { inbox, since: AtomicU64::new(now), entry, queued: AtomicU8::new(Queued::No as u8) }
    }

    #[inline]
    pub(super) fn entry(&self) -> u32 {
        self.entry
    }

    #[inline]
    pub(super) fn queued(&self) -> Queued {
        match self.queued.load(Ordering::Relaxed) {
            0 => Queued::No,
            1 => Queued::Ready,
            2 => Queued::Yielded,
            _ => Queued::Over,
        }
    }

    #[inline]
    pub(super) fn set_queued(&self, queued: Queued) {
        self.queued.store(queued as u8, Ordering::Relaxed);
    }

    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn set_since(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
    }

    /// The data of the wakers that are made of it, by which whoever holds one is known; see [`std::task::Waker::data`].
    pub(crate) fn data(self: &Arc<Self>) -> *const () {
        Arc::as_ptr(self).cast()
    }

    /// A waker of it for the length of a poll, which counts nobody.
    ///
    /// A function by itself, so that it is made here, and not in the program that calls what is generic: its table of functions is
    /// this crate's then, as its clones' is.
    #[inline(never)]
    pub(super) fn lend(self: &Arc<Self>) -> WakerRef<'_> {
        waker_ref(self)
    }

    /// Whether a waker is its own. By the data alone, which nobody else's is as long as this lives.
    #[inline]
    pub(super) fn is_of(self: &Arc<Self>, waker: &Waker) -> bool {
        self.data() == waker.data()
    }

    /// Whether somebody holds a waker.
    #[inline]
    pub(super) fn is_held(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }
}

impl ArcWake for TaskWaker {
    fn wake_by_ref(this: &Arc<Self>) {
        let woken = core::try_with(|core| {
            let is_home = Arc::ptr_eq(&core.inbox, &this.inbox);
            if is_home {
                core.tasks.wake(this);
            }
            is_home
        });
        if woken != Some(true) {
            this.inbox.wake(this.clone());
        }
    }
}

impl Entry {
    #[inline]
    pub(super) fn marks(&self) -> &Marks {
        &self.account.marks
    }

    /// Whether it is this task's, and that has not ended.
    pub(super) fn is_of(&self, id: TaskId) -> bool {
        self.account.number() == id.number && self.is_live()
    }

    /// Whether there is a task, which has not ended.
    pub(super) fn is_live(&self) -> bool {
        self.marks().is_live.get()
    }

    /// Puts its waker to where none is, which need not be found out.
    #[inline]
    pub(super) fn put_waker(&self, waker: Option<Arc<TaskWaker>>) {
        mem::forget(self.waker.replace(waker));
    }

    /// Looks at its waker, if it is here.
    pub(super) fn with_waker<R>(&self, look: impl FnOnce(&Arc<TaskWaker>) -> R) -> Option<R> {
        let waker = self.waker.take()?;
        let seen = look(&waker);
        self.waker.set(Some(waker));
        Some(seen)
    }

    /// The data of the waker of whoever waits for its end.
    pub(super) fn joiner_data(&self) -> Option<*const ()> {
        let job = self.job.take()?;
        let data = job.joiner_data();
        self.job.set(Some(job));
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_small() {
        assert_eq!(size_of::<Entry>(), 80);
        // With its two counts it fills 40 bytes, which is what the C library's allocator has for it besides its own eight.
        assert!(size_of::<TaskWaker>() <= 24);
    }
}
