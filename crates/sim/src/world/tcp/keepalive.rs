//! Probes on connections on which nothing comes: whether the other end is still there.

use ekiden_reactor::driver::Keepalive;

use crate::config::to_nanos;
use crate::journal::EndId;
use crate::world::{Happening, World};

/// The probes of an end.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    keepalive: Keepalive,
    /// How many were sent in vain, one after the other.
    unanswered: u32,
    /// Which of the times that it was switched on: what is left of another does nothing.
    number: u64,
}

impl World {
    pub(crate) fn set_keepalive(&mut self, id: EndId, keepalive: Option<Keepalive>) {
        let number = self.chance.next();
        let Some(end) = self.tcp.get_mut(id) else { return };
        end.probes = keepalive.clone().map(|keepalive| Probes { keepalive, unanswered: 0, number });
        if let Some(keepalive) = keepalive {
            self.happen_in(to_nanos(keepalive.idle), Happening::Probe { end: id, number });
        }
    }

    pub(crate) fn keepalive(&self, id: EndId) -> Option<Keepalive> {
        Some(self.tcp.get(id)?.probes.as_ref()?.keepalive.clone())
    }

    /// It is time to look whether something has come of late, and to ask if not.
    pub(crate) fn handle_probe(&mut self, id: EndId, number: u64) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id).filter(|end| !end.is_gone()) else { return };
        let Some(probes) = end.probes.as_mut().filter(|probes| probes.number == number) else { return };
        let (idle, interval) = (to_nanos(probes.keepalive.idle), to_nanos(probes.keepalive.interval));
        let quiet = now - end.heard_last;
        if quiet < idle {
            probes.unanswered = 0;
            return self.happen_in(idle - quiet, Happening::Probe { end: id, number });
        }
        if probes.unanswered >= probes.keepalive.probes {
            return self.time_out(id);
        }
        probes.unanswered += 1;
        let (host, other_host, other) = (end.host, end.other_host, end.other);
        if !self.links.is_cut(host, other_host) && !self.links.is_cut(other_host, host) {
            let is_there = other.and_then(|other| self.tcp.get(other)).is_some_and(|other| !other.is_gone());
            if !is_there {
                return self.handle_reset(id);
            }
            if let Some(end) = self.tcp.get_mut(id) {
                end.heard_last = now;
            }
        }
        self.happen_in(interval, Happening::Probe { end: id, number });
    }
}
