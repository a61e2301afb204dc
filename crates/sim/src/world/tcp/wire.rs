//! Segments: what an end sends, and what becomes of it at the machine to which it comes.

use std::net::SocketAddr;

use ekiden_reactor::driver::Readiness;

use super::line::{Piece, Said};
use super::{End, State};
use crate::journal::{EndId, HostId, What};
use crate::world::World;
use crate::world::packets::{Load, Packet, Sender};
use crate::world::traffic::TCP_HEADER_BYTES;

/// What travels on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Whose it is, if it is an end's; and whom it is for, if its sender knows.
    from: Option<EndId>,
    to: Option<EndId>,
    kind: Kind,
    /// What the sender has heard: all before this number. And up to where it has room.
    acked: u64,
    edge: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Wants a connection, from the first to the second.
    Syn(Box<(SocketAddr, SocketAddr)>),
    SynAck,
    Piece(Piece),
    Ack,
    /// Asks for an acknowledgement.
    Probe,
    Reset,
}

impl Segment {
    pub(in crate::world) fn bytes_on_wire(&self) -> usize {
        let bytes = match &self.kind {
            Kind::Piece(Piece { said: Said::Bytes(bytes), .. }) => bytes.len(),
            _ => 0,
        };
        TCP_HEADER_BYTES + bytes
    }

    pub(in crate::world) fn sender(&self) -> Sender {
        match (self.from, self.to) {
            (Some(end), _) => Sender::Socket(end),
            (None, to) => Sender::Machine(to.unwrap_or(EndId(0))),
        }
    }
}

impl World {
    /// An end sends a segment, behind all that it has sent before.
    pub(super) fn transmit(&mut self, id: EndId, kind: Kind) {
        let Some(end) = self.tcp.get_mut(id) else { return };
        let (acked, edge) = (end.ear.expected, end.ear.tell_edge());
        let segment = Segment { from: Some(id), to: end.other, kind, acked, edge };
        let packet = Packet { from: end.host, to: end.other_host, load: Load::Segment(segment) };
        let behind = end.line.arrives_last.saturating_add(1);
        if let Some(arrives) = self.carry(packet, behind)
            && let Some(end) = self.tcp.get_mut(id)
        {
            end.line.arrives_last = arrives;
        }
    }

    /// An end says something, and waits for its acknowledgement.
    pub(super) fn say(&mut self, id: EndId, said: Said) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id) else { return };
        let piece = end.line.say(now, said);
        self.transmit(id, Kind::Piece(piece));
        self.wait_for_answer(id);
    }

    /// A machine says to who has sent a segment that there is no such connection.
    pub(super) fn answer_by_reset(&mut self, machine: HostId, host: HostId, from: Option<EndId>, to: EndId) {
        let segment = Segment { from, to: Some(to), kind: Kind::Reset, acked: 0, edge: 0 };
        let packet = Packet { from: machine, to: host, load: Load::Segment(segment) };
        let _arrives = self.carry(packet, 0);
    }

    /// A segment comes to its machine.
    pub(in crate::world) fn handle_segment(&mut self, sender: HostId, receiver: HostId, segment: Segment) {
        let Segment { from, to, ref kind, .. } = segment;
        if let (Some(from), Kind::Syn(addrs)) = (from, kind) {
            let (client, server) = **addrs;
            return self.handle_syn(from, (sender, client), (receiver, server), segment.edge);
        }
        let Some(id) = to else { return };
        let is_reset = matches!(kind, Kind::Reset);
        match self.tcp.get(id).map(|end| (end.state, end.other)) {
            Some((State::SynSent, _)) if is_reset && from.is_none() => self.handle_reset(id),
            Some((State::SynSent, _)) => {
                if let (Kind::SynAck, Some(from)) = (kind, from) {
                    self.handle_syn_ack(id, from, segment.edge);
                }
            }
            Some((State::SynReceived | State::Established, other)) if from == other => {
                self.handle_segment_of(id, segment);
            }
            // Of another connection than the one that there is.
            _ if is_reset => {}
            _ => self.handle_stray(sender, receiver, id, segment),
        }
    }

    fn handle_segment_of(&mut self, id: EndId, segment: Segment) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id) else { return };
        end.ear.heard_last = now;
        if matches!(segment.kind, Kind::Reset) {
            return self.handle_reset(id);
        }
        // Where there is no room for one more to be accepted, what completes its handshake is as good as lost.
        if end.state == State::SynReceived && !self.establish(id) {
            return;
        }
        self.handle_acknowledged(id, segment.acked, segment.edge);
        match segment.kind {
            Kind::Piece(piece) => self.handle_piece(id, piece),
            Kind::SynAck | Kind::Probe => self.transmit(id, Kind::Ack),
            Kind::Ack | Kind::Syn(_) | Kind::Reset => {}
        }
    }

    /// The end that it should come to is gone. Its machine says so, unless it has ended in good order and of late.
    fn handle_stray(&mut self, sender: HostId, machine: HostId, id: EndId, segment: Segment) {
        let Some(from) = segment.from else { return };
        match self.time_wait_of(id, from) {
            Some((acked, edge)) => {
                if matches!(segment.kind, Kind::Piece(_) | Kind::Probe) {
                    let answer = Segment { from: Some(id), to: Some(from), kind: Kind::Ack, acked, edge };
                    let packet = Packet { from: machine, to: sender, load: Load::Segment(answer) };
                    let _arrives = self.carry(packet, 0);
                }
            }
            None => self.answer_by_reset(machine, sender, Some(id), from),
        }
    }

    /// The other end has heard everything before that number, and has room up to that edge.
    fn handle_acknowledged(&mut self, id: EndId, acked: u64, edge: u64) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id) else { return };
        let has_heard_more = end.line.handle_acknowledged(now, acked);
        let has_room = edge > end.line.edge;
        end.line.edge = end.line.edge.max(edge);
        let is_let_go_on = has_room && std::mem::take(&mut end.line.is_held_up);
        let again = end.line.next_repeated().filter(|_| has_heard_more);
        let (host, token) = (end.host, end.token);
        if is_let_go_on {
            self.tell_ready(host, token, Readiness::new(false, true));
        }
        if let Some(piece) = again {
            self.tell(host, What::SendsAgain(id, 1));
            self.transmit(id, Kind::Piece(piece));
        }
        match has_heard_more || is_let_go_on {
            true => self.handle_progress(id),
            false => self.handle_answer(id),
        }
    }

    /// Something that was said comes to its end.
    fn handle_piece(&mut self, id: EndId, piece: Piece) {
        let Some(end) = self.tcp.get_mut(id) else { return };
        let is_new = piece.first >= end.ear.expected && matches!(piece.said, Said::Bytes(_));
        if is_new && end.ear.reads_no_more && end.line.has_said_end {
            // What nobody will ever read is answered by a reset, and that to both.
            self.send_reset(id);
            return self.handle_reset(id);
        }
        let mut next = end.ear.handle_piece(piece);
        while let Some(said) = next {
            match said {
                Said::Bytes(bytes) => self.hear(id, &bytes),
                Said::End => self.hear_end(id),
            }
            next = self.next_in_order(id);
        }
        if self.tcp.get(id).is_some_and(|end| !end.is_over()) {
            self.transmit(id, Kind::Ack);
        }
        self.handle_both_ended(id);
    }

    fn next_in_order(&mut self, id: EndId) -> Option<Said> {
        self.tcp.get_mut(id).filter(|end| !end.is_over())?.ear.next_in_order()
    }

    fn hear(&mut self, id: EndId, bytes: &[u8]) {
        let Some(End { host, other_host, .. }) = self.tcp.get(id) else { return };
        let (host, other_host) = (*host, *other_host);
        let left = self.cut_short(other_host, host, bytes.len());
        let bytes = &bytes[..left.unwrap_or(bytes.len())];
        let Some(end) = self.tcp.get_mut(id) else { return };
        end.ear.received.extend(bytes);
        let token = end.token;
        self.tell(host, What::Arrives(id, bytes.len()));
        self.tell_ready(host, token, Readiness::new(true, false));
        if left.is_some() {
            self.reset_between(other_host, host);
        }
    }

    fn hear_end(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let host = end.host;
        self.tell(host, What::EndArrives(id));
        self.tell_all(id);
    }
}
