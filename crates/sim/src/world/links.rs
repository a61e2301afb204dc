//! Who hears whom: one way each.

use std::collections::BTreeSet;

use super::World;
use crate::journal::{HostId, What};

/// Who is not heard by whom: by who sends and who should hear.
#[derive(Debug, Default)]
pub(crate) struct Links {
    cut: BTreeSet<(HostId, HostId)>,
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

    pub(crate) fn heal(&mut self, from: HostId, to: HostId) {
        if self.links.cut.remove(&(from, to)) {
            self.tell(from, What::HealedTo(to));
        }
    }
}
