//! How much is done in one poll before others have their turn: how fast a client hands out answers ([`Pace`]), and what a
//! request costs a server.

use std::task::{Context, Poll};

use ekiden_reactor::task::poll_proceed;

/// How many answers are handed out in one poll.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A few, and then those who got them have their turn: what they ask next leaves while the rest is handed out, so the
    /// peer and this end work at the same time.
    InTurns,
    /// All: there is no other turn.
    AtOnce,
}

impl Pace {
    /// Pending, with the task queued again, if the others are to have their turn before the next one.
    pub(crate) fn poll_next(self, cx: &Context<'_>) -> Poll<()> {
        match self {
            Self::InTurns => poll_proceed(cx, ANSWER_COST),
            Self::AtOnce => Poll::Ready(()),
        }
    }
}

/// What beginning a request costs a server's connection of what its task may do in one poll, 4 of 128, so it begins about 32
/// of them then; for [`poll_proceed`].
///
/// A service that answers at once takes about as long for each as a handful of system calls does. So a flood on one
/// connection delays the others, and the timers, by some tens of microseconds at a time.
pub const REQUEST_COST: u32 = 4;

/// What a piece of a body costs either end of what its task may do in one poll, beside a request: it is moved and no more.
pub(crate) const PART_COST: u32 = 1;

/// What handing out an answer costs of what the task may do in one poll, which is 64 of them then: see
/// [`poll_proceed`].
const ANSWER_COST: u32 = 2;
