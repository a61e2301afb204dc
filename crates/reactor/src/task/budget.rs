//! The budget: how much one task may take from its sources before the others get their turn.
//!
//! A source that is always ready would otherwise keep its task running for ever. Each thing taken from a source
//! costs; when a poll has spent its budget, sources answer "not yet" and the task runs again after the others. What has
//! happened already, such as a time that is over, costs of an allowance of its own.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::tick::tick_waker;
use super::yield_task;
use crate::core;

thread_local! {
    /// What is left of the running task's budget. The thread's and not the core's: a core runs on one thread, and
    /// this is looked at too often to go and find the core.
    static LEFT: Cell<u32> = const { Cell::new(PER_POLL) };
    /// The same for what has happened already: a time that is over, a shutdown that has begun. Not of the other, which
    /// whatever goes on beside it may have spent: then a time limit would never see that it is over.
    static PAST_LEFT: Cell<u32> = const { Cell::new(PER_POLL) };
}

/// A task begins its turn.
pub(crate) fn refill() {
    LEFT.set(PER_POLL);
    PAST_LEFT.set(PER_POLL);
}

/// How much the task whose turn has just ended has taken.
pub(crate) fn spent() -> u32 {
    PER_POLL - LEFT.get()
}

/// Takes `cost`; false if the budget was spent before.
pub(crate) fn spend(cost: u32) -> bool {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(cost));
    left > 0 || is_nobodys()
}

/// Where no reactor runs nobody would ever refill the budget, so there is none.
#[cold]
fn is_nobodys() -> bool {
    core::try_with(|_| ()).is_none()
}

/// Pending, with the task queued again, when this poll's budget is spent; else takes one from it.
#[inline]
pub(crate) fn poll_budget(cx: &Context<'_>) -> Poll<()> {
    if spend(1) {
        return Poll::Ready(());
    }
    yield_task(cx.waker());
    Poll::Pending
}

/// Pending, with the task queued again, when this poll has met enough that had happened already.
pub(crate) fn poll_past(cx: &Context<'_>) -> Poll<()> {
    let left = PAST_LEFT.get();
    PAST_LEFT.set(left.saturating_sub(1));
    if left > 0 || is_nobodys() {
        return Poll::Ready(());
    }
    yield_task(cx.waker());
    Poll::Pending
}

/// Asks whether the running task may do something more in this poll, and takes `cost` from its budget if it may.
///
/// For whoever goes round a loop that the world keeps supplied, such as a connection whose peer has sent hundreds of
/// lines by one write: reads and writes are counted by their sources, what is done with each of a thousand lines is
/// not. Ask before each.
///
/// A poll has 128 units; each read, write and message takes one, some microseconds of work. `Pending` means that
/// `cost` would have taken the last of them: the task runs again in the next turn of the loop, after the other
/// tasks, the timers and the world, and there is still a unit left to write what it has. More than 32 count as 32.
/// Outside of a reactor nobody counts, and the answer is always `Ready`.
///
/// ```
/// use ekiden_reactor::task::poll_proceed;
/// use std::future::poll_fn;
///
/// # ekiden_reactor::run(async {
/// # let lines = 0..1000;
/// for line in lines {
///     poll_fn(|cx| poll_proceed(cx, 4)).await; // each takes about as long as four reads
///     // handle the line
/// #   let _ = line;
/// }
/// # });
/// ```
///
/// # Cancel safety
///
/// Nothing is kept between two calls: whoever was told to wait, and does not ask again, has lost nothing.
pub fn poll_proceed(cx: &Context<'_>, cost: u32) -> Poll<()> {
    let cost = cost.min(PER_POLL / 4);
    if LEFT.get() > cost || is_nobodys() {
        let _ = spend(cost);
        return Poll::Ready(());
    }
    yield_task(cx.waker());
    Poll::Pending
}

/// Takes one from the budget of the tick that is being run; `false`, with the task queued again, when it is spent.
/// Outside a tick there is no budget.
pub(crate) fn try_budget() -> bool {
    let is_spent = core::try_with(|core| core.tasks.tick.is_ticking()).unwrap_or(false) && !spend(1);
    if is_spent && let Some(waker) = tick_waker() {
        yield_task(&waker);
    }
    !is_spent
}

/// Reads, writes and messages that a task may do in one poll. Enough that a busy connection finishes what it has;
/// at some microseconds each, under half a millisecond.
const PER_POLL: u32 = 128;

/// What an accept costs of it: eight a turn. A connection storm should slow new arrivals, not the requests that we
/// already owe an answer.
pub(crate) const ACCEPT_COST: u32 = PER_POLL / 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{run, spawn, yield_now};
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;

    /// A task has a thousand things to do at this cost: how many it does before the next one has its turn.
    fn check(cost: u32, at_once: u32) {
        run(async {
            let done = Rc::new(Cell::new(0));
            let busy = spawn({
                let done = done.clone();
                async move {
                    for _ in 0..1000 {
                        poll_fn(|cx| {
                            let polled = poll_proceed(cx, cost);
                            assert!(polled.is_ready() || spend(1), "there is something left to write with");
                            polled
                        })
                        .await;
                        done.update(|done| done + 1);
                    }
                }
            });
            let mut most = 0;
            while !busy.is_finished() {
                let before = done.get();
                yield_now().await;
                most = most.max(done.get() - before);
            }
            assert_eq!((done.get(), most), (1000, at_once), "at {cost} each");
        });
    }

    #[test]
    fn who_has_much_to_do_lets_the_others_have_their_turn() {
        check(1, 127);
        check(4, 31);
        check(32, 3);
        check(u32::MAX, 3);
    }

    #[test]
    fn where_no_reactor_runs_nobody_counts() {
        let cx = Context::from_waker(std::task::Waker::noop());
        assert!((0..1000).all(|_| poll_proceed(&cx, 4).is_ready()));
    }
}
