//! Limiting how long a future may take.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::{Instant, Sleep, sleep, sleep_until};

/// Waits for a future, but no longer than so long; then it is dropped.
///
/// The time counts from when the future first has to wait, so one that is ready at once costs no look at the clock.
/// A future that is ready when its time runs out wins. A duration of zero asks it once.
///
/// # Errors
///
/// [`Elapsed`] when time ran out.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    or_elapsed(future, || sleep(duration)).await
}

/// Waits for a future, but not beyond a moment; then it is dropped.
///
/// # Errors
///
/// [`Elapsed`] when the moment has come.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    or_elapsed(future, || sleep_until(deadline)).await
}

async fn or_elapsed<F: Future>(future: F, limit: impl Fn() -> Sleep) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut sleep = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(sleep.get_or_insert_with(&limit)).poll(cx).map(|()| Err(Elapsed))
    })
    .await
}

/// Time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time ran out")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
