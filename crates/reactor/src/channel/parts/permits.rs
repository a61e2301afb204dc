//! The state of a semaphore: how many permits are free, and who waits for how many.
//!
//! It calls nobody's code: wakers leave as results.
//!
//! ```text
//!   permits:   held │ promised │ free            promised: taken from the free ones for those whose turn has come
//! ```
//!
//! Those who wait are served in the order they came, so one who wants many holds back those behind who want few:
//! else many who want few could keep him waiting for ever. A tick that waits holds back nobody, since nobody
//! would know if it lost interest: it is woken in its turn and tries again, and whoever is behind it is served in
//! the same step.

use std::collections::BTreeMap;
use std::task::Waker;

use super::Step;
use super::claims::{Hold, Holders, Seat, Standing};
use super::queue::Turns;
use crate::channel::Closed;
use crate::waiters::{Key, Progress, Taken, Waiters};

pub(crate) struct Permits {
    free: usize,
    is_closed: bool,
    waits: Waiters,
    /// What waits with a key want, where it is not one.
    wanted: BTreeMap<Key, usize>,
    /// Waits with a key whose turn has not come.
    queued: usize,
    /// Permits that belong to waits whose turn has come.
    promised: usize,
    holders: Holders,
}

/// The steps.
impl Permits {
    pub(super) fn new(free: usize) -> Self {
        Self {
            free,
            is_closed: false,
            waits: Waiters::default(),
            wanted: BTreeMap::new(),
            queued: 0,
            promised: 0,
            holders: Holders::default(),
        }
    }

    /// Who holds permits, for whoever lists tasks.
    pub(super) fn standing(&self) -> Standing {
        self.holders.standing(self.free)
    }

    pub(super) fn free(&self) -> usize {
        self.free
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Takes permits if nobody waited longer, for whom they are. If that fails, a tick is woken in its turn.
    pub(super) fn try_take(
        &mut self,
        count: usize,
        hold: Hold,
        tick: Option<&Waker>,
    ) -> Step<Result<Seat, Closed>> {
        if self.is_closed {
            return Step::Now(Err(Closed));
        }
        if self.may_take(count) {
            self.free -= count;
            return Step::Now(Ok(self.holders.add(hold)));
        }
        if let Some(tick) = tick {
            self.waits.register(tick);
        }
        Step::Wait { replaced: None }
    }

    /// Takes permits when their turn has come.
    pub(super) fn poll_take(
        &mut self,
        count: usize,
        hold: Hold,
        wait: &mut Option<Key>,
        waker: &Waker,
    ) -> Step<Result<Seat, Closed>> {
        if self.is_closed {
            return Step::Now(Err(Closed));
        }
        let Some(key) = *wait else {
            if self.may_take(count) {
                self.free -= count;
                return Step::Now(Ok(self.holders.add(hold)));
            }
            let replaced = self.waits.poll(wait, waker);
            self.queue(*wait, count);
            return Step::Wait { replaced };
        };
        if self.waits.progress(key) != Progress::Chosen {
            return Step::Wait { replaced: self.waits.poll(wait, waker) };
        }
        *wait = None;
        drop(self.waits.remove(key)); // a chosen one has no waker left to drop
        self.wanted.remove(&key);
        self.promised -= count;
        Step::Now(Ok(self.holders.add(hold)))
    }

    /// A wait was dropped before it had its permits: those that were promised to it go to the next. The other waker
    /// is the wait's own, to be dropped.
    pub(super) fn handle_wait_dropped(&mut self, wait: Key) -> (Turns, Option<Waker>) {
        let count = self.wanted.remove(&wait).unwrap_or(1);
        let (turn, own) = self.waits.remove(wait);
        match turn {
            Progress::Chosen => self.end_promises(count),
            Progress::Waiting => self.queued -= 1,
            Progress::Gone => {}
        }
        // Also if nothing was promised: those behind may want less.
        (self.serve(), own)
    }

    /// Permits come back.
    pub(super) fn give_back(&mut self, count: usize, seat: Seat) -> Turns {
        self.free += count;
        self.holders.remove(seat);
        self.serve()
    }

    /// Nobody gets a permit any more. Those who wait are to be woken.
    pub(super) fn close(&mut self) -> Taken {
        self.is_closed = true;
        self.wanted.clear();
        self.queued = 0;
        self.end_promises(self.promised);
        self.waits.take_all()
    }

    fn may_take(&self, count: usize) -> bool {
        self.queued == 0 && count <= self.free
    }

    fn queue(&mut self, wait: Option<Key>, count: usize) {
        self.queued += 1;
        if let Some(key) = wait
            && count != 1
        {
            self.wanted.insert(key, count);
        }
    }

    fn end_promises(&mut self, count: usize) {
        self.promised -= count;
        self.free += count;
    }

    /// Promises free permits to those who have waited longest.
    fn serve(&mut self) -> Turns {
        let mut turns = Turns::default();
        while let Some(oldest) = self.waits.oldest() {
            let count = oldest.map_or(0, |key| self.wanted.get(&key).copied().unwrap_or(1));
            if self.free == 0 || self.free < count {
                break;
            }
            let Some((waker, _)) = self.waits.take_one() else { break };
            self.free -= count;
            self.promised += count;
            self.queued -= usize::from(oldest.is_some());
            turns.push(waker);
        }
        turns
    }
}
