//! What is left of a connection at the machine of whoever said its end first: for a minute it answers the other's end again,
//! if its acknowledgement was lost, and keeps its port.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::slots::Slots;
use crate::journal::{EndId, HostId};
use crate::world::World;

/// The connections that are in `TIME_WAIT`.
#[derive(Debug, Default)]
pub(super) struct TimeWaits {
    of: Slots<TimeWait>,
    /// Until when, in order.
    until: VecDeque<(u64, EndId)>,
}

#[derive(Debug)]
struct TimeWait {
    host: HostId,
    local: SocketAddr,
    peer: SocketAddr,
    other: Option<EndId>,
    has_port: bool,
    /// What it had heard, and up to where it had room.
    acked: u64,
    edge: u64,
}

impl World {
    pub(super) fn begin_time_wait(&mut self, id: EndId) {
        self.end_time_waits();
        let until = self.now.saturating_add(TIME_WAIT);
        let Some(end) = self.tcp.get_mut(id) else { return };
        let (acked, edge) = (end.ear.expected, end.ear.tell_edge());
        let (host, local, peer) = (end.host, end.local, end.peer);
        let waits = TimeWait {
            host,
            local,
            peer,
            other: end.other,
            has_port: std::mem::take(&mut end.has_port),
            acked,
            edge,
        };
        self.tcp.time_waits.of.insert(id, waits);
        self.tcp.time_waits.until.push_back((until, id));
    }

    /// What an end that is in `TIME_WAIT` had heard of that other, and up to where it had room.
    pub(super) fn time_wait_of(&mut self, id: EndId, other: EndId) -> Option<(u64, u64)> {
        self.end_time_waits();
        let waits = self.tcp.time_waits.of.get(id).filter(|waits| waits.other == Some(other))?;
        Some((waits.acked, waits.edge))
    }

    /// Whether a connection that is in `TIME_WAIT` has that port of a host.
    pub(super) fn has_time_wait_at(&self, host: HostId, port: u16) -> bool {
        self.tcp.time_waits.of.iter().any(|(_, waits)| waits.host == host && waits.local.port() == port)
    }

    /// Those whose time is over are no more. It is looked for them when it matters.
    pub(super) fn end_time_waits(&mut self) {
        while let Some((_, id)) =
            self.tcp.time_waits.until.front().copied().filter(|(until, _)| *until <= self.now)
        {
            self.tcp.time_waits.until.pop_front();
            if let Some(waits) = self.tcp.time_waits.of.remove(id).filter(|waits| waits.has_port) {
                self.ports.release(waits.host, waits.local.port(), waits.peer);
            }
        }
    }
}

/// Linux's `TCP_TIMEWAIT_LEN`.
const TIME_WAIT: u64 = 60_000_000_000;
