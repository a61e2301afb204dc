//! What will happen, by the time at which it does.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use ekiden_reactor::driver::{Job, LookupDone};

use super::tcp::Arrival;
use super::udp::Datagram;
use crate::journal::{EndId, HostId};

/// Something that will happen. `life` is that of the host's program which it concerns.
pub(crate) enum Happening {
    /// A segment of a connection arrives.
    Arrives(Arrival),
    /// A wish to connect arrives, for so many times without an answer before.
    Syn { from: EndId, attempt: u32 },
    /// A wish to connect was refused.
    Refused { end: EndId },
    /// An end looks whether what is not acknowledged can be sent again.
    Resend { end: EndId },
    /// An end looks whether the other is still there; of which of the times that it was told to.
    Probe { end: EndId, number: u64 },
    /// A link that comes and goes does so; of which of the times that it was told to.
    Flaps { between: (HostId, HostId), number: u64 },
    /// A datagram arrives.
    Datagram(Datagram),
    /// A name was looked up.
    Answer { host: HostId, life: u32, done: LookupDone, found: io::Result<Vec<SocketAddr>> },
    /// A job that blocks is done.
    Job { host: HostId, life: u32, job: Job },
    /// It is time for a fault of the schedule, by its place in that.
    Fault { number: usize },
}

/// All of it, in order; of two at the same time one that was drawn to be first.
#[derive(Default)]
pub(crate) struct Queue {
    happenings: BTreeMap<(u64, u64, u64), Happening>,
    count: u64,
}

impl Queue {
    /// `tie` is drawn.
    pub(crate) fn push(&mut self, at: u64, tie: u64, happening: Happening) {
        self.count += 1;
        self.happenings.insert((at, tie, self.count), happening);
    }

    pub(crate) fn next_time(&self) -> Option<u64> {
        self.happenings.first_key_value().map(|(key, _)| key.0)
    }

    pub(crate) fn pop(&mut self) -> Option<Happening> {
        self.happenings.pop_first().map(|(_, happening)| happening)
    }
}
