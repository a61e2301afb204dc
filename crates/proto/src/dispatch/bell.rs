//! What wakes the task of a client's connection: [`Bell`].

use std::cell::Cell;
use std::task::Waker;

/// The waker of a connection, kept from one call to the next: whoever asks rings it.
#[derive(Default)]
pub(crate) struct Bell(Cell<Option<Waker>>);

impl Bell {
    /// Keeps what wakes the connection.
    pub(crate) fn register(&self, waker: &Waker) {
        let known = self.0.take().filter(|known| known.will_wake(waker));
        self.0.set(Some(known.unwrap_or_else(|| waker.clone())));
    }

    pub(crate) fn ring(&self) {
        // It is kept: the next call wakes the same task, and counts no references for that.
        if let Some(waker) = self.0.take() {
            waker.wake_by_ref();
            let newer = self.0.take();
            self.0.set(newer.or(Some(waker)));
        }
    }

    /// The connection has ended.
    pub(crate) fn unregister(&self) {
        drop(self.0.take());
    }
}
