//! One at a time, across awaits, and who it is: a value that tasks of one core take turns with.
//!
//! ```
//! use ekiden_reactor::channel::Mutex;
//! use ekiden_reactor::{spawn, spawn_named, yield_now};
//! use std::rc::Rc;
//!
//! ekiden_reactor::run(async {
//!     let log = Rc::new(Mutex::new(String::new()));
//!     let theirs = log.clone();
//!     let slow = spawn_named("archivist", async move {
//!         let mut log = theirs.lock().await;
//!         log.push_str("first ");
//!         yield_now().await; // held across an await
//!         log.push_str("line");
//!     });
//!     yield_now().await;
//!     let holder = log.holder().unwrap();
//!     assert_eq!(holder.task, Some("archivist"));
//!     println!("the log is {holder}"); // held by archivist, spawned at …, locked at … 12 µs ago
//!     assert_eq!(*log.lock().await, "first line");
//!     slow.await.unwrap();
//! });
//! ```
//!
//! Between threads there is none: a lock that is held across awaits there makes cores wait for each other's tasks. Give
//! the value to one task and send it [messages](crate::sync::mpsc).

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::thread;

use super::parts::{OneCore, semaphore};
use crate::core;
use crate::task::{Origin, tick_waker};
use crate::time::Instant;

/// A value that one task at a time has for itself, for as long as it likes. Those who wait are served in the order they
/// came.
///
/// Within a core a plain `RefCell` does for whatever is borrowed and given back between two awaits; this is for what
/// must stay one's own across them. Who waits for a lock while he holds it waits for ever, and so do two who wait for
/// each other's: [`holder`](Self::holder) tells whom to look at. The same happens where a future that has a lock, or is
/// next to have it, is kept and not polled.
///
/// # Panics of the holder
///
/// A panic lets go of the lock and does not close it: the value is there as the holder left it, maybe half changed.
/// Until [`clear_panic`](Self::clear_panic) the mutex remembers [whose panic it was](Self::left_by_panic), for those
/// whom that concerns. That a lock refuses to serve after a panic helps few, and brings down the others.
pub struct Mutex<T> {
    turns: semaphore::Semaphore<OneCore>,
    holder: Cell<Option<Holder>>,
    panicked: Cell<Option<Holder>>,
    /// Borrowed by whoever has the permit.
    value: RefCell<T>,
}

/// A mutex's value, for as long as this lives.
#[must_use = "a lock that is dropped is let go"]
pub struct MutexGuard<'a, T> {
    // First, so that the value is given back before the next one is woken.
    value: RefMut<'a, T>,
    hold: Hold<'a>,
}

/// Who holds a mutex: the task that locked it. If it has given the guard to another one, it is still the one named.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// The task's name, if it has one.
    pub task: Option<&'static str>,
    /// Where the task was spawned. `None` if it is the future that the reactor was asked to run, or no task at all.
    pub spawned_at: Option<&'static Location<'static>>,
    /// Where it locked.
    pub locked_at: &'static Location<'static>,
    /// Since when it has the lock, by the clock of the turn in which it got it; `None` if no reactor ran there.
    pub since: Option<Instant>,
}

impl<T> Mutex<T> {
    /// A mutex that nobody holds.
    #[must_use]
    pub fn new(value: T) -> Self {
        let (holder, panicked) = Default::default();
        Self { turns: semaphore::Semaphore::new_mutex(), holder, panicked, value: RefCell::new(value) }
    }

    /// Waits for the lock.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is done has locked nothing, and leaves its place in the queue to the next.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let (turn, place) = (self.turns.acquire(1), Location::caller());
        async move {
            let permit = turn.await.unwrap_or_else(|_| unreachable!("a mutex is never closed"));
            self.hold(permit, place)
        }
    }

    /// Locks if nobody holds the lock or waits for it. Inside a tick, `None` has the task ticked again when it may be
    /// free. A tick has no place in the queue: who waits by [`lock`](Self::lock) comes first.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let permit = self.turns.try_acquire(1, tick_waker).ok().flatten()?;
        Some(self.hold(permit, Location::caller()))
    }

    /// Who holds it; `None` if nobody does, or the next in the queue has not come for it yet.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        self.holder.get()
    }

    /// Who panicked while he held it, if anybody did, the last one of several.
    #[must_use]
    pub fn left_by_panic(&self) -> Option<Holder> {
        self.panicked.get()
    }

    /// Forgets that somebody panicked while he held it: the value has been looked at and is whole.
    pub fn clear_panic(&self) {
        self.panicked.set(None);
    }

    /// The value, for who has the mutex for himself.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, for who has the mutex for himself.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    fn hold(
        &self,
        permit: semaphore::Permit<OneCore>,
        place: &'static Location<'static>,
    ) -> MutexGuard<'_, T> {
        self.holder.set(Some(Holder::now(place)));
        let (holder, panicked) = (&self.holder, &self.panicked);
        let hold = Hold { holder, panicked, began_in_panic: thread::panicking(), _permit: permit };
        MutexGuard { value: self.value.borrow_mut(), hold }
    }
}

impl Holder {
    fn now(locked_at: &'static Location<'static>) -> Self {
        let (origin, since) =
            core::try_with(|core| (core.tasks.running_origin(), core.turn_began.get())).unzip();
        let origin: Option<Origin> = origin.flatten();
        let (task, spawned_at) = (origin.and_then(|origin| origin.name), origin.map(|origin| origin.place));
        Self { task, spawned_at, locked_at, since }
    }
}

/// `held by archivist, spawned at src/log.rs:7:9, locked at src/log.rs:12:30 3s ago`
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.task, self.spawned_at) {
            (Some(name), _) => write!(f, "held by {name}")?,
            (None, Some(_)) => write!(f, "held by a task")?,
            (None, None) => write!(f, "held by the main future")?,
        }
        if let Some(place) = self.spawned_at {
            write!(f, ", spawned at {place}")?;
        }
        write!(f, ", locked at {}", self.locked_at)?;
        if let Some((since, now)) = self.since.zip(core::try_with(|core| core.driver.now())) {
            write!(f, " {:?} ago", now - since)?;
        }
        Ok(())
    }
}

/// Ends the lock when it is dropped.
struct Hold<'a> {
    holder: &'a Cell<Option<Holder>>,
    panicked: &'a Cell<Option<Holder>>,
    /// A panic that was there before is not the holder's.
    began_in_panic: bool,
    _permit: semaphore::Permit<OneCore>,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let holder = self.holder.take();
        if thread::panicking() && !self.began_in_panic {
            self.panicked.set(holder);
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("holder", &self.holder()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutexGuard").field("holder", &self.hold.holder.get()).finish_non_exhaustive()
    }
}
