//! The budget: how much one task may take from its sources before the others get their turn.
//!
//! A source that is always ready would otherwise keep its task running for ever. Each thing taken from a source
//! costs; when a poll has spent its budget, sources answer "not yet" and the task runs again after the others.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::tick::tick_waker;
use super::yield_task;
use crate::core;

thread_local! {
    /// What is left of the running task's budget. The thread's and not the core's: a core runs on one thread, and
    /// this is looked at too often to go and find the core.
    static LEFT: Cell<u32> = const { Cell::new(PER_POLL) };
}

/// A task begins its turn.
pub(crate) fn refill() {
    LEFT.set(PER_POLL);
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
pub(crate) fn poll_budget(cx: &Context<'_>) -> Poll<()> {
    if spend(1) {
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
