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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    /// Zero if it was no task.
    pub(crate) task: u32,
    pub(crate) origin: OriginId,
    /// Nanoseconds, by the clock of the turn in which it began.
    pub(crate) since: u64,
}

/// The first few of those who hold.
#[derive(Debug, Default)]
pub(crate) struct Holders([Option<Hold>; NAMED]);

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

impl Holders {
    pub(crate) fn add(&mut self, hold: Hold) -> Seat {
        let free = self.0.iter().position(Option::is_none).unwrap_or(NAMED);
        if let Some(seat) = self.0.get_mut(free) {
            *seat = Some(hold);
        }
        Seat(free as u8)
    }

    pub(crate) fn remove(&mut self, seat: Seat) {
        if let Some(seat) = self.0.get_mut(usize::from(seat.0)) {
            *seat = None;
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Hold> {
        self.0.iter().flatten().copied()
    }
}

impl Held {
    /// Those who hold it, as far as they are named.
    pub(crate) fn holders(&self) -> Vec<Hold> {
        let holders = |permits: &mut Permits| permits.holders().all().collect();
        match self {
            Self::OneCore(permits) => permits.with(holders),
            Self::Threads(permits) => permits.with(holders),
        }
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
        let named = |holders: &Holders| holders.all().map(|hold| hold.task).collect::<Vec<_>>();
        assert_eq!(named(&holders), [1, 2, 3]);
        holders.remove(seats[4]);
        holders.remove(seats[1]);
        assert_eq!(named(&holders), [1, 3]);
        holders.add(Hold { task: 6, ..Hold::default() });
        assert_eq!(named(&holders), [1, 6, 3]);
    }
}
