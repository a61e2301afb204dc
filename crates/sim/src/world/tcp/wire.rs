//! How segments get from one end of a connection to the other: in order, after a while, again if they were lost, or never.

use std::io;

use ekiden_reactor::driver::Readiness;

use super::{Segment, Stands, Trouble};
use crate::config::to_nanos;
use crate::journal::{EndId, HostId, What};
use crate::world::{Happening, World};

/// A segment on its way.
pub(crate) struct Arrival {
    from: EndId,
    to: EndId,
    hosts: (HostId, HostId),
    number: u64,
    segment: Segment,
}

impl World {
    /// Sends a segment, behind all that were sent before.
    pub(super) fn send(&mut self, from: EndId, segment: Segment) {
        let Some(end) = self.tcp.get_mut(from) else { return };
        let number = end.line.next;
        end.line.next += 1;
        let (host, other, is_behind_lost) = (end.host, end.other_host, !end.line.lost.is_empty());
        let is_lost = host != other && self.chance.one_in(self.config.segment_lost_one_in);
        if is_behind_lost || is_lost || self.links.is_cut(host, other) {
            return self.lose(from, number, segment);
        }
        self.put_on_the_way(from, number, segment);
    }

    fn put_on_the_way(&mut self, from: EndId, number: u64, segment: Segment) {
        let Some(end) = self.tcp.get(from) else { return };
        let (hosts, Some(to)) = ((end.host, end.other_host), end.other) else { return };
        let time = self.travel(hosts.0, hosts.1, segment.bytes_on_wire());
        let now = self.now;
        let Some(end) = self.tcp.get_mut(from) else { return };
        let at = now.saturating_add(time).max(end.line.arrives_last.saturating_add(1));
        end.line.arrives_last = at;
        let arrival = Arrival { from, to, hosts, number, segment };
        self.happen_in(at - now, Happening::Arrives(arrival));
    }

    /// A segment is lost, and will be sent again, if its end is still there then.
    fn lose(&mut self, from: EndId, number: u64, segment: Segment) {
        let Some(end) = self.tcp.get_mut(from) else { return };
        let is_first = end.line.lost.is_empty();
        end.line.lost.insert(number, segment);
        let host = end.host;
        if is_first {
            self.tell(host, What::IsLost(from));
        }
        self.be_in_trouble(from);
    }

    /// Something is not acknowledged: it is looked after again and again, for ever longer, up to a limit.
    fn be_in_trouble(&mut self, id: EndId) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id) else { return };
        if end.line.trouble.is_none() {
            end.line.trouble = Some(Trouble { since: now, delay: RESEND_FIRST });
            self.happen_in(RESEND_FIRST, Happening::Resend { end: id });
        }
    }

    /// It is time to send again what was lost.
    pub(crate) fn handle_resend(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let Some(trouble) = end.line.trouble else { return };
        let (host, other) = (end.host, end.other_host);
        if self.links.is_cut(host, other) || end.line.is_unacknowledged && self.links.is_cut(other, host) {
            // That there is room is for the other end to ask, so who only says that waits for ever.
            let only_tells_of_room =
                end.line.lost.values().all(|segment| matches!(segment, Segment::Room(_)));
            let waits = only_tells_of_room && !end.line.is_unacknowledged;
            if !waits && self.now - trouble.since >= to_nanos(self.config.give_up) {
                return self.time_out(id);
            }
            let delay = (trouble.delay * 2).min(RESEND_MAX);
            if let Some(end) = self.tcp.get_mut(id) {
                end.line.trouble = Some(Trouble { delay, ..trouble });
            }
            return self.happen_in(delay, Happening::Resend { end: id });
        }
        let Some(end) = self.tcp.get_mut(id) else { return };
        let was_unacknowledged = std::mem::take(&mut end.line.is_unacknowledged);
        end.line.trouble = None;
        let (lost, peer) = (std::mem::take(&mut end.line.lost), end.other);
        self.tell(host, What::SendsAgain(id, lost.len()));
        let is_there = peer.and_then(|peer| self.tcp.get(peer)).is_some_and(|peer| !peer.is_gone());
        let says_nothing = lost.values().all(|segment| matches!(segment, Segment::Room(_)));
        if was_unacknowledged && !is_there && says_nothing {
            // What had arrived comes again, and where it does nobody knows of it any more.
            self.answer_for_nobody(id, other, 0, Segment::Ack);
        }
        for (number, segment) in lost {
            self.put_on_the_way(id, number, segment);
        }
    }

    /// A segment comes to its end.
    pub(crate) fn handle_arrival(&mut self, arrival: Arrival) {
        let Arrival { from, to, hosts: (sender, receiver), number, mut segment } = arrival;
        let (is_reset, now) = (matches!(segment, Segment::Reset), self.now);
        if self.links.is_cut(sender, receiver) {
            // Nobody sends a reset again: who speaks on will be told by another.
            if !is_reset {
                self.lose(from, number, segment);
            }
            return;
        }
        let Some(end) = self.tcp.get_mut(to).filter(|end| !end.is_gone()) else {
            return self.answer_for_nobody(from, receiver, number, segment);
        };
        if !is_reset {
            if number != end.expected {
                // One before it was lost on the way, and this is as good as lost.
                return self.lose(from, number, segment);
            }
            end.expected += 1;
        }
        end.heard_last = now;
        let is_last = match &mut segment {
            Segment::Data(bytes) => self.cut_short(sender, receiver, bytes),
            _ => false,
        };
        // What nobody will ever read is answered by a reset.
        let is_answered =
            self.tcp.get(to).is_some_and(|end| end.is_closed) && matches!(segment, Segment::Data(_));
        self.handle_segment(to, segment);
        if is_last {
            return self.reset_between(sender, receiver);
        }
        if is_answered || !is_reset && self.links.is_cut(receiver, sender) {
            self.be_unacknowledged(from);
        }
    }

    /// Something has arrived, and was not acknowledged: either that was lost, or a reset is on its way, which may be.
    fn be_unacknowledged(&mut self, id: EndId) {
        if let Some(end) = self.tcp.get_mut(id).filter(|end| !end.is_gone()) {
            end.line.is_unacknowledged = true;
            self.be_in_trouble(id);
        }
    }

    /// The end that it should come to is gone. Its machine says so, if it can be heard.
    fn answer_for_nobody(&mut self, from: EndId, receiver: HostId, number: u64, segment: Segment) {
        let Some(end) = self.tcp.get(from) else { return };
        let sender = end.host;
        if matches!(segment, Segment::Reset | Segment::Room(_)) {
            return;
        }
        if self.links.is_cut(receiver, sender) {
            return self.lose(from, number, segment);
        }
        let time = self.travel(receiver, sender, Segment::Reset.bytes_on_wire());
        let reset = Arrival { from, to: from, hosts: (receiver, sender), number: 0, segment: Segment::Reset };
        self.happen_in(time, Happening::Arrives(reset));
        self.be_unacknowledged(from);
    }

    fn handle_segment(&mut self, id: EndId, segment: Segment) {
        let Some(end) = self.tcp.get_mut(id) else { return };
        let (host, token) = (end.host, end.token);
        match segment {
            Segment::SynAck => self.handle_syn_ack(id),
            Segment::Ack => self.handle_ack(id),
            Segment::Reset => self.handle_reset(id),
            // Nobody will ever read it.
            Segment::Data(_) if end.is_closed => self.abort(id),
            Segment::Data(bytes) => {
                let len = bytes.len();
                if end.reads_no_more {
                    end.unreturned += len;
                } else {
                    end.received.extend(bytes);
                }
                self.tell(host, What::Arrives(id, len));
                self.tell_ready(host, token, Readiness::new(true, false));
            }
            Segment::End => {
                end.has_heard_end = true;
                self.tell(host, What::EndArrives(id));
                self.tell_all(id);
            }
            Segment::Room(bytes) => {
                end.room += bytes;
                self.tell_ready(host, token, Readiness::new(false, true));
            }
        }
    }

    /// The other end has said that there is no such connection.
    pub(super) fn handle_reset(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let host = end.host;
        self.tell(host, What::ResetArrives(id));
        // What came before may still be read, or not: systems differ.
        if self.chance.one_in(2)
            && let Some(end) = self.tcp.get_mut(id)
        {
            end.received.clear();
        }
        self.fail(id, io::ErrorKind::ConnectionReset);
    }

    /// Nobody has answered for too long.
    pub(super) fn time_out(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let (host, other) = (end.host, end.other);
        self.tell(host, What::TimesOut(id));
        // One whose handshake never ended has nothing of its own that would look after it.
        let other =
            other.filter(|other| self.tcp.get(*other).is_some_and(|end| end.stands == Stands::NotYet));
        if let Some(other) = other {
            self.fail(other, io::ErrorKind::TimedOut);
        }
        self.fail(id, io::ErrorKind::TimedOut);
    }

    /// A connection stands no more, to one of its ends.
    pub(super) fn fail(&mut self, id: EndId, why: io::ErrorKind) {
        let Some(end) = self.tcp.get_mut(id).filter(|end| !end.is_gone()) else { return };
        end.stands = Stands::NoMore(Some(why));
        end.line = Default::default();
        if end.is_closed {
            return self.forget(id);
        }
        if let Some(listener) = end.listener
            && let Some(listener) = self.tcp.listeners.get_mut(&listener)
            && listener.begun.contains(&id)
        {
            // Its program has never heard of it.
            listener.begun.retain(|begun| *begun != id);
            return self.forget(id);
        }
        self.tell_all(id);
    }

    /// An end goes at once, and tells the other.
    pub(super) fn abort(&mut self, id: EndId) {
        let is_told = self.tcp.get(id).is_some_and(|end| !end.is_gone());
        if is_told {
            self.send_reset(id);
        }
        self.forget(id);
    }

    fn send_reset(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        if !self.links.is_cut(end.host, end.other_host) {
            // Behind what was sent before, and with no number: it is heard in any case.
            self.put_on_the_way(id, 0, Segment::Reset);
        }
    }
}

/// Linux's least time before it sends again, and its longest.
const RESEND_FIRST: u64 = 200_000_000;
const RESEND_MAX: u64 = 120_000_000_000;
