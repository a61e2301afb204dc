//! How connections end: both have said their ends, or one is reset, or nobody has answered for too long.

use super::wire::Kind;
use super::{End, State};
use crate::journal::{EndId, HostId, What};
use crate::world::World;
use crate::world::errno::Errno;

impl World {
    /// Looks whether both ends have said everything and know that they were heard. Whoever said it first stays in `TIME_WAIT`.
    pub(super) fn handle_both_ended(&mut self, id: EndId) -> bool {
        let Some(end) = self.tcp.get_mut(id) else { return false };
        let both = end.state == State::Established && end.ear.has_heard_end && end.line.is_end_acknowledged();
        if !both {
            return false;
        }
        let (is_closed, is_first) = (end.is_closed, end.line.is_first_to_end);
        if is_first {
            self.begin_time_wait(id);
        }
        self.release_port(id);
        if let Some(end) = self.tcp.get_mut(id) {
            end.state = State::Closed(None);
        }
        if is_closed {
            self.forget(id);
        }
        true
    }

    /// The other end has said that there is no such connection. What came before may still be read.
    pub(super) fn handle_reset(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let why = match end.state {
            State::SynSent => Errno::ConnectionRefused,
            // It had said its end, so to who writes it is as if nobody read any more.
            State::Established if end.ear.has_heard_end && !end.line.has_said_end => Errno::BrokenPipe,
            _ => Errno::ConnectionReset,
        };
        let host = end.host;
        self.tell(host, What::ResetArrives(id));
        self.fail(id, why);
    }

    /// Nobody has answered for too long.
    pub(super) fn time_out(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let host = end.host;
        self.tell(host, What::TimesOut(id));
        self.fail(id, Errno::TimedOut);
    }

    /// A connection stands no more, to one of its ends.
    fn fail(&mut self, id: EndId, why: Errno) {
        self.stop_timer(id);
        let Some(end) = self.tcp.get_mut(id).filter(|end| !end.is_over()) else { return };
        // Whose handshake never ended, of that its program has never heard.
        let is_unknown = end.is_closed || end.state == State::SynReceived;
        end.state = State::Closed(Some(why));
        self.release_port(id);
        match is_unknown {
            true => self.forget(id),
            false => self.tell_all(id),
        }
    }

    /// An end goes at once, and tells the other.
    pub(super) fn abort(&mut self, id: EndId) {
        self.send_reset(id);
        self.forget(id);
    }

    pub(super) fn send_reset(&mut self, id: EndId) {
        if self.tcp.get(id).is_some_and(|end| end.state == State::Established) {
            self.transmit(id, Kind::Reset);
        }
    }

    /// An end is no more.
    pub(super) fn forget(&mut self, id: EndId) {
        self.stop_timer(id);
        self.release_port(id);
        let Some(end) = self.tcp.ends.remove(id) else { return };
        if let Some(listener) = end.listener.and_then(|id| self.tcp.listeners.get_mut(&id)) {
            listener.begun.retain(|begun| *begun != id);
        }
    }

    /// Others can have the port of who had connected.
    fn release_port(&mut self, id: EndId) {
        if let Some(end) = self.tcp.get_mut(id)
            && std::mem::take(&mut end.has_port)
        {
            self.ports.release(end.host, end.local.port(), end.peer);
        }
    }

    /// A host's program is no more, and its system closes everything that it had open.
    pub(crate) fn close_sockets(&mut self, host: HostId) {
        let listeners = &self.tcp.listeners;
        let listeners: Vec<_> =
            listeners.iter().filter(|(_, listener)| listener.host == host).map(|(id, _)| *id).collect();
        listeners.into_iter().for_each(|id| self.close_listener(id));
        self.ends_that(|end| end.host == host && !end.is_closed).into_iter().for_each(|id| self.close(id));
    }

    /// All connections between two hosts are reset, to both.
    pub(crate) fn reset_between(&mut self, a: HostId, b: HostId) {
        let is_between =
            |end: &End| [(end.host, end.other_host), (end.other_host, end.host)].contains(&(a, b));
        let between = self.ends_that(|end| is_between(end) && end.state == State::Established);
        between.into_iter().for_each(|id| self.handle_reset(id));
    }

    fn ends_that(&self, are: impl Fn(&End) -> bool) -> Vec<EndId> {
        self.tcp.ends.iter().filter(|(_, end)| are(end)).map(|(id, _)| id).collect()
    }
}
