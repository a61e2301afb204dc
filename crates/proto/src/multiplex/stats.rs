//! How a server's calls end: [`Stats`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the calls of a server, over all its connections and cores.
///
/// A clone counts with it, so keep one and give the other to [`ServerConfig::stats`](super::ServerConfig). Each of the
/// methods reads a plain counter, from any thread.
///
/// ```
/// use ekiden_proto::multiplex::{ServerConfig, Stats};
///
/// let stats = Stats::default();
/// let mut config = ServerConfig::default();
/// config.stats = stats.clone();
/// assert_eq!(stats.begun(), 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stats(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    begun: AtomicU64,
    answered: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Stats {
    /// Calls that the service was asked. Each of them is answered, cancelled, failed or still open.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Calls whose reply was made to its end.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// Calls that were dropped before their end, because their callers gave up or their connections were lost.
    #[must_use]
    pub fn cancelled(&self) -> u64 {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// Calls that were not begun: there were too many, or the server drained, or their callers gave up while answers to others
    /// had to leave first. What the service itself refuses has failed, by this count.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Calls for which the service had an error, or whose reply could not be made or sent.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    pub(super) fn count_begun(&self) {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_answered(&self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// One that was counted as answered cannot be sent.
    pub(super) fn count_unsendable(&self) {
        self.0.answered.fetch_sub(1, Ordering::Relaxed);
        self.count_failed();
    }

    pub(super) fn count_cancelled(&self, calls: usize) {
        self.0.cancelled.fetch_add(calls as u64, Ordering::Relaxed);
    }

    pub(super) fn count_refused(&self, calls: usize) {
        self.0.refused.fetch_add(calls as u64, Ordering::Relaxed);
    }

    pub(super) fn count_failed(&self) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
    }
}
