//! A task's account: its number, its parent, and how often and how long it ran.
//!
//! What few tasks have is not in it but told to it when it makes its statement: how much of their time is in doubt.
//!
//! It reads no clock. The loop reads the clock once a turn, and when polls are long once a poll; the account is told
//! what came of it.
//!
//! ```text
//!   polls:   timed one by one │ not timed          the mean of all that are not timed is the core's to know
//! ```

use std::cell::Cell;

use super::entry::Marks;
use super::origin::OriginId;
use super::waits::Notes;

/// Kept small, as every idle connection has one: 56 bytes.
#[derive(Default)]
pub(crate) struct Account {
    birth: Cell<Birth>,
    /// When the task was spawned, in nanoseconds, by the turn's clock.
    born: Cell<u64>,
    /// What it asked for in its last poll.
    notes: Cell<Notes>,
    timed_nanos: Cell<u64>,
    polls: Cell<u32>,
    timed_polls: Cell<u32>,
    /// The longest poll of which something is known: one that was timed, or at most a turn.
    longest: Cell<Longest>,
    /// Whether it is not known of some of its time that it ran that long.
    is_doubtful: Cell<bool>,
    /// The table's, which would have to make room for them.
    pub(super) marks: Marks,
}

/// How long a poll took: microseconds, and a bit that says whether it may have taken less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Longest(u32);

impl Longest {
    fn exactly(nanos: u64) -> Self {
        Self(u32::try_from(nanos.div_ceil(1_000)).unwrap_or(u32::MAX).min(!AT_MOST))
    }

    fn at_most(nanos: u64) -> Self {
        Self(Self::exactly(nanos).0 | AT_MOST)
    }

    pub(crate) fn is_exact(self) -> bool {
        self.0 & AT_MOST == 0
    }

    pub(crate) fn nanos(self) -> u64 {
        u64::from(self.0 & !AT_MOST) * 1_000
    }

    /// The longer one; of two that are the same, the one that is exact.
    fn max(self, other: Self) -> Self {
        let rank = |it: Self| (it.nanos(), it.is_exact());
        if rank(other) > rank(self) { other } else { self }
    }
}

/// 35 minutes are left for the time.
const AT_MOST: u32 = 1 << 31;

/// Who a task is, from when it is spawned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Birth {
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
    /// When, in nanoseconds, by the turn's clock.
    pub(crate) born: u64,
    pub(crate) notes: Notes,
    pub(crate) polls: u32,
    pub(crate) untimed_polls: u32,
    pub(crate) timed_nanos: u64,
    pub(crate) doubt_nanos: u64,
    pub(crate) longest: Longest,
}

impl Account {
    /// The task is spawned, at that time.
    pub(crate) fn open(&self, birth: Birth, now: u64) {
        self.birth.set(birth);
        self.born.set(now);
        self.notes.set(Notes::default());
        self.timed_nanos.set(0);
        self.polls.set(0);
        self.timed_polls.set(0);
        self.longest.set(Longest::default());
        self.is_doubtful.set(false);
    }

    #[inline]
    pub(crate) fn origin(&self) -> OriginId {
        self.birth.get().origin
    }

    pub(crate) fn number(&self) -> u32 {
        self.birth.get().number
    }

    /// It was polled, and asked for this.
    #[inline]
    pub(crate) fn handle_polled(&self, notes: Notes) {
        self.polls.set(self.polls.get().wrapping_add(1));
        self.notes.set(notes.or_earlier(self.notes.get()));
    }

    /// The poll that has just ended was timed.
    pub(crate) fn handle_timed(&self, nanos: u64) {
        self.timed_polls.set(self.timed_polls.get().wrapping_add(1));
        self.timed_nanos.set(self.timed_nanos.get() + nanos);
        self.longest.set(self.longest.get().max(Longest::exactly(nanos)));
    }

    /// A turn turned out to be long in which it may have run, once or more, and nobody was timed. `share` is its own
    /// if all who ran took as long as each other. Whether that is in doubt from now on.
    pub(crate) fn handle_long_turn(&self, nanos: u64, share: u64) -> bool {
        let is_doubtful = share < nanos;
        self.timed_nanos.set(self.timed_nanos.get() + share);
        self.is_doubtful.set(self.is_doubtful.get() || is_doubtful);
        let longest = if is_doubtful { Longest::at_most(nanos) } else { Longest::exactly(nanos) };
        self.longest.set(self.longest.get().max(longest));
        is_doubtful
    }

    /// Whether some of its time ever was in doubt.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_doubtful.get()
    }

    /// Of a task of which so many nanoseconds are in doubt.
    pub(crate) fn statement(&self, doubt_nanos: u64) -> Statement {
        Statement {
            birth: self.birth.get(),
            born: self.born.get(),
            notes: self.notes.get(),
            polls: self.polls.get(),
            untimed_polls: self.polls.get().wrapping_sub(self.timed_polls.get()),
            timed_nanos: self.timed_nanos.get(),
            doubt_nanos,
            longest: self.longest.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Account>(), 56);
    }

    #[test]
    fn what_is_timed_and_what_is_not_are_told_apart() {
        let account = Account::default();
        account.open(Birth { number: 3, ..Birth::default() }, 5);
        for _ in 0..10 {
            account.handle_polled(Notes::default());
        }
        account.handle_polled(Notes::default());
        account.handle_timed(20_500);
        let statement = account.statement(0);
        assert_eq!((statement.born, statement.birth.number), (5, 3));
        assert_eq!((statement.polls, statement.untimed_polls), (11, 10));
        assert_eq!((statement.timed_nanos, statement.longest), (20_500, Longest::exactly(21_000)));
    }

    #[test]
    fn a_long_turn_of_one_is_its_own_and_one_of_several_is_in_doubt() {
        let (alone, among) = (Account::default(), Account::default());
        assert!(!alone.handle_long_turn(3_000_000, 3_000_000));
        assert!(among.handle_long_turn(3_000_000, 1_000_000));
        assert_eq!([&alone, &among].map(Account::is_doubtful), [false, true]);
        let (alone, among) = (alone.statement(0), among.statement(0));
        assert_eq!((alone.timed_nanos, alone.longest), (3_000_000, Longest::exactly(3_000_000)));
        assert_eq!((among.timed_nanos, among.longest), (1_000_000, Longest::at_most(3_000_000)));
    }

    #[test]
    fn the_longest_poll_is_exact_if_it_was_timed() {
        let longest = Longest::at_most(5_000_000).max(Longest::exactly(4_000_000));
        assert_eq!((longest.nanos(), longest.is_exact()), (5_000_000, false));
        let longest = longest.max(Longest::exactly(5_000_000)).max(Longest::at_most(5_000_000));
        assert_eq!((longest.nanos(), longest.is_exact()), (5_000_000, true));
        assert!(Longest::exactly(u64::MAX).is_exact());
    }
}
