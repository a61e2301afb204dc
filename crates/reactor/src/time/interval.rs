//! A moment that comes again and again.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::{Instant, Sleep, sleep_until};

/// Ticks at once, and then once every `period`.
///
/// Ticks that nobody waited for in time are skipped, so a task that was held up does not catch up in a burst; the
/// beat itself does not drift.
///
/// ```
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let mut beat = ekiden_reactor::interval(Duration::from_millis(2));
/// let first = beat.tick().await;
/// assert!(beat.tick().await.duration_since(first) >= Duration::from_millis(2));
/// # });
/// ```
///
/// # Panics
///
/// If the period is zero, or no reactor runs on this thread.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval of zero would tick all the time");
    Interval { period, sleep: sleep_until(Instant::now()) }
}

/// A beat; see [`interval`]. Also a [`Stream`] of the moments when its ticks were due, which never ends.
///
/// ```
/// use futures_util::StreamExt as _;
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let beat = ekiden_reactor::interval(Duration::from_millis(1));
/// let due: Vec<_> = beat.take(3).collect().await;
/// assert!(due[2].duration_since(due[0]) >= Duration::from_millis(2));
/// # });
/// ```
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    sleep: Sleep,
}

impl Interval {
    /// Waits for the next tick, and tells when it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// The next tick, or the task is woken when it is due.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        Poll::Ready(self.advance())
    }

    /// The next tick if it is due; inside a task that ticks itself, `Ok(None)` registers interest in it.
    ///
    /// # Errors
    ///
    /// None; the type is that of every `try_` method.
    pub fn try_tick(&mut self) -> io::Result<Option<Instant>> {
        Ok(self.sleep.try_elapsed()?.map(|()| self.advance()))
    }

    fn advance(&mut self) -> Instant {
        let due = self.sleep.deadline();
        let late = Instant::now().duration_since(due).as_nanos();
        let skipped = late / self.period.as_nanos();
        let beat = self.period.as_nanos().saturating_mul(skipped + 1);
        self.sleep.reset(due + Duration::from_nanos(u64::try_from(beat).unwrap_or(u64::MAX)));
        due
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
