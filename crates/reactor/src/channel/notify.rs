//! A word that something has happened, to one task of the core or to all that wait.
//!
//! ```
//! use ekiden_reactor::channel::Notify;
//! use ekiden_reactor::spawn;
//! use std::{cell::Cell, rc::Rc};
//!
//! ekiden_reactor::run(async {
//!     let (batons, news) = (Rc::new(Cell::new(0)), Notify::new());
//!     let (their_batons, their_news) = (batons.clone(), news.clone());
//!     let runner = spawn(async move {
//!         while their_batons.get() < 3 {
//!             their_news.notified().await; // what is looked at is elsewhere: the word has no value
//!         }
//!     });
//!     for _ in 0..3 {
//!         batons.update(|batons| batons + 1);
//!         news.notify_one(); // kept if the runner is not waiting yet
//!     }
//!     runner.await.unwrap();
//! });
//! ```

use std::fmt;

use super::parts::{OneCore, notify};
use crate::task::tick_waker;

/// Tells one who waits, or all. Clones are the same, but for what their ticks have heard.
///
/// A word for one is a permit: if nobody waits it is kept for the next who does. Only one is kept, so many words for one
/// who is late are one to him; look at everything that may have happened. What happens once, and concerns whoever
/// comes later too, is a [`Latch`](crate::Latch) on one core.
pub struct Notify(notify::Notify<OneCore>);

impl Notify {
    /// Nobody waits, and no word is kept.
    #[must_use]
    pub fn new() -> Self {
        Self(notify::Notify::new())
    }

    /// Tells the one who has waited longest. If nobody waits the word is kept for the next, once.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Tells all who wait now, and nobody who comes later.
    pub fn notify_waiters(&self) {
        self.0.notify_waiters();
    }

    /// Waits for a word. The future need not keep what it came from.
    ///
    /// The wait for [`notify_waiters`](Self::notify_waiters) begins with this call: what is said between it and the
    /// first poll is heard, so who makes the future and then looks whether he need wait misses nothing. A place in the
    /// queue for [`notify_one`](Self::notify_one) begins with the first poll.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is done passes a word for one on to the next, and leaves its place in the
    /// queue to him.
    pub fn notified(&self) -> impl Future<Output = ()> + Unpin + use<> {
        self.0.notified()
    }

    /// Whether there is a word: one that was kept, or one for all since this clone was made or last heard of one.
    ///
    /// Inside a tick, `None` has the task ticked again when there may be one. A tick should have a clone of its own. It
    /// has no place in the queue: who waits by [`notified`](Self::notified) comes first.
    #[must_use]
    pub fn try_notified(&mut self) -> Option<()> {
        self.0.try_notified(tick_waker)
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Notify {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}
