//! What the server says of keys that have changed: [`Invalidations`], for whoever keeps copies of values.
//!
//! ```text
//!   the shared connection ── pushes, and that it is lost ──► Readers ── a queue for each ──► Invalidations
//! ```
//!
//! This file has what is read, and who reads it; `readers` has what waits for that.

mod readers;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use readers::Queue;

pub(super) use readers::Readers;

/// What is to be forgotten of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalidation {
    /// The value of this key.
    Key(Bytes),
    /// All values: the data base was emptied, or the connection was lost, and nobody has told what changed since; or more
    /// keys have changed than may wait to be told ([`Config::invalidations_max`](super::Config::invalidations_max)).
    All,
}

/// A stream of what is to be forgotten, from [`Client::invalidations`](super::Client::invalidations).
///
/// What was read before it was made may have changed before, so make it first. A value that was read while its key was told as
/// changed may be the one from before: keep an answer only if its key was not told while the call was under way.
///
/// What was read by a command that blocks, or over a [`Dedicated`](super::Dedicated) connection, is not told about.
pub struct Invalidations {
    queue: Rc<Queue>,
}

impl Invalidations {
    pub(super) fn new(readers: &Readers) -> Self {
        Self { queue: readers.add() }
    }

    /// Waits for the next. `None` when the last client was dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name is that of `StreamExt`, and an iterator it is not"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Invalidation>> {
        poll_fn(|cx| self.queue.poll_next(cx))
    }
}

impl Stream for Invalidations {
    type Item = Invalidation;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Invalidation>> {
        self.queue.poll_next(cx)
    }
}

impl fmt::Debug for Invalidations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidations").field("waiting", &self.queue.len()).finish()
    }
}
