//! Limiting how long a future may take.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::{Instant, Sleep, sleep, sleep_until};

/// Waits for a future, but no longer than so long; then it is dropped.
///
/// The time counts from when the future first has to wait, so one that is ready at once costs no look at the clock.
/// A future that is ready when its time runs out wins. A duration of zero asks it once.
///
/// ```
/// use ekiden_reactor::{run, timeout};
/// use std::{future::pending, time::Duration};
///
/// run(async {
///     assert_eq!(timeout(Duration::from_secs(1), async { "in time" }).await, Ok("in time"));
///     assert!(timeout(Duration::from_millis(1), pending::<()>()).await.is_err());
/// });
/// ```
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
pub fn timeout<F: Future>(duration: Duration, future: F) -> impl Future<Output = Result<F::Output, Elapsed>> {
    Limited { future, limit: move || sleep(duration), sleep: None }
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
pub fn timeout_at<F: Future>(
    deadline: Instant,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    Limited { future, limit: move || sleep_until(deadline), sleep: None }
}

pin_project! {
    /// Not an async function: that keeps what it is given beside what it waits for, and each call of a service that is
    /// limited would carry its request twice as often.
    struct Limited<F, Limit> {
        #[pin]
        future: F,
        limit: Limit,
        // From when the future first had to wait.
        sleep: Option<Sleep>,
    }
}

impl<F: Future, Limit: Fn() -> Sleep> Future for Limited<F, Limit> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(this.sleep.get_or_insert_with(this.limit)).poll(cx).map(|()| Err(Elapsed))
    }
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
