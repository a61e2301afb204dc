//! Who holds permits and who waits for them, so that a list of tasks can say both.
//!
//! A semaphore remembers the first few who hold permits of it; one that waits leaves a claim with its core, which leads
//! from the task to the semaphore.

use std::cell::RefCell;

use slab::Slab;

use super::permits::Permits;
use super::{Local, Locked, Shared};
use crate::core::{self, ReactorId};
use crate::task::OriginId;
use crate::task::waits::Asked;

/// A task that holds something: which, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// Zero if it was no task.
    pub(crate) task: u32,
    pub(crate) origin: OriginId,
    /// The task's, or where it was no task the one that ran.
    pub(crate) reactor: ReactorId,
    /// Nanoseconds, by the clock of the turn in which it began.
    pub(crate) since: u64,
}

/// Those who hold: the first few by name, and how many more there are.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    named: [Option<Hold>; NAMED],
    unnamed: usize,
}

/// How it stands with what is held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Those who hold it, as far as they are named.
    pub(crate) by: Vec<Hold>,
    /// How many more do.
    pub(crate) more: usize,
    /// How many permits are free.
    pub(crate) free: usize,
}

/// Which of the named holders one is; more than there are for one who is not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat(u8);

/// What is held, of either kind.
pub(crate) enum Held {
    OneCore(Local<Permits>),
    Threads(Locked<Permits>),
}

/// A task waits for what others hold.
pub(crate) struct Claim {
    pub(crate) task: u32,
    pub(crate) asked: Asked,
    pub(crate) held: Held,
}

/// The claims of one core's tasks.
#[derive(Default)]
pub(crate) struct Claims(RefCell<Slab<Claim>>);

/// A claim's place, which its wait gives back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimKey {
    reactor: ReactorId,
    key: usize,
}

impl Hold {
    /// One that the running task has from now on.
    pub(crate) fn by_running() -> Self {
        core::try_with(|core| core.tasks.hold_by_running()).unwrap_or_default()
    }
}

impl Default for Hold {
    /// By whoever runs where no reactor does.
    fn default() -> Self {
        Self { task: 0, origin: OriginId::default(), reactor: ReactorId::NONE, since: 0 }
    }
}

impl Holders {
    pub(crate) fn add(&mut self, hold: Hold) -> Seat {
        let free = self.named.iter().position(Option::is_none).unwrap_or(NAMED);
        match self.named.get_mut(free) {
            Some(seat) => *seat = Some(hold),
            None => self.unnamed += 1,
        }
        Seat(free as u8)
    }

    pub(crate) fn remove(&mut self, seat: Seat) {
        match self.named.get_mut(usize::from(seat.0)) {
            Some(seat) => *seat = None,
            None => self.unnamed -= 1,
        }
    }

    /// How it stands if so many permits are free.
    pub(crate) fn standing(&self, free: usize) -> Standing {
        Standing { by: self.named.iter().flatten().copied().collect(), more: self.unnamed, free }
    }
}

impl Held {
    pub(crate) fn standing(&self) -> Standing {
        let standing = |permits: &mut Permits| permits.standing();
        match self {
            Self::OneCore(permits) => permits.with(standing),
            Self::Threads(permits) => permits.with(standing),
        }
    }

    pub(crate) fn is_between_threads(&self) -> bool {
        matches!(self, Self::Threads(_))
    }
}

impl Claims {
    /// Leaves a claim of the running task; `None` where no reactor runs.
    pub(crate) fn leave(asked: Asked, held: Held) -> Option<ClaimKey> {
        core::try_with(|core| {
            let task = core.tasks.hold_by_running().task;
            let key = core.claims.0.borrow_mut().insert(Claim { task, asked, held });
            ClaimKey { reactor: core.id, key }
        })
    }

    /// The wait has ended. On another thread, to which a future may have been sent, the claim stays until its reactor
    /// ends, and is passed over.
    pub(crate) fn end(key: ClaimKey) {
        let claim = core::if_current(key.reactor, |core| core.claims.0.borrow_mut().try_remove(key.key));
        drop(claim);
    }

    pub(crate) fn each(&self, mut tell: impl FnMut(&Claim)) {
        self.0.borrow().iter().for_each(|(_, claim)| tell(claim));
    }
}

/// How many holders are named: of a lock there is one, and of a limit the first few show what they are at.
const NAMED: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_holders_are_named_and_seats_are_given_again() {
        let mut holders = Holders::default();
        let seats: Vec<Seat> = (1..=5).map(|task| holders.add(Hold { task, ..Hold::default() })).collect();
        let named = |holders: &Holders| {
            let Standing { by, more, .. } = holders.standing(0);
            (by.iter().map(|hold| hold.task).collect::<Vec<_>>(), more)
        };
        assert_eq!(named(&holders), (vec![1, 2, 3], 2));
        holders.remove(seats[4]);
        holders.remove(seats[1]);
        assert_eq!(named(&holders), (vec![1, 3], 1));
        holders.add(Hold { task: 6, ..Hold::default() });
        assert_eq!(named(&holders), (vec![1, 6, 3], 1));
        holders.remove(seats[3]);
        assert_eq!(named(&holders), (vec![1, 6, 3], 0));
    }

    #[test]
    fn a_seat_that_may_be_free_is_no_larger_than_a_hold() {
        assert_eq!(size_of::<Option<Hold>>(), 24);
    }
}
