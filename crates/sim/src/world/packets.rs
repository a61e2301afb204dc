//! What goes from one host to another: in a while, or never. All that is sent goes this way, a refusal like a byte.
//!
//! ```text
//!   carry ──► is the link cut? is it lost? ──► wire, latency ──► is it cut now? ──► handled where it arrives
//! ```

use super::tcp::Segment;
use super::udp::{Datagram, Unreachable};
use super::{Happening, World};
use crate::journal::{EndId, HostId, What};

/// Something on its way from one host to another.
pub(crate) struct Packet {
    pub(super) from: HostId,
    pub(super) to: HostId,
    pub(super) load: Load,
}

/// What a packet has in it.
pub(crate) enum Load {
    Segment(Segment),
    Datagram(Box<Datagram>),
    Unreachable(Unreachable),
}

/// The host of an address that none has: what is sent there is sent in vain, as to one who is cut off.
pub(super) const NOBODY: HostId = HostId(u32::MAX);

impl World {
    /// Sends a packet, which does not arrive before that time. When it will arrive, if it is not lost.
    pub(super) fn carry(&mut self, packet: Packet, not_before: u64) -> Option<u64> {
        let Packet { from, to, ref load } = packet;
        if to == NOBODY || self.links.is_cut(from, to) || self.draw_loss(from, to, load.is_segment()) {
            self.lose(&packet);
            return None;
        }
        let time = self.travel(from, to, load.bytes_on_wire());
        let at = self.now.saturating_add(time).max(not_before);
        self.happen_in(at - self.now, Happening::Arrives(packet));
        Some(at)
    }

    /// A packet comes to its host, if the link is not cut by now.
    pub(super) fn handle_packet(&mut self, packet: Packet) {
        if self.links.is_cut(packet.from, packet.to) {
            return self.lose(&packet);
        }
        let Packet { from, to, load } = packet;
        match load {
            Load::Segment(segment) => self.handle_segment(from, to, segment),
            Load::Datagram(datagram) => self.handle_datagram(from, to, *datagram),
            Load::Unreachable(unreachable) => self.handle_unreachable(to, &unreachable),
        }
    }

    fn lose(&mut self, packet: &Packet) {
        let what = match packet.load.sender() {
            Sender::Socket(id) => What::IsLost(id),
            Sender::Machine(answered) => What::AnswerIsLost(answered),
        };
        self.tell(packet.from, what);
    }

    pub(in crate::world) fn happen_in(&mut self, nanos: u64, happening: Happening) {
        let (at, tie) = (self.now.saturating_add(nanos), self.chance.next());
        self.queue.push(at, tie, happening);
    }
}

/// Whose packet it is.
pub(super) enum Sender {
    Socket(EndId),
    /// A machine says to that socket that nobody is there.
    Machine(EndId),
}

impl Load {
    fn is_segment(&self) -> bool {
        matches!(self, Self::Segment(_))
    }

    fn bytes_on_wire(&self) -> usize {
        match self {
            Self::Segment(segment) => segment.bytes_on_wire(),
            Self::Datagram(datagram) => datagram.bytes_on_wire(),
            Self::Unreachable(unreachable) => unreachable.bytes_on_wire(),
        }
    }

    fn sender(&self) -> Sender {
        match self {
            Self::Segment(segment) => segment.sender(),
            Self::Datagram(datagram) => Sender::Socket(datagram.socket),
            Self::Unreachable(unreachable) => Sender::Machine(unreachable.socket),
        }
    }
}
