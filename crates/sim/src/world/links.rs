//! Who hears whom, one way each: links that are cut, that come and go, and after how many bytes one resets its connections.

use std::collections::{BTreeMap, BTreeSet};

use super::{Happening, World};
use crate::journal::{HostId, What};

/// Who is not heard by whom: by who sends and who should hear.
#[derive(Debug, Default)]
pub(crate) struct Links {
    cut: BTreeSet<(HostId, HostId)>,
    /// Between the one of the lower number and the other.
    flapping: BTreeMap<(HostId, HostId), Flapping>,
    /// How many bytes still arrive before what is between the two is reset.
    resets: BTreeMap<(HostId, HostId), usize>,
}

/// A link that comes and goes.
#[derive(Clone, Copy, Debug)]
struct Flapping {
    /// Which of the times that it was told to: what is left of another does nothing.
    number: u64,
    is_whole: bool,
    whole: (u64, u64),
    cut: (u64, u64),
}

impl Links {
    pub(crate) fn is_cut(&self, from: HostId, to: HostId) -> bool {
        self.cut.contains(&(from, to))
    }

    pub(crate) fn cut(&self) -> impl Iterator<Item = &(HostId, HostId)> {
        self.cut.iter()
    }
}

impl World {
    /// What `from` sends is no longer heard by `to`. A host always hears itself.
    pub(crate) fn cut(&mut self, from: HostId, to: HostId) {
        if from != to && self.links.cut.insert((from, to)) {
            self.tell(from, What::CutTo(to));
        }
    }

    /// From now on two hosts hear each other for a time, then do not for a time, and so on; each time is drawn.
    pub(crate) fn flap(&mut self, a: HostId, b: HostId, whole: (u64, u64), cut: (u64, u64)) {
        let (between, number) = ((a.min(b), a.max(b)), self.chance.next());
        self.tell(a, What::FlapsTo(b));
        self.links.flapping.insert(between, Flapping { number, is_whole: true, whole, cut });
        self.heal(a, b);
        self.heal(b, a);
        let time = self.chance.within(whole);
        self.happen_in(time, Happening::Flaps { between, number });
    }

    pub(crate) fn handle_flap(&mut self, between: (HostId, HostId), number: u64) {
        let flapping = self.links.flapping.get_mut(&between);
        let Some(flapping) = flapping.filter(|flapping| flapping.number == number) else { return };
        flapping.is_whole = !flapping.is_whole;
        let (is_whole, (a, b)) = (flapping.is_whole, between);
        let range = if is_whole { flapping.whole } else { flapping.cut };
        for (from, to) in [(a, b), (b, a)] {
            match is_whole {
                true => self.heal(from, to),
                false => self.cut(from, to),
            }
        }
        let time = self.chance.within(range);
        self.happen_in(time, Happening::Flaps { between, number });
    }

    /// A link is from now on as it is.
    pub(crate) fn end_flapping(&mut self, a: HostId, b: HostId) {
        self.links.flapping.remove(&(a.min(b), a.max(b)));
    }

    /// Of what `from` sends to `to` so many bytes more arrive.
    pub(crate) fn set_reset_after(&mut self, from: HostId, to: HostId, bytes: usize) {
        self.tell(from, What::ResetsAfter(to, bytes));
        self.links.resets.insert((from, to), bytes);
    }

    /// Nothing is reset any more by what arrives.
    pub(crate) fn forget_resets(&mut self, a: HostId, b: HostId) {
        self.links.resets.remove(&(a, b));
        self.links.resets.remove(&(b, a));
    }

    /// Of so many bytes that arrive: how many do, if they are the last before the reset.
    pub(crate) fn cut_short(&mut self, from: HostId, to: HostId, bytes: usize) -> Option<usize> {
        let left = self.links.resets.get_mut(&(from, to))?;
        if bytes < *left {
            *left -= bytes;
            return None;
        }
        self.links.resets.remove(&(from, to))
    }

    pub(crate) fn heal(&mut self, from: HostId, to: HostId) {
        if self.links.cut.remove(&(from, to)) {
            self.tell(from, What::HealedTo(to));
        }
    }
}
