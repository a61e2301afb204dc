//! A task's account: its number, its parent, and how often and how long it ran.
//!
//! It reads no clock. The loop reads the clock once a turn, and when polls are long once a poll; the account is told
//! what came of it.
//!
//! ```text
//!   polls:   timed one by one │ not timed          the mean of all that are not timed is the core's to know
//! ```

use std::cell::Cell;

use super::origin::OriginId;
use super::waits::Notes;

/// Kept small, as every idle connection has one: 64 bytes.
#[derive(Default)]
pub(crate) struct Account {
    birth: Cell<Birth>,
    /// When the task came to the state in which it is, in nanoseconds: by the clock of the turn in which it was polled
    /// last, or woken.
    since: Cell<u64>,
    /// What it asked for in its last poll.
    notes: Cell<Notes>,
    polls: Cell<u32>,
    timed_polls: Cell<u32>,
    timed_nanos: Cell<u64>,
    /// Microseconds of turns of which it is not known who ran how long.
    doubt_micros: Cell<u32>,
    /// The longest poll of which something is known, in microseconds: one that was timed, or at most a turn.
    longest_micros: Cell<u32>,
}

/// Who a task is, from when it is spawned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Birth {
    /// When, in nanoseconds, by the turn's clock.
    pub(crate) nanos: u64,
    pub(crate) number: u32,
    /// Zero if it has none.
    pub(crate) parent: u32,
    pub(crate) origin: OriginId,
    pub(crate) parent_origin: OriginId,
}

/// An account as it is just now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    pub(crate) birth: Birth,
    pub(crate) since: u64,
    pub(crate) notes: Notes,
    pub(crate) polls: u32,
    pub(crate) untimed_polls: u32,
    pub(crate) timed_nanos: u64,
    pub(crate) doubt_nanos: u64,
    pub(crate) longest_nanos: u64,
}

impl Account {
    pub(crate) fn open(&self, birth: Birth) {
        self.birth.set(birth);
        self.since.set(birth.nanos);
        self.notes.set(Notes::default());
        self.polls.set(0);
        self.timed_polls.set(0);
        self.timed_nanos.set(0);
        self.doubt_micros.set(0);
        self.longest_micros.set(0);
    }

    #[inline]
    pub(crate) fn origin(&self) -> OriginId {
        self.birth.get().origin
    }

    pub(crate) fn number(&self) -> u32 {
        self.birth.get().number
    }

    /// It was woken, in the turn that began then.
    #[inline]
    pub(crate) fn handle_woken(&self, now: u64) {
        self.since.set(now);
    }

    /// It was polled, in the turn that began then, and asked for this.
    #[inline]
    pub(crate) fn handle_polled(&self, now: u64, notes: Notes) {
        self.polls.set(self.polls.get().wrapping_add(1));
        self.since.set(now);
        self.notes.set(notes.or_earlier(self.notes.get()));
    }

    /// The poll that has just ended was timed.
    pub(crate) fn handle_timed(&self, nanos: u64) {
        self.timed_polls.set(self.timed_polls.get().wrapping_add(1));
        self.timed_nanos.set(self.timed_nanos.get() + nanos);
        self.note_longest(nanos);
    }

    /// A turn turned out to be long in which it may have run, once or more, and nobody was timed. `share` is its own
    /// if all who ran took as long as each other.
    pub(crate) fn handle_long_turn(&self, nanos: u64, share: u64) {
        self.timed_nanos.set(self.timed_nanos.get() + share);
        if share < nanos {
            let doubt = u32::try_from(nanos / 1_000).unwrap_or(u32::MAX);
            self.doubt_micros.set(self.doubt_micros.get().saturating_add(doubt));
        }
        self.note_longest(nanos);
    }

    fn note_longest(&self, nanos: u64) {
        let micros = u32::try_from(nanos.div_ceil(1_000)).unwrap_or(u32::MAX);
        self.longest_micros.set(self.longest_micros.get().max(micros));
    }

    /// Since when, in nanoseconds, it is in the state in which it is.
    pub(crate) fn since(&self) -> u64 {
        self.since.get()
    }

    pub(crate) fn statement(&self) -> Statement {
        Statement {
            birth: self.birth.get(),
            since: self.since.get(),
            notes: self.notes.get(),
            polls: self.polls.get(),
            untimed_polls: self.polls.get().wrapping_sub(self.timed_polls.get()),
            timed_nanos: self.timed_nanos.get(),
            doubt_nanos: u64::from(self.doubt_micros.get()) * 1_000,
            longest_nanos: u64::from(self.longest_micros.get()) * 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Account>(), 64);
    }

    #[test]
    fn what_is_timed_and_what_is_not_are_told_apart() {
        let account = Account::default();
        account.open(Birth { nanos: 5, number: 3, ..Birth::default() });
        for _ in 0..10 {
            account.handle_polled(7, Notes::default());
        }
        account.handle_polled(9, Notes::default());
        account.handle_timed(20_500);
        let statement = account.statement();
        assert_eq!((statement.since, statement.birth.nanos, statement.birth.number), (9, 5, 3));
        assert_eq!((statement.polls, statement.untimed_polls), (11, 10));
        assert_eq!((statement.timed_nanos, statement.longest_nanos), (20_500, 21_000));
    }

    #[test]
    fn a_long_turn_of_one_is_its_own_and_one_of_several_is_in_doubt() {
        let (alone, among) = (Account::default(), Account::default());
        alone.handle_long_turn(3_000_000, 3_000_000);
        among.handle_long_turn(3_000_000, 1_000_000);
        let (alone, among) = (alone.statement(), among.statement());
        assert_eq!((alone.timed_nanos, alone.doubt_nanos, alone.longest_nanos), (3_000_000, 0, 3_000_000));
        assert_eq!(
            (among.timed_nanos, among.doubt_nanos, among.longest_nanos),
            (1_000_000, 3_000_000, 3_000_000)
        );
    }
}
