//! The budget: how much one task may take from its sources before the others get their turn.
//!
//! A source that is always ready would otherwise keep its task running for ever. Each thing taken from a source
//! costs; when a poll has spent its budget, sources answer "not yet" and the task runs again after the others.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::tick::tick_waker;
use crate::core;

/// What is left of the running task's budget.
pub(crate) struct Budget {
    left: Cell<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: Cell::new(PER_POLL) }
    }
}

impl Budget {
    pub(crate) fn refill(&self) {
        self.left.set(PER_POLL);
    }

    /// Takes `cost`; false if the budget was spent before.
    pub(crate) fn spend(&self, cost: u32) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(cost));
        left > 0
    }
}

/// Pending, with the task queued again, when this poll's budget is spent; else takes one from it. Where no reactor
/// runs there is no budget.
pub(crate) fn poll_budget(cx: &Context<'_>) -> Poll<()> {
    match core::try_with(|core| core.tasks.budget.spend(1)) {
        Some(true) | None => Poll::Ready(()),
        Some(false) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

/// Takes one from the budget of the tick that is being run; `false`, with the task queued again, when it is spent.
/// Outside a tick there is no budget.
pub(crate) fn try_budget() -> bool {
    let is_spent =
        core::try_with(|core| core.tasks.tick.is_ticking() && !core.tasks.budget.spend(1)).unwrap_or(false);
    if is_spent && let Some(waker) = tick_waker() {
        waker.wake();
    }
    !is_spent
}

/// Reads, writes and messages that a task may do in one poll. Enough that a busy connection finishes what it has;
/// at some microseconds each, under half a millisecond.
const PER_POLL: u32 = 128;

/// What an accept costs of it: eight a turn. A connection storm should slow new arrivals, not the requests that we
/// already owe an answer.
pub(crate) const ACCEPT_COST: u32 = PER_POLL / 8;
