//! Every value to every receiver, wherever they are, each at its own pace, as long as it keeps up.
//!
//! ```
//! use ekiden_reactor::sync::broadcast;
//!
//! let (sender, first) = broadcast::channel(3);
//! let second = sender.subscribe();
//! std::thread::scope(|scope| {
//!     for mut receiver in [first, second] {
//!         scope.spawn(move || {
//!             ekiden_reactor::run(async move {
//!                 for leg in 1..=3 {
//!                     assert_eq!(receiver.recv().await.as_deref(), Ok(&leg));
//!                 }
//!             })
//!         });
//!     }
//!     for leg in 1..=3 {
//!         sender.send(leg).unwrap(); // never waits
//!     }
//! });
//! ```

use std::fmt;
use std::pin::Pin;
use std::sync::Arc as Pointer;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::channel::parts::{Threads, broadcast};
use crate::task::tick_waker;

pub use crate::channel::{Lagged, RecvError, SendError};

/// Sends values. Each clone is a sender of its own; when the last is dropped the receivers come to their end.
pub struct Sender<T>(broadcast::Sender<T, Threads>);

/// Receives each value that is sent from its making on, in order. Also a [`Stream`].
#[must_use = "without receivers sending fails"]
pub struct Receiver<T>(broadcast::Receiver<T, Threads>);

/// Makes a channel that keeps at most `max` values, each until every receiver has taken it. When one more is sent the
/// oldest goes: a receiver that is too slow costs the others nothing, and is told how many values it missed.
///
/// # Panics
///
/// If `max` is 0.
pub fn channel<T>(max: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = broadcast::channel(max);
    (Sender(sender), Receiver(receiver))
}

impl<T> Sender<T> {
    /// Sends a value to all receivers there are. It never waits.
    ///
    /// # Errors
    ///
    /// If there is no receiver; the value comes back. There may be one later, so this is no reason to stop.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value)
    }

    /// Makes one more receiver, of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver(self.0.subscribe())
    }

    /// How many receivers there are.
    pub fn receivers(&self) -> usize {
        self.0.receivers()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Receiver<T> {
    /// Waits for the next value. All receivers get the same one, and share it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a value is taken in the same poll that returns it.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] if the channel has let go of values before this receiver took them; it goes on with the
    /// oldest that is there. [`RecvError::Closed`] once no value is left and every sender is gone.
    pub async fn recv(&mut self) -> Result<Pointer<T>, RecvError> {
        self.0.recv().await
    }

    /// Asks for the next value, and has the task woken when there is one. As [`recv`](Self::recv) otherwise.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pointer<T>, RecvError>> {
        self.0.poll_recv(cx)
    }

    /// Takes the next value if there is one. Inside a tick, `Ok(None)` has the task ticked again when one comes.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<Pointer<T>>, RecvError> {
        self.0.try_recv(tick_waker)
    }
}

impl<T> Stream for Receiver<T> {
    type Item = Result<Pointer<T>, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|received| match received {
            Ok(value) => Some(Ok(value)),
            Err(RecvError::Lagged(missed)) => Some(Err(Lagged(missed))),
            Err(RecvError::Closed) => None,
        })
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
