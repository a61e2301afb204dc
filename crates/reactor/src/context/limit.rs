//! A time limit that those within know of.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use super::current::narrow;
use super::value::Deadline;
use crate::time::{Elapsed, Instant, Sleep, sleep_until};

/// Waits for a future, but not beyond a moment, and tells it: until then it is the [deadline](super::deadline) within,
/// unless an earlier one is there already, which then is also the end of the wait.
///
/// Like [`timeout_at`](crate::timeout_at), which tells nobody. It is what a `Timeout` of ekiden-middleware is made of,
/// and costs as little as it can: of the context only the deadline is swapped.
///
/// ```
/// use ekiden_reactor::{Instant, context};
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let soon = Instant::now() + Duration::from_millis(1);
/// let stuck = context::timeout_at(soon, async {
///     assert_eq!(context::deadline(), Some(soon));
///     std::future::pending::<()>().await
/// });
/// assert!(stuck.await.is_err());
/// # });
/// ```
///
/// A future that is ready when its time runs out wins; a moment that has passed asks it once. When time runs out it is
/// dropped with the deadline of whoever waits, so that what it begins to clean up has the time that is left there.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Errors
///
/// [`Elapsed`] when the moment has come.
///
/// # Panics
///
/// If no reactor runs on this thread and the future has to wait.
pub fn timeout_at<F: Future>(
    deadline: Instant,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    Limited { future, deadline: Deadline::at(deadline), sleep: None }
}

pin_project! {
    /// Not an async function, for the reason that the limit that tells nobody gives.
    struct Limited<F> {
        #[pin]
        future: F,
        deadline: Deadline,
        // From when the future first had to wait.
        sleep: Option<Sleep>,
    }
}

impl<F: Future> Future for Limited<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let narrowed = narrow(*this.deadline);
        let polled = this.future.poll(cx);
        drop(narrowed);
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        let sleep = this.sleep.get_or_insert_with(|| {
            let around = super::deadline();
            let own = this.deadline.moment();
            sleep_until(around.map_or(own, |around| around.min(own)))
        });
        Pin::new(sleep).poll(cx).map(|()| Err(Elapsed))
    }
}
