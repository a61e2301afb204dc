//! The latest value, for whoever looks or waits for a change: settings, a state, a progress.
//!
//! ```
//! use ekiden_reactor::channel::watch;
//!
//! ekiden_reactor::run(async {
//!     let (sender, mut receiver) = watch::channel("sunny");
//!     let coach = ekiden_reactor::spawn(async move {
//!         let mut seen = Vec::new();
//!         while let Ok(weather) = receiver.changed().await {
//!             seen.push(*weather);
//!         }
//!         seen
//!     });
//!     ekiden_reactor::yield_now().await;
//!     sender.send("rain"); // never seen: the next one comes before the coach looks
//!     sender.send("snow");
//!     drop(sender);
//!     assert_eq!(coach.await.unwrap(), ["sunny", "snow"]);
//! });
//! ```

use std::fmt;
use std::pin::Pin;
use std::rc::Rc as Pointer;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::parts::{OneCore, watch};
use crate::task::tick_waker;

pub use super::Closed;

/// Sends values, each in place of the one before. When it is dropped the receivers come to their end.
pub struct Sender<T>(watch::Sender<T, OneCore>);

/// Sees the latest value. A new one has seen none, a clone has seen what its origin has. Also a [`Stream`] of changes.
#[must_use = "a sender may stop when nobody listens"]
pub struct Receiver<T>(watch::Receiver<T, OneCore>);

/// Makes a channel of a first value.
pub fn channel<T>(first: T) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = watch::channel(first);
    (Sender(sender), Receiver(receiver))
}

impl<T> Sender<T> {
    /// Sends a value in place of the one before, whether or not there is a receiver. It never waits.
    pub fn send(&self, value: T) {
        self.0.send(value);
    }

    /// The latest value. Who keeps it keeps it alive, and holds up nobody.
    pub fn get(&self) -> Pointer<T> {
        self.0.get()
    }

    /// Makes one more receiver, to whom the latest value is new.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver(self.0.subscribe())
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl<T> Receiver<T> {
    /// The latest value, which is then seen. Who keeps it keeps it alive, and holds up nobody.
    pub fn get(&mut self) -> Pointer<T> {
        self.0.get()
    }

    /// Waits for a value that this receiver has not seen, the first one included. Of several it sees the latest.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a value is seen in the same poll that returns it.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the latest value was seen and the sender is gone.
    pub async fn changed(&mut self) -> Result<Pointer<T>, Closed> {
        self.0.changed().await
    }

    /// Asks for a value that this receiver has not seen, and has the task woken when there is one. As
    /// [`changed`](Self::changed) otherwise.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pointer<T>, Closed>> {
        self.0.poll_changed(cx)
    }

    /// The latest value if this receiver has not seen it. Inside a tick, `Ok(None)` has the task ticked again when
    /// there is one.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the latest value was seen and the sender is gone.
    pub fn try_changed(&mut self) -> Result<Option<Pointer<T>>, Closed> {
        self.0.try_changed(tick_waker)
    }
}

impl<T> Stream for Receiver<T> {
    type Item = Pointer<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_changed(cx).map(Result::ok)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
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
