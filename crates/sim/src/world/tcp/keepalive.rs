//! Probes on connections on which nothing comes: whether the other end is still there.
//!
//! They begin when the connection stands, and rest while something is not acknowledged, which is looked after by the timer.

use ekiden_reactor::driver::Keepalive;

use super::State;
use super::wire::Kind;
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
        if self.tcp.held(id).is_none() {
            return;
        }
        let number = self.chance.next();
        let Some(end) = self.tcp.held(id) else { return };
        end.probes = keepalive.map(|keepalive| Probes { keepalive, unanswered: 0, number });
        if end.state == State::Established {
            self.begin_probes(id);
        }
    }

    pub(super) fn begin_probes(&mut self, id: EndId) {
        let Some(probes) = self.tcp.get(id).and_then(|end| end.probes.as_ref()) else { return };
        let (idle, number) = (to_nanos(probes.keepalive.idle), probes.number);
        self.happen_in(idle, Happening::Probe { end: id, number });
    }

    pub(crate) fn keepalive(&mut self, id: EndId) -> Option<Keepalive> {
        Some(self.tcp.held(id)?.probes.as_ref()?.keepalive.clone())
    }

    /// It is time to look whether something has come of late, and to ask if not.
    pub(crate) fn handle_probe(&mut self, id: EndId, number: u64) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id).filter(|end| !end.is_over()) else { return };
        let Some(probes) = end.probes.as_mut().filter(|probes| probes.number == number) else { return };
        let (idle, interval) = (to_nanos(probes.keepalive.idle), to_nanos(probes.keepalive.interval));
        let quiet = now - end.ear.heard_last;
        if quiet < idle || end.line.has_unacknowledged() {
            probes.unanswered = 0;
            let rest = idle.saturating_sub(quiet);
            let rest = if rest == 0 { idle } else { rest };
            return self.happen_in(rest, Happening::Probe { end: id, number });
        }
        if probes.unanswered >= probes.keepalive.probes {
            self.send_reset(id);
            return self.time_out(id);
        }
        probes.unanswered += 1;
        self.transmit(id, Kind::Probe);
        self.happen_in(interval, Happening::Probe { end: id, number });
    }
}
