//! What a program does with its end of a connection.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};

use ekiden_reactor::driver::{Readiness, Token};

use super::line::Said;
use super::wire::Kind;
use super::{End, State};
use crate::journal::{Digest, EndId, What};
use crate::world::World;
use crate::world::errno::Errno;

impl World {
    /// A program takes an end up, and is told from now on what it is ready for.
    pub(crate) fn take_up(&mut self, id: EndId, token: Token) {
        if let Some(end) = self.tcp.held(id) {
            end.token = Some(token);
            self.tell_all(id);
        }
    }

    pub(crate) fn read(&mut self, id: EndId, buf: &mut [u8]) -> io::Result<usize> {
        let end = self.tcp.held(id).ok_or(Errno::NotConnected)?;
        if end.ear.received.is_empty() {
            return match end.ear.has_heard_end {
                // Even if it was reset since.
                true => Ok(0),
                false => match end.take_failure() {
                    Some(failure) => Err(failure),
                    None if end.is_over() || end.ear.reads_no_more => Ok(0),
                    None => Err(Errno::WouldBlock.into()),
                },
            };
        }
        let n = self.chance.part_of(buf.len().min(end.ear.received.len()), self.config.short_one_in);
        buf[..n].iter_mut().zip(end.ear.received.drain(..n)).for_each(|(to, from)| *to = from);
        end.ear.handle_read(n);
        let (host, token, has_more) = (end.host, end.token, !end.ear.received.is_empty());
        let tells_room = end.state == State::Established && end.ear.is_worth_telling();
        self.tell(host, What::Reads(id, n, Digest::of(&buf[..n])));
        if tells_room {
            self.transmit(id, Kind::Ack);
        }
        if n < buf.len() && has_more {
            // To the program it is as if the rest had come later.
            self.tell_ready(host, token, Readiness::new(true, false));
        }
        Ok(n)
    }

    pub(crate) fn write(&mut self, id: EndId, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let end = self.tcp.held(id).ok_or(Errno::NotConnected)?;
        if let Some(failure) = end.take_failure() {
            return Err(failure);
        }
        if end.is_over() || end.line.has_said_end {
            return Err(Errno::BrokenPipe.into());
        }
        let len = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        if len == 0 {
            return Ok(0);
        }
        let room = end.line.room();
        if room == 0 {
            end.line.is_held_up = true;
            self.wait_for_answer(id);
            return Err(Errno::WouldBlock.into());
        }
        let (could, host, token) = (len.min(room), end.host, end.token);
        let n = self.chance.part_of(could, self.config.short_one_in);
        end.line.is_held_up = n == room && n < len;
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter()).take(n).copied().collect();
        self.tell(host, What::Writes(id, n, Digest::of(&bytes)));
        self.send_in_pieces(id, &bytes);
        if n < could {
            self.tell_ready(host, token, Readiness::new(false, true));
        }
        Ok(n)
    }

    /// What was written by one call does not arrive by one.
    fn send_in_pieces(&mut self, id: EndId, mut bytes: &[u8]) {
        let Some(end) = self.tcp.get(id) else { return };
        let most = self.segment_bytes_max(end.host, end.other_host);
        while !bytes.is_empty() {
            let could = bytes.len().min(most);
            let n = match could > 1 && self.chance.one_in(self.config.short_one_in) {
                true => 1 + self.chance.index(could - 1),
                false => could,
            };
            let (piece, rest) = bytes.split_at(n);
            self.say(id, Said::Bytes(piece.into()));
            bytes = rest;
        }
    }

    pub(crate) fn shut(&mut self, id: EndId, how: Shutdown) -> io::Result<()> {
        let end = self.tcp.held(id).ok_or(Errno::NotConnected)?;
        if end.state != State::Established {
            return Err(Errno::NotConnected.into());
        }
        if how != Shutdown::Write {
            end.ear.reads_no_more = true;
        }
        if how != Shutdown::Read {
            self.say_end(id);
        }
        self.tell_all(id);
        Ok(())
    }

    fn say_end(&mut self, id: EndId) {
        let Some(end) = self.tcp.get_mut(id).filter(|end| !end.line.has_said_end) else { return };
        end.line.is_first_to_end = !end.ear.has_heard_end;
        end.line.is_held_up = false;
        let host = end.host;
        self.tell(host, What::SaysEnd(id));
        self.say(id, Said::End);
    }

    /// A program lets its end go. What it has written still arrives; what has come and was not read makes it a reset.
    pub(crate) fn close(&mut self, id: EndId) {
        let Some(end) = self.tcp.held(id) else { return };
        (end.is_closed, end.ear.reads_no_more) = (true, true);
        let (host, token) = (end.host, end.token.take());
        let resets = !end.ear.received.is_empty() || end.resets_when_closed;
        let is_established = end.state == State::Established;
        self.silence(host, token);
        self.tell(host, What::Closes(id));
        match (is_established, resets) {
            (true, true) => self.abort(id),
            (true, false) => {
                self.say_end(id);
                self.wait_for_answer(id);
            }
            (false, _) => self.forget(id),
        }
    }

    pub(crate) fn set_reset_when_closed(&mut self, id: EndId) {
        if let Some(end) = self.tcp.held(id) {
            end.resets_when_closed = true;
        }
    }

    /// Nothing waits here to be sent in larger pieces, so whether it should is only remembered.
    pub(crate) fn set_nodelay(&mut self, id: EndId, nodelay: bool) -> io::Result<()> {
        self.tcp.held(id).ok_or(Errno::NotConnected)?.nodelay = nodelay;
        Ok(())
    }

    pub(crate) fn nodelay(&mut self, id: EndId) -> io::Result<bool> {
        Ok(self.tcp.held(id).ok_or(Errno::NotConnected)?.nodelay)
    }

    pub(crate) fn take_error(&mut self, id: EndId) -> Option<io::Error> {
        self.tcp.held(id).and_then(End::take_failure)
    }

    /// This end's address, and the other's once the connection stands.
    pub(crate) fn addrs(&mut self, id: EndId) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let Some(end) = self.tcp.held(id) else { return (None, None) };
        (Some(end.local), Some(end.peer).filter(|_| end.state == State::Established))
    }

    /// Tells a program everything that its end is ready for.
    pub(super) fn tell_all(&mut self, id: EndId) {
        let Some(end) = self.tcp.get(id) else { return };
        let has_end = end.ear.has_heard_end || end.is_over() || end.ear.reads_no_more;
        let says_no_more = end.is_over() || end.line.has_said_end;
        let (has_any, has_room) = (!end.ear.received.is_empty(), end.line.room() > 0);
        let mut readiness = Readiness::new(has_any || has_end, has_room || says_no_more);
        if has_end {
            readiness = readiness.read_closed();
        }
        if has_end && says_no_more {
            readiness = readiness.gone();
        }
        let (host, token) = (end.host, end.token);
        self.tell_ready(host, token, readiness);
    }
}
