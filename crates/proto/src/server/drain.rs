//! What a connection is told when its server drains.

use std::future::Future;

use ekiden_reactor::Latch;

/// Says whether, and when, a server drains: a connection should then finish what it owes and close.
#[derive(Clone, Debug, Default)]
pub struct Drain(Latch);

impl Drain {
    /// One that nobody has begun: for a connection that is served by itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the drain.
    pub fn begin(&self) {
        self.0.open();
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.is_open()
    }

    /// Waits until the drain begins.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: whoever asks later is answered at once.
    pub fn begun(&self) -> impl Future<Output = ()> + Unpin + use<> {
        self.0.wait()
    }
}
