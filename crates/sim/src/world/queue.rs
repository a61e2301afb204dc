//! What will happen, by the time at which it does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;

use ekiden_reactor::driver::{Job, LookupDone};

use super::packets::Packet;
use crate::journal::{EndId, HostId};

/// Something that will happen. `life` is that of the host's program which it concerns.
pub(crate) enum Happening {
    /// A packet arrives.
    Arrives(Packet),
    /// An end has waited for an answer for long enough.
    Timeout { end: EndId },
    /// An end looks whether the other is still there; of which of the times that it was told to.
    Probe { end: EndId, number: u64 },
    /// A link that comes and goes does so; of which of the times that it was told to.
    Flaps { between: (HostId, HostId), number: u64 },
    /// A name was looked up.
    Answer { host: HostId, life: u32, done: LookupDone, found: io::Result<Vec<SocketAddr>> },
    /// A job that blocks is done.
    Job { host: HostId, life: u32, job: Job },
    /// It is time for a fault of the schedule, by its place in that.
    Fault { number: usize },
}

/// Names what will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) at: u64,
    tie: u64,
    number: u64,
    /// Where it is.
    slot: usize,
}

/// All of it, in order; of two at the same time one that was drawn to be first.
///
/// Most of what is told to happen is for when nobody answers, and is cancelled. So the order is one of keys, of which those of
/// what was cancelled are left out when it is their turn: half as dear as a tree from which each is removed at once.
#[derive(Default)]
pub(crate) struct Queue {
    order: BinaryHeap<Reverse<Key>>,
    /// `None` for those that were cancelled.
    happenings: Vec<Option<Happening>>,
    /// Slots that no key names.
    free: Vec<usize>,
    count: u64,
}

impl Queue {
    /// `tie` is drawn.
    pub(crate) fn push(&mut self, at: u64, tie: u64, happening: Happening) -> Key {
        self.count += 1;
        let slot = self.free.pop().unwrap_or(self.happenings.len());
        if slot == self.happenings.len() {
            self.happenings.push(None);
        }
        self.happenings[slot] = Some(happening);
        let key = Key { at, tie, number: self.count, slot };
        self.order.push(Reverse(key));
        key
    }

    /// What was to happen, and has not, does not.
    pub(crate) fn cancel(&mut self, key: Key) {
        self.happenings[key.slot] = None;
    }

    pub(crate) fn next_time(&mut self) -> Option<u64> {
        while let Some(Reverse(key)) = self.order.peek() {
            if self.happenings[key.slot].is_some() {
                return Some(key.at);
            }
            self.free.push(key.slot);
            self.order.pop();
        }
        None
    }

    pub(crate) fn pop(&mut self) -> Option<Happening> {
        self.next_time()?;
        let Reverse(key) = self.order.pop()?;
        self.free.push(key.slot);
        self.happenings[key.slot].take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn what_is_not_cancelled_happens_in_order() {
        let (mut queue, mut chance) = (Queue::default(), Chance::new(7));
        let mut keys = Vec::new();
        for number in 0..1000 {
            keys.push((queue.push(chance.below(50), chance.below(9), Happening::Fault { number }), number));
            if chance.one_in(3) {
                let cancelled = keys.swap_remove(chance.index(keys.len()));
                queue.cancel(cancelled.0);
            }
            if chance.one_in(4) {
                keys.sort();
                let first = (!keys.is_empty()).then(|| keys.remove(0));
                assert_eq!(queue.next_time(), first.map(|(key, _)| key.at));
                let number = queue.pop().map(|happening| match happening {
                    Happening::Fault { number } => number,
                    _ => unreachable!("nothing else was told to"),
                });
                assert_eq!(number, first.map(|(_, number)| number));
            }
        }
        assert!(queue.happenings.len() < 900, "slots are used again");
    }
}
