//! Who hears whom, and how long that takes: one way each.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::config::nanos;
use crate::journal::{HostId, What};

/// What is not as the configuration says: by who sends and who should hear.
#[derive(Debug, Default)]
pub(crate) struct Links {
    latencies: BTreeMap<(HostId, HostId), (u64, u64)>,
    cut: BTreeSet<(HostId, HostId)>,
}

impl Links {
    pub(crate) fn set_latency(&mut self, from: HostId, to: HostId, latency: (u64, u64)) {
        self.latencies.insert((from, to), latency);
    }

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

    /// How long what is sent now takes.
    pub(crate) fn draw_latency(&mut self, from: HostId, to: HostId) -> u64 {
        let by_config = match from == to {
            true => &self.config.latency_within,
            false => &self.config.latency,
        };
        let latency = self.links.latencies.get(&(from, to)).copied().unwrap_or_else(|| nanos(by_config));
        self.chance.within(latency)
    }
}
