//! So many at a time: permits that are taken and given back, wherever that is.
//!
//! ```
//! use ekiden_reactor::sync::Semaphore;
//!
//! let lanes = Semaphore::new(1);
//! std::thread::scope(|scope| {
//!     for _runner in 1..=3 {
//!         scope.spawn(|| {
//!             ekiden_reactor::run(async {
//!                 let _lane = lanes.acquire(1).await.unwrap(); // one of the three runs
//!             })
//!         });
//!     }
//! });
//! assert_eq!(lanes.free(), 1);
//! ```

use std::fmt;

use crate::channel::parts::{Threads, semaphore};
use crate::task::tick_waker;

pub use crate::channel::Closed;

/// A number of permits, served to those who wait in the order they came. Clones are the same semaphore.
///
/// One who wants many holds back those behind him who want few, or he might never get them. Who waits while he holds
/// permits of the same semaphore may wait for himself: take what is needed at once.
#[derive(Clone)]
pub struct Semaphore(semaphore::Semaphore<Threads>);

/// Permits that are held; dropping it gives them back.
#[must_use = "permits that are dropped are given back"]
pub struct Permit(semaphore::Permit<Threads>);

impl Semaphore {
    /// A semaphore of so many permits.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(semaphore::Semaphore::new(max))
    }

    /// Waits for so many permits at once, and takes them. The future need not keep the semaphore it came from.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is done has taken nothing, and leaves its place in the queue to the next.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// If `count` is more than there are in all: the wait would never end.
    #[track_caller]
    pub fn acquire(&self, count: usize) -> impl Future<Output = Result<Permit, Closed>> + use<> {
        let acquire = self.0.acquire(count);
        async move { acquire.await.map(Permit) }
    }

    /// Takes so many permits if they are free and nobody waits for them.
    ///
    /// Inside a tick, `Ok(None)` has the task ticked again when there may be some. A tick has no place in the queue:
    /// who waits by [`acquire`](Self::acquire) comes first.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// If `count` is more than there are in all.
    #[track_caller]
    pub fn try_acquire(&self, count: usize) -> Result<Option<Permit>, Closed> {
        Ok(self.0.try_acquire(count, tick_waker)?.map(Permit))
    }

    /// How many permits are neither held nor promised to one whose turn has come.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.free()
    }

    /// How many permits there are in all.
    #[must_use]
    pub fn max(&self) -> usize {
        self.0.max()
    }

    /// Gives out no more permits: who waits gets an error. Those that are held may be kept.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl Permit {
    /// How many permits it is.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Semaphore");
        debug.field("free", &self.free()).field("max", &self.max()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count()).finish_non_exhaustive()
    }
}
