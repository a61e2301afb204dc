//! The one timer of an end: what it waits for, when it says again what was not answered, and when it gives up.
//!
//! | it waits for | says again, twice as late each time | gives up after |
//! |---|---|---|
//! | an answer to its SYN | the SYN, at first after 1 s | 127 s: six times more (`tcp_syn_retries`) |
//! | the ACK of its SYN-ACK | the SYN-ACK, at first after 1 s | 63 s: five times more (`tcp_synack_retries`) |
//! | an acknowledgement | the first that was not acknowledged | [`Config::give_up`](crate::Config::give_up) |
//! | the same, where its program has gone | the same | 102.2 s (`tcp_orphan_retries`) |
//! | room, if the program wants it | a probe, which is answered by how much there is | as long as for an acknowledgement, without any answer |
//! | the other's FIN, where its program has gone | nothing | 60 s (`tcp_fin_timeout`) |

use super::wire::Kind;
use super::{End, State};
use crate::config::to_nanos;
use crate::journal::{EndId, What};
use crate::world::queue::Key;
use crate::world::{Happening, World};

/// Runs while an end waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    key: Key,
    /// Since when nobody answers, and how long it is waited this time.
    since: u64,
    delay: u64,
}

/// What an end waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    SynAck,
    HandshakeAck,
    Acknowledgement,
    Room,
    End,
}

impl End {
    fn awaited(&self) -> Option<Awaited> {
        match self.state {
            State::SynSent => Some(Awaited::SynAck),
            State::SynReceived => Some(Awaited::HandshakeAck),
            State::Closed(_) => None,
            State::Established if self.line.has_unacknowledged() => Some(Awaited::Acknowledgement),
            State::Established if self.line.is_held_up => Some(Awaited::Room),
            State::Established if self.is_closed => Some(Awaited::End),
            State::Established => None,
        }
    }
}

impl World {
    /// An end has sent what is to be answered: the timer runs, if it does not yet.
    pub(super) fn wait_for_answer(&mut self, id: EndId) {
        if self.tcp.get(id).is_some_and(|end| end.timer.is_none()) {
            self.start_timer(id, self.now, None);
        }
    }

    /// An answer has come that brings the end further: the timer runs anew, if there is anything left to wait for.
    pub(super) fn handle_progress(&mut self, id: EndId) {
        self.stop_timer(id);
        if !self.handle_both_ended(id) {
            self.start_timer(id, self.now, None);
        }
    }

    /// The first answer of all: how long it took, if it is known which of several times was answered.
    pub(super) fn handle_handshake(&mut self, id: EndId) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id) else { return };
        if let Some(timer) = end.timer.filter(|timer| timer.delay == HANDSHAKE_FIRST) {
            end.line.round_trip.handle_sample(now - timer.since);
        }
        self.stop_timer(id);
    }

    /// What it waits for was asked for again, and it has said it: it waits from now on as long as it would have this time.
    pub(super) fn wait_anew(&mut self, id: EndId) {
        let Some(timer) = self.stop_timer(id) else { return };
        let waited = timer.delay.saturating_sub(timer.key.at.saturating_sub(self.now));
        self.start_timer(id, timer.since + waited, Some(timer.delay));
    }

    /// An answer has come that says nothing new. So the other is there, if it is for room that is waited.
    pub(super) fn handle_answer(&mut self, id: EndId) {
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id) else { return };
        if end.awaited() == Some(Awaited::Room)
            && let Some(timer) = &mut end.timer
        {
            timer.since = now;
        }
    }

    pub(super) fn stop_timer(&mut self, id: EndId) -> Option<Timer> {
        let timer = self.tcp.get_mut(id)?.timer.take()?;
        self.queue.cancel(timer.key);
        Some(timer)
    }

    fn start_timer(&mut self, id: EndId, since: u64, delay: Option<u64>) {
        let Some(end) = self.tcp.get(id) else { return };
        let Some(awaited) = end.awaited() else { return };
        let delay = delay.unwrap_or(match awaited {
            Awaited::SynAck | Awaited::HandshakeAck => HANDSHAKE_FIRST,
            Awaited::Acknowledgement | Awaited::Room => end.line.round_trip.timeout(),
            Awaited::End => FIN_TIMEOUT,
        });
        // What still waits for the wire is not taken for lost.
        let until_sent = self.until_sent(end.host, end.other_host);
        let (at, tie) = (self.now.saturating_add(until_sent).saturating_add(delay), self.chance.next());
        let key = self.queue.push(at, tie, Happening::Timeout { end: id });
        if let Some(end) = self.tcp.get_mut(id) {
            end.timer = Some(Timer { key, since, delay });
        }
    }

    /// Nobody has answered for as long as it was waited this time.
    pub(crate) fn handle_timeout(&mut self, id: EndId) {
        let give_up = to_nanos(self.config.give_up);
        let Some(end) = self.tcp.get_mut(id) else { return };
        let (Some(timer), Some(awaited)) = (end.timer.take(), end.awaited()) else { return };
        let patience = match awaited {
            Awaited::SynAck => SYN_GIVE_UP,
            Awaited::HandshakeAck => SYN_ACK_GIVE_UP,
            Awaited::Acknowledgement if end.is_closed => give_up.min(ORPHAN_GIVE_UP),
            Awaited::Acknowledgement | Awaited::Room => give_up,
            Awaited::End => 0,
        };
        if self.now - timer.since >= patience {
            return self.time_out(id);
        }
        self.repeat(id, awaited);
        self.start_timer(id, timer.since, Some((timer.delay * 2).min(DELAY_MAX)));
    }

    fn repeat(&mut self, id: EndId, awaited: Awaited) {
        let Some(end) = self.tcp.get_mut(id) else { return };
        let kind = match awaited {
            Awaited::SynAck => Kind::Syn(Box::new((end.local, end.peer))),
            Awaited::HandshakeAck => Kind::SynAck,
            Awaited::Acknowledgement => match end.line.repeat() {
                Some(piece) => Kind::Piece(piece),
                None => return,
            },
            Awaited::Room => Kind::Probe,
            Awaited::End => return,
        };
        let host = end.host;
        self.tell(host, What::SendsAgain(id, 1));
        self.transmit(id, kind);
    }
}

const SECOND: u64 = 1_000_000_000;
const HANDSHAKE_FIRST: u64 = SECOND;
const SYN_GIVE_UP: u64 = 127 * SECOND;
const SYN_ACK_GIVE_UP: u64 = 63 * SECOND;
const ORPHAN_GIVE_UP: u64 = 102_200_000_000;
const FIN_TIMEOUT: u64 = 60 * SECOND;
/// Linux's longest, `TCP_RTO_MAX`.
const DELAY_MAX: u64 = 120 * SECOND;
