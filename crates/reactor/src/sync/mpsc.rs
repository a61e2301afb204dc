//! Many values from many tasks to one, wherever they run, in the order they were sent.
//!
//! ```
//! use ekiden_reactor::sync::mpsc;
//!
//! let (sender, mut receiver) = mpsc::channel(1);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         ekiden_reactor::run(async move {
//!             for leg in 1..=3 {
//!                 sender.send(leg).await.unwrap(); // waits while the channel is full
//!             }
//!         })
//!     });
//!     let sum = ekiden_reactor::run(async {
//!         let mut sum = 0;
//!         while let Some(leg) = receiver.recv().await {
//!             sum += leg;
//!         }
//!         sum
//!     });
//!     assert_eq!(sum, 6);
//! });
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use crate::channel::parts::{Threads, mpsc};
use crate::task::tick_waker;

pub use crate::channel::{Closed, SendError, TrySendError};

/// Sends values. Each clone is a sender of its own; when the last is dropped the receiver comes to its end.
pub struct Sender<T>(mpsc::Sender<T, Threads>);

/// Receives the values in the order they were sent. Also a [`Stream`].
///
/// Dropping it drops the values that were not taken, and tells the senders that nobody wants more.
#[must_use = "a receiver that is dropped closes the channel"]
pub struct Receiver<T>(mpsc::Receiver<T, Threads>);

/// A sender as a [`Sink`], made by [`Sender::into_sink`].
///
/// As a sink is asked whether it is ready before it is given a value, being ready is to hold a place in the channel.
/// Nobody else can have it until the value came, so a sink that is asked and then left alone keeps others from sending:
/// drop it, or close it. It has no buffer of its own, and what it was given is in the channel, so there is nothing to
/// flush.
///
/// ```
/// use ekiden_reactor::sync::mpsc;
/// use futures_util::{StreamExt, stream};
///
/// # ekiden_reactor::run(async {
/// let (sender, receiver) = mpsc::channel(1);
/// let legs = ekiden_reactor::spawn(async move {
///     stream::iter(1..=3).map(Ok).forward(sender.into_sink()).await
/// });
/// assert_eq!(receiver.collect::<Vec<_>>().await, [1, 2, 3]);
/// assert_eq!(legs.await.unwrap(), Ok(()));
/// # });
/// ```
#[must_use = "sinks do nothing unless polled"]
pub struct SenderSink<T>(mpsc::Sink<T, Threads>);

/// Makes a channel that holds at most `max` values; then senders wait, and are served in the order they came.
///
/// # Panics
///
/// If `max` is 0.
pub fn channel<T>(max: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(max);
    (Sender(sender), Receiver(receiver))
}

/// Makes a channel without a maximum: sending never waits, and a receiver that is too slow costs memory without
/// bound. For values whose number is bounded elsewhere.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(usize::MAX)
}

impl<T> Sender<T> {
    /// Sends a value, when its turn has come and there is room.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is done has sent nothing, and leaves its place in the queue to the next.
    /// The value is dropped with it.
    ///
    /// # Errors
    ///
    /// If the receiver is gone or has closed the channel; the value comes back.
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        self.0.send(value)
    }

    /// Sends a value if there is room that nobody waits for.
    ///
    /// Inside a tick, a full channel has the task ticked again when there may be room.
    ///
    /// # Errors
    ///
    /// If the channel is full or closed; the value comes back.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(value, tick_waker)
    }

    /// This sender as a [`Sink`], for what is written against that trait, such as `forward`. It waits in the same queue
    /// as [`send`](Self::send), and closing it drops the sender.
    pub fn into_sink(self) -> SenderSink<T> {
        SenderSink(mpsc::Sink::new(self.0))
    }

    /// Whether the receiver is gone or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Receiver<T> {
    /// Waits for the next value. `None` once no value is left and none can come: every sender is gone, or
    /// [`close`](Self::close) was called.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a value is taken in the same poll that returns it.
    pub async fn recv(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// Asks for the next value, and has the task woken when there is one. As [`recv`](Self::recv) otherwise.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }

    /// Takes the next value if there is one. Inside a tick, `Ok(None)` has the task ticked again when one comes.
    ///
    /// # Errors
    ///
    /// [`Closed`] once no value is left and none can come.
    pub fn try_recv(&mut self) -> Result<Option<T>, Closed> {
        self.0.try_recv(tick_waker)
    }

    /// Lets no more values in: senders get an error, those that wait too. The values that are in can still be
    /// received.
    pub fn close(&mut self) {
        self.0.close();
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

// The value is never pinned: it is moved into the queue.
impl<T> Unpin for SenderSink<T> {}

impl<T> Sink<T> for SenderSink<T> {
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.0.poll_ready(cx)
    }

    /// # Panics
    ///
    /// If the sink did not say that it is ready, since the last value.
    fn start_send(mut self: Pin<&mut Self>, value: T) -> Result<(), Closed> {
        self.0.send(value)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for SenderSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderSink").finish_non_exhaustive()
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
