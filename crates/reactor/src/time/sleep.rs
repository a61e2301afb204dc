//! Waiting for a moment.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::Instant;
use super::wheel::{Answer, Key};
use crate::core::{self, Core};
use crate::task::poll_past;
use crate::task::tick::tick_waker_of;
use crate::task::waits::{self, Asked};

/// Waits for so long.
///
/// Timers have a granularity of a millisecond and never fire early. A duration of zero is ready at once.
///
/// ```
/// # use ekiden_reactor::{Config, Reactor, driver::hand::Hand};
/// use ekiden_reactor::{sleep, spawn, yield_now};
/// use std::time::Duration;
///
/// # let (hand, clock) = Hand::new()?;
/// # Reactor::with_driver(Config::default(), hand).run(async move {
/// let slept = spawn(sleep(Duration::from_secs(5)));
/// # yield_now().await;
/// # clock.pass(Duration::from_secs(4)).await;
/// assert!(!slept.is_finished());
/// # clock.pass(Duration::from_secs(1)).await;
/// slept.await.unwrap(); // five seconds later
/// # });
/// # std::io::Result::Ok(())
/// ```
///
/// # Cancel safety
///
/// Dropping the future cancels the timer.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let now = if duration.is_zero() { Instant::recent() } else { Instant::now() };
    sleep_until(now + duration)
}

/// Waits until a moment; one that has passed is ready at once.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    let core = core::current();
    Sleep { core, deadline, timer: None }
}

/// A future of a moment; see [`sleep`].
///
/// It is of the reactor on which it was made: to wait for it when that has ended panics, as nobody would ever be woken.
///
/// It can be [moved](Self::reset), again and again: a time-out that each request pushes out costs a store.
///
/// ```
/// # use ekiden_reactor::{Config, Reactor, driver::hand::Hand};
/// use ekiden_reactor::sleep;
/// use std::time::Duration;
///
/// # let (hand, clock) = Hand::new()?;
/// # Reactor::with_driver(Config::default(), hand).run(async move {
/// let minute = Duration::from_secs(60);
/// let mut idle = sleep(minute);
/// # clock.pass(minute / 2).await;
/// // Something came: from now on it is a minute again.
/// idle.reset(idle.deadline() + minute / 2);
/// # clock.pass(minute / 2).await;
/// assert!(!idle.is_elapsed());
/// # clock.pass(minute / 2).await;
/// idle.await;
/// # });
/// # std::io::Result::Ok(())
/// ```
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    core: Rc<Core>,
    deadline: Instant,
    /// In the wheel from the first time that somebody waits.
    timer: Option<Key>,
}

impl Sleep {
    /// When it is over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether its moment has come, as of this turn of the loop.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        match self.timer {
            Some(key) => self.core.timers.borrow().is_fired(key),
            None => self.deadline <= self.core.turn_began.get(),
        }
    }

    /// Moves it to another moment, whether or not it is over; whoever waits goes on waiting.
    ///
    /// Moving it to a later one is a store: the timer finds out when its old moment comes.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if let Some(key) = self.timer {
            let due = self.core.timers.borrow_mut().reset(key, deadline.as_nanos());
            if let Some(waker) = due {
                waker.wake(); // outside the borrow: waking may run anything
            }
        }
    }

    /// Moves it to another moment and waits for that: [`reset`](Self::reset) and a poll in one.
    ///
    /// For whoever waits for one thing after the other and has a time-out for each: one sleep serves them all, and
    /// to push it out costs two dozen instructions.
    #[inline]
    pub fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let (timers, waker) = (&self.core.timers, cx.waker());
        if let Some(key) = self.timer
            && timers.borrow_mut().try_push_out(key, deadline.as_nanos(), waker)
        {
            self.deadline = deadline;
            self.core.assert_alive();
            waits::note(Asked::Timer);
            return Poll::Pending;
        }
        self.reset(deadline);
        self.poll_elapsed(waker)
    }

    /// Whether its moment has come; inside a tick, `Ok(None)` registers interest in it.
    ///
    /// # Errors
    ///
    /// None; the type is that of every `try_` method, so that `?` and `let else` read alike.
    pub fn try_elapsed(&mut self) -> io::Result<Option<()>> {
        match tick_waker_of(&self.core) {
            Some(waker) => Ok(self.poll_elapsed(&waker).is_ready().then_some(())),
            None => Ok((self.deadline <= self.core.driver.now()).then_some(())),
        }
    }

    fn poll_elapsed(&mut self, waker: &Waker) -> Poll<()> {
        let mut timers = self.core.timers.borrow_mut();
        let key = match self.timer {
            Some(key) => key,
            // In the past, or now: no need for the wheel.
            None if self.deadline <= self.core.turn_began.get() => return Poll::Ready(()),
            None => *self.timer.insert(timers.insert(self.deadline.as_nanos())),
        };
        let answer = timers.poll(key, waker);
        drop(timers); // before the answer, which may hold a waker that was replaced
        match answer {
            Answer::Fired => Poll::Ready(()),
            Answer::Waiting { replaced } => {
                drop(replaced);
                self.core.assert_alive();
                waits::note(Asked::Timer);
                Poll::Pending
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_elapsed(cx.waker()));
        // Whoever waits again and again for what has passed lets the others have their turn.
        poll_past(cx)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            let removed = self.core.timers.borrow_mut().remove(key);
            drop(removed); // outside the borrow: dropping a waker may drop anything
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
