//! The pulse: what a core publishes while it runs, for other threads to read at any time.
//!
//! A core that is held by a task answers no letter; but whoever looks at its pulse sees that the same poll goes on,
//! since which turn, and where its task was spawned. The core writes with plain stores and never reads back what
//! another thread wrote there, so to have a pulse costs it a handful of instructions a poll, and nobody's look makes
//! it wait.
//!
//! Times are the driver's own: on the system's driver all cores of a process count from the same moment.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::inbox::Inbox;
use crate::presence::Life;
use crate::task::OriginId;
use crate::time::Instant;

/// What one core publishes. On cache lines of its own: what other threads write lies elsewhere.
#[repr(align(128))]
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    pub(crate) turn_began: Counter,
    /// When the core began to rest before the sleep that goes on, or the last one.
    pub(crate) rest_began: Counter,
    /// How many polls have begun, which is the number of the one that goes on.
    pub(crate) polls: Counter,
    /// Whose poll goes on; [`OriginId::NONE`] between two polls.
    origin: AtomicU32,
    pub(crate) counters: Counters,
}

/// What a core counts: each goes up only, but for the last five, which are how many there are now; of the tasks and the
/// timers, how many there were at the last turn's end.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) turns: Counter,
    pub(crate) events: Counter,
    pub(crate) wakeups: Counter,
    pub(crate) timers_fired: Counter,
    pub(crate) panics: Counter,
    pub(crate) busy_nanos: Counter,
    pub(crate) idle_nanos: Counter,
    /// Tasks that were ready when the turn began.
    pub(crate) ready: Counter,
    pub(crate) tasks: Counter,
    pub(crate) timers: Counter,
    pub(crate) sources: Counter,
    pub(crate) connections: Counter,
}

/// A number that one thread writes and any thread reads; or several write, one at a time, under a lock.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

/// What a pool of threads has, written under its lock.
#[derive(Debug, Default)]
pub(crate) struct PoolGauge {
    /// Jobs that wait for a thread.
    pub(crate) waiting: Counter,
    /// Threads that do a job.
    pub(crate) busy: Counter,
}

/// The pools that a core hands work to, which other cores may share.
#[derive(Debug)]
pub(crate) struct PoolGauges {
    pub(crate) blocking: Arc<PoolGauge>,
    pub(crate) lookups: Arc<PoolGauge>,
}

impl Counter {
    /// The core's own. One writer, so this is no read-modify-write of the machine's.
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    /// The core's own.
    pub(crate) fn subtract(&self, less: u64) {
        self.set(self.get().wrapping_sub(less));
    }

    /// The core's own.
    #[inline]
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A pulse as it was when somebody looked. Its parts are read one after the other, so at the seam of two polls they may
/// belong to either.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    pub(crate) life: Life,
    /// When the turn began in which the core is, or was last.
    pub(crate) turn_began: Instant,
    /// How many polls have begun.
    pub(crate) polls: u64,
    /// How many turns have begun.
    pub(crate) turns: u64,
    /// Whose poll goes on; [`OriginId::NONE`] between two polls, when the loop itself is at work.
    pub(crate) poll_of: OriginId,
}

impl Pulse {
    /// The core's own: a turn begins.
    #[inline]
    pub(crate) fn begin_turn(&self, now: Instant) {
        self.turn_began.set(now.as_nanos());
        self.counters.turns.add(1);
    }

    /// The core's own: a poll begins.
    #[inline]
    pub(crate) fn begin_poll(&self, origin: OriginId) {
        self.origin.store(origin.to_bits(), Relaxed);
        self.polls.add(1);
    }

    /// The core's own: the poll has ended.
    #[inline]
    pub(crate) fn end_poll(&self) {
        self.origin.store(OriginId::NONE.to_bits(), Relaxed);
    }

    /// The core's own to ask: where the task comes from whose poll it is.
    #[inline]
    pub(crate) fn origin(&self) -> OriginId {
        OriginId::from_bits(self.origin.load(Relaxed))
    }

    fn look(&self, life: Life) -> Beat {
        let turn_began = Instant::from_nanos(self.turn_began.get());
        let (polls, turns) = (self.polls.get(), self.counters.turns.get());
        Beat { life, turn_began, polls, turns, poll_of: self.origin() }
    }
}

impl Inbox {
    /// How the core is just now; from any thread.
    pub(crate) fn beat(&self) -> Beat {
        self.pulse.look(self.life())
    }
}

/// The reactors of this process that have not ended, in the order in which they were made.
pub(crate) fn reactors() -> Vec<Arc<Inbox>> {
    lock().clone()
}

/// A reactor begins.
pub(crate) fn add(reactor: &Arc<Inbox>) {
    lock().push(reactor.clone());
}

/// A reactor ends.
pub(crate) fn remove(reactor: &Arc<Inbox>) {
    lock().retain(|other| !Arc::ptr_eq(other, reactor));
}

/// Theirs are the inboxes, by which to look at a core and to speak to it.
static REACTORS: Mutex<Vec<Arc<Inbox>>> = Mutex::new(Vec::new());

fn lock() -> MutexGuard<'static, Vec<Arc<Inbox>>> {
    // Nothing under the lock panics half-way.
    REACTORS.lock().unwrap_or_else(PoisonError::into_inner)
}
