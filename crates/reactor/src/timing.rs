//! How long polls take: what one reading of the clock a turn tells of them, and when to read it at each.
//!
//! To read the clock takes some 25 ns; a poll that answers a request takes a few microseconds, one that only looks
//! into a channel a tenth of one. So while polls are short the turn's time is all that is measured: of those polls the
//! mean is known, and that none took longer than its turn. When the last turn's polls took more than ten microseconds
//! each, those of the next are timed one by one, which costs a four-hundredth at most.
//!
//! A [`Timing`] reads no clock: it is told.

use std::cell::Cell;

/// What is known of how long the polls of one core took.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    /// When the last poll ended, if they are timed in this turn.
    timed_since: Cell<Option<u64>>,
    /// Polls that were not timed, and how long they took in all.
    untimed_polls: Cell<u64>,
    untimed_nanos: Cell<u64>,
    /// The longest turn of such polls.
    longest_turn: Cell<u64>,
    /// Time of long turns of which it was not looked up who ran in them.
    lost_nanos: Cell<u64>,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// All of it is accounted for.
    Settled,
    /// It was long and nobody was timed: whoever ran in it may have taken all of it.
    Long { nanos: u64, polls: u64 },
}

impl Timing {
    /// A turn begins.
    #[inline]
    pub(crate) fn begin_turn(&self, now: u64) {
        if self.timed_since.get().is_some() {
            self.timed_since.set(Some(now));
        }
    }

    /// Whether a poll's end is to be told by [`end_poll`](Self::end_poll).
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.timed_since.get().is_some()
    }

    /// A poll has ended: how long it took, with whatever the loop did before it.
    pub(crate) fn end_poll(&self, now: u64) -> u64 {
        now - self.timed_since.replace(Some(now)).unwrap_or(now).min(now)
    }

    /// The work of a turn has ended, after so many polls. The next turn begins now.
    #[inline]
    pub(crate) fn end_turn(&self, nanos: u64, polls: u64) -> Turn {
        // Nearly every turn: polls are short, and nobody is timed.
        if !self.is_on() && polls > 0 && nanos <= polls * LONG_POLL_NANOS {
            self.untimed_polls.set(self.untimed_polls.get() + polls);
            self.untimed_nanos.set(self.untimed_nanos.get() + nanos);
            self.longest_turn.set(self.longest_turn.get().max(nanos));
            return Turn::Settled;
        }
        self.end_other_turn(nanos, polls)
    }

    /// Nobody ran, or who ran was timed, or took long.
    fn end_other_turn(&self, nanos: u64, polls: u64) -> Turn {
        let was_on = self.is_on();
        let is_long = nanos > polls * LONG_POLL_NANOS;
        if was_on != is_long && polls > 0 {
            self.timed_since.set(is_long.then_some(0));
        }
        // If it was short after all, somebody was timed or nobody ran.
        if was_on || polls == 0 { Turn::Settled } else { Turn::Long { nanos, polls } }
    }

    /// It was not looked up who ran in a long turn.
    pub(crate) fn lose(&self, nanos: u64) {
        self.lost_nanos.set(self.lost_nanos.get() + nanos);
    }

    /// How long so many polls took that were not timed, if they were like the others.
    pub(crate) fn estimate(&self, polls: u32) -> u64 {
        let all = u128::from(self.untimed_nanos.get()) * u128::from(polls);
        (all / u128::from(self.untimed_polls.get().max(1))) as u64
    }

    /// No poll that was not timed took longer than this, but for those in the time that is lost.
    pub(crate) fn longest_untimed(&self) -> u64 {
        self.longest_turn.get()
    }

    pub(crate) fn lost_nanos(&self) -> u64 {
        self.lost_nanos.get()
    }
}

/// From here on a poll is long enough to be timed for a four-hundredth of what it takes.
const LONG_POLL_NANOS: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: u64 = 100 * LONG_POLL_NANOS;

    #[test]
    fn short_polls_share_their_turn() {
        let timing = Timing::default();
        assert_eq!(timing.end_turn(10_000, 10), Turn::Settled);
        assert_eq!(timing.end_turn(2_000, 10), Turn::Settled);
        assert!(!timing.is_on());
        assert_eq!((timing.estimate(5), timing.longest_untimed()), (3_000, 10_000));
    }

    #[test]
    fn a_long_turn_has_the_next_timed_until_polls_are_short_again() {
        let timing = Timing::default();
        assert_eq!(timing.end_turn(LONG, 2), Turn::Long { nanos: LONG, polls: 2 });
        timing.begin_turn(1_000);
        assert!(timing.is_on());
        assert_eq!((timing.end_poll(1_500), timing.end_poll(LONG)), (500, LONG - 1_500));
        assert_eq!(timing.end_turn(LONG, 2), Turn::Settled);
        timing.begin_turn(2 * LONG);
        assert_eq!(timing.end_poll(2 * LONG + 7), 7);
        assert_eq!(timing.end_turn(7, 1), Turn::Settled);
        assert!(!timing.is_on());
        assert_eq!((timing.estimate(9), timing.longest_untimed()), (0, 0), "all that ran was timed");
    }

    #[test]
    fn a_turn_in_which_nobody_ran_changes_nothing() {
        let timing = Timing::default();
        assert_eq!(timing.end_turn(LONG, 0), Turn::Settled);
        assert!(!timing.is_on());
        assert_eq!(timing.end_turn(LONG, 1), Turn::Long { nanos: LONG, polls: 1 });
        assert_eq!(timing.end_turn(LONG, 0), Turn::Settled);
        assert!(timing.is_on());
    }
}
