//! One value from one task to another, wherever that runs: an answer, a result, a signal.
//!
//! ```
//! use ekiden_reactor::sync::oneshot;
//!
//! let (sender, receiver) = oneshot::channel();
//! std::thread::scope(|scope| {
//!     scope.spawn(|| sender.send("pass the sash"));
//!     assert_eq!(ekiden_reactor::run(receiver), Ok("pass the sash"));
//! });
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::channel::parts::{Threads, oneshot};
use crate::task::tick_waker;

pub use crate::channel::Closed;

/// Sends one value. Dropping it instead tells the receiver that none will come.
pub struct Sender<T>(oneshot::Sender<T, Threads>);

/// A future of the one value. Dropping it tells the sender that nobody wants it.
///
/// # Cancel safety
///
/// Waiting through `&mut receiver` loses nothing: the value is taken in the same poll that returns it.
#[must_use = "a receiver that is dropped refuses the value"]
pub struct Receiver<T>(oneshot::Receiver<T, Threads>);

/// Makes a channel for one value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = oneshot::channel();
    (Sender(sender), Receiver(receiver))
}

impl<T> Sender<T> {
    /// Sends the value. It need not wait, and does not say whether the receiver will ever look.
    ///
    /// # Errors
    ///
    /// The value itself, if the receiver is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        self.0.send(value)
    }

    /// Whether the receiver is gone, so that the value need not be made.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until the receiver is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&mut self) {
        self.0.closed().await;
    }
}

impl<T> Receiver<T> {
    /// Takes the value if it is there. Inside a tick, `Ok(None)` has the task ticked again when it comes.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the value was already taken or the sender is gone.
    pub fn try_recv(&mut self) -> Result<Option<T>, Closed> {
        self.0.try_recv(tick_waker)
    }
}

/// Fails with [`Closed`] if the sender is gone without a word.
impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_recv(cx)
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
