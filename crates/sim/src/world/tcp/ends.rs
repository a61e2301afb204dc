//! What a program does with its end of a connection.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};

use ekiden_reactor::driver::{Readiness, Token};

use super::{End, Segment, Stands};
use crate::journal::{Digest, EndId, HostId, What};
use crate::world::World;

impl World {
    /// A program takes an end up, and is told from now on what it is ready for.
    pub(crate) fn take_up(&mut self, id: EndId, token: Token) {
        if let Some(end) = self.tcp.get_mut(id) {
            end.token = Some(token);
            self.tell_all(id);
        }
    }

    pub(crate) fn read(&mut self, id: EndId, buf: &mut [u8]) -> io::Result<usize> {
        let end = self.tcp.ends.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        if end.stands == Stands::NotYet {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if buf.is_empty() || end.reads_no_more {
            return Ok(0);
        }
        if end.received.is_empty() {
            return match end.take_failure() {
                Some(failure) => Err(failure),
                None if end.has_heard_end || end.is_gone() => Ok(0),
                None => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let n = self.chance.part_of(buf.len().min(end.received.len()), self.config.short_one_in);
        buf[..n].iter_mut().zip(end.received.drain(..n)).for_each(|(to, from)| *to = from);
        end.unreturned += n;
        let (host, token, has_more) = (end.host, end.token, !end.received.is_empty());
        self.tell(host, What::Reads(id, n, Digest::of(&buf[..n])));
        self.return_room(id);
        if n < buf.len() && has_more {
            // To the program it is as if the rest had come later.
            self.tell_ready(host, token, Readiness::new(true, false));
        }
        Ok(n)
    }

    /// Tells the other end how much more it may send, when that is worth it. Whoever waits for room has sent as much as
    /// there was, so a part of that is always reached.
    fn return_room(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let window = end.other.and_then(|other| self.tcp.get(other)).map_or(0, |other| other.window);
        if end.unreturned * 4 < window {
            return;
        }
        if let Some(end) = self.tcp.get_mut(id) {
            let bytes = std::mem::take(&mut end.unreturned);
            self.send(id, Segment::Room(bytes));
        }
    }

    pub(crate) fn write(&mut self, id: EndId, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let end = self.tcp.ends.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        if end.stands == Stands::NotYet {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if let Some(failure) = end.take_failure() {
            return Err(failure);
        }
        if end.is_gone() || end.has_said_end {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let len = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        if len == 0 {
            return Ok(0);
        }
        let could = len.min(end.room);
        if could == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = self.chance.part_of(could, self.config.short_one_in);
        end.room -= n;
        let (host, token, has_room) = (end.host, end.token, end.room > 0);
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter()).take(n).copied().collect();
        self.tell(host, What::Writes(id, n, Digest::of(&bytes)));
        self.send_in_pieces(id, bytes);
        if n < len && has_room {
            self.tell_ready(host, token, Readiness::new(false, true));
        }
        Ok(n)
    }

    /// What was written by one call does not arrive by one.
    fn send_in_pieces(&mut self, id: EndId, mut bytes: Vec<u8>) {
        let Some(end) = self.tcp.get(id) else { return };
        let most = self.segment_bytes_max(end.host, end.other_host);
        while !bytes.is_empty() {
            let could = bytes.len().min(most);
            let n = match could > 1 && self.chance.one_in(self.config.short_one_in) {
                true => 1 + self.chance.index(could - 1),
                false => could,
            };
            let rest = bytes.split_off(n);
            self.send(id, Segment::Data(bytes));
            bytes = rest;
        }
    }

    pub(crate) fn shut(&mut self, id: EndId, how: Shutdown) -> io::Result<()> {
        let end = self.tcp.get_mut(id).ok_or(io::ErrorKind::NotConnected)?;
        if end.stands != Stands::Yes {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if how != Shutdown::Write {
            end.reads_no_more = true;
        }
        if how != Shutdown::Read {
            self.say_end(id);
        }
        self.tell_all(id);
        Ok(())
    }

    fn say_end(&mut self, id: EndId) {
        let Some(end) = self.tcp.get_mut(id).filter(|end| !end.has_said_end) else { return };
        end.has_said_end = true;
        let host = end.host;
        self.tell(host, What::SaysEnd(id));
        self.send(id, Segment::End);
    }

    /// A program lets its end go. What it has written still arrives; what has come and was not read makes it a reset.
    pub(crate) fn close(&mut self, id: EndId) {
        let Some(end) = self.tcp.get_mut(id) else { return };
        end.is_closed = true;
        let (host, token) = (end.host, end.token.take());
        let has_unread = !end.received.is_empty() || end.resets_when_closed;
        let (stands, other) = (end.stands, end.other);
        self.silence(host, token);
        self.tell(host, What::Closes(id));
        match stands {
            Stands::Yes if has_unread => self.abort(id),
            Stands::Yes => {
                self.say_end(id);
                let other = other.filter(|other| self.tcp.get(*other).is_some_and(|other| !other.is_closed));
                if other.is_none() {
                    self.forget(id);
                }
            }
            Stands::NotYet | Stands::NoMore(_) => self.forget(id),
        }
    }

    /// An end is no more; nor is the other, if its program has let it go too.
    pub(super) fn forget(&mut self, id: EndId) {
        let Some(end) = self.tcp.ends.remove(&id) else { return };
        if let Some(other) = end.other
            && self.tcp.get(other).is_some_and(|other| other.is_closed)
        {
            self.tcp.ends.remove(&other);
        }
    }

    pub(crate) fn set_reset_when_closed(&mut self, id: EndId) {
        if let Some(end) = self.tcp.get_mut(id) {
            end.resets_when_closed = true;
        }
    }

    pub(crate) fn take_error(&mut self, id: EndId) -> Option<io::Error> {
        self.tcp.get_mut(id).and_then(End::take_failure)
    }

    /// This end's address, and the other's once the connection stands.
    pub(crate) fn addrs(&self, id: EndId) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let Some(end) = self.tcp.get(id) else { return (None, None) };
        (Some(end.local), Some(end.peer).filter(|_| end.stands == Stands::Yes))
    }

    /// Everything that a host's program had open is gone, as if by a crash.
    pub(crate) fn forget_sockets(&mut self, host: HostId) {
        let listeners = &self.tcp.listeners;
        let listeners: Vec<_> =
            listeners.iter().filter(|(_, listener)| listener.host == host).map(|(id, _)| *id).collect();
        listeners.into_iter().for_each(|id| self.close_listener(id));
        let is_left = |end: &End| end.host == host && !end.is_closed;
        let left: Vec<_> = self.tcp.ends.iter().filter(|(_, end)| is_left(end)).map(|(id, _)| *id).collect();
        left.into_iter().for_each(|id| self.abort(id));
    }

    /// All connections between two hosts are reset, to both.
    pub(crate) fn reset_between(&mut self, a: HostId, b: HostId) {
        let is_between =
            |end: &End| [(end.host, end.other_host), (end.other_host, end.host)].contains(&(a, b));
        let between: Vec<_> =
            self.tcp.ends.iter().filter(|(_, end)| is_between(end)).map(|(id, _)| *id).collect();
        between.into_iter().for_each(|id| self.handle_reset(id));
    }

    /// Tells a program everything that its end is ready for.
    pub(super) fn tell_all(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let is_over = end.has_heard_end && end.has_said_end;
        let has_end = end.has_heard_end || end.is_gone() || end.reads_no_more;
        let mut readiness = Readiness::new(!end.received.is_empty() || has_end, end.room > 0);
        if has_end {
            readiness = readiness.read_closed();
        }
        if end.is_gone() || is_over {
            readiness = readiness.gone();
        }
        let (host, token) = (end.host, end.token);
        self.tell_ready(host, token, readiness);
    }
}
