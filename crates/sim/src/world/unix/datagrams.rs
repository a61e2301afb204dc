//! Unix datagrams: whole, in order, and never lost, so who sends waits for room.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;

use ekiden_reactor::driver::{Readiness, Token};

use super::{Bound, Name, digest, unnamed, wrong_kind};
use crate::journal::{Digest, EndId, HostId, What};
use crate::world::World;
use crate::world::errno::Errno;

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) host: HostId,
    /// `None` until it is taken up.
    token: Option<Token>,
    local: SocketAddr,
    name: Option<Name>,
    /// Whom it is connected to: it hears nobody else.
    peer: Option<(EndId, SocketAddr)>,
    received: VecDeque<(SocketAddr, Vec<u8>)>,
    hears: bool,
    speaks: bool,
}

impl World {
    /// Opens a socket, on an address or on none.
    pub(crate) fn open_unix_datagrams(
        &mut self,
        host: HostId,
        addr: Option<&SocketAddr>,
    ) -> io::Result<EndId> {
        let id = self.tcp.next_end();
        let name = addr.map(|addr| self.bind_name(host, addr, Bound::Datagrams(id))).transpose()?;
        let local = addr.cloned().unwrap_or_else(unnamed);
        if addr.is_some() {
            self.tell(host, What::ListensOnPath(digest(&local)));
        }
        let (received, peer) = (VecDeque::new(), None);
        let socket = Socket { host, token: None, local, name, peer, received, hears: true, speaks: true };
        self.unix.datagrams.insert(id, socket);
        Ok(id)
    }

    /// Two that are connected to each other.
    pub(crate) fn unix_datagram_pair(&mut self, host: HostId) -> io::Result<(EndId, EndId)> {
        let (one, two) = (self.open_unix_datagrams(host, None)?, self.open_unix_datagrams(host, None)?);
        for (id, peer) in [(one, two), (two, one)] {
            if let Some(socket) = self.unix.datagrams.get_mut(&id) {
                socket.peer = Some((peer, unnamed()));
            }
        }
        Ok((one, two))
    }

    /// A program takes a socket up, and is told from now on what it is ready for.
    pub(crate) fn take_up_unix_datagrams(&mut self, id: EndId, token: Token) {
        let Some(socket) = self.unix.datagrams.get_mut(&id) else { return };
        socket.token = Some(token);
        let (host, has_any) = (socket.host, !socket.received.is_empty());
        self.tell_ready(host, Some(token), Readiness::new(has_any, true));
    }

    pub(crate) fn connect_unix_datagrams(&mut self, id: EndId, addr: &SocketAddr) -> io::Result<()> {
        let socket = self.unix.datagrams.get(&id).ok_or(Errno::NotConnected)?;
        let (host, token, peer) = (socket.host, socket.token, self.find_receiver(socket.host, addr)?);
        self.check_hears(peer, id)?;
        let Some(socket) = self.unix.datagrams.get_mut(&id) else { return Ok(()) };
        let before = socket.peer.replace((peer, addr.clone()));
        if before.is_some_and(|(before, _)| before != peer) {
            socket.received.clear();
        }
        // Whether there is room is another question with another peer.
        self.tell_ready(host, token, Readiness::new(false, true));
        Ok(())
    }

    /// Sends a datagram, to whom it says or the socket is connected to.
    pub(crate) fn send_unix(
        &mut self,
        id: EndId,
        bytes: &[u8],
        to: Option<&SocketAddr>,
    ) -> io::Result<usize> {
        let socket = self.unix.datagrams.get_mut(&id).ok_or(Errno::NotConnected)?;
        let (host, from) = (socket.host, socket.local.clone());
        if bytes.len() > BYTES_MAX {
            return Err(Errno::TooLong.into());
        }
        if !socket.speaks {
            return Err(Errno::BrokenPipe.into());
        }
        let receiver = match (to, &socket.peer) {
            (Some(to), _) => self.find_receiver(host, to)?,
            (None, None) => return Err(Errno::NotConnected.into()),
            (None, Some((peer, _))) => {
                let peer = *peer;
                if !self.unix.datagrams.contains_key(&peer) {
                    // Told once: then there is no peer.
                    self.disconnect_unix(id);
                    return Err(Errno::ConnectionRefused.into());
                }
                peer
            }
        };
        self.check_hears(receiver, id)?;
        let socket = self.unix.datagrams.get_mut(&receiver).ok_or(Errno::ConnectionRefused)?;
        if !socket.hears {
            return Err(Errno::BrokenPipe.into());
        }
        if socket.received.len() >= RECEIVED_MAX {
            return Err(Errno::WouldBlock.into());
        }
        socket.received.push_back((from, bytes.to_vec()));
        let token = socket.token;
        self.tell(host, What::Writes(id, bytes.len(), Digest::of(bytes)));
        self.tell_ready(host, token, Readiness::new(true, false));
        Ok(bytes.len())
    }

    /// Receives a datagram. What does not fit is cut off.
    pub(crate) fn receive_unix(&mut self, id: EndId, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let socket = self.unix.datagrams.get_mut(&id).ok_or(Errno::NotConnected)?;
        let was_full = socket.received.len() >= RECEIVED_MAX;
        let (from, bytes) = socket.received.pop_front().ok_or(Errno::WouldBlock)?;
        let (host, n) = (socket.host, buf.len().min(bytes.len()));
        buf[..n].copy_from_slice(&bytes[..n]);
        self.tell(host, What::Reads(id, n, Digest::of(&buf[..n])));
        if was_full {
            self.tell_senders(id);
        }
        Ok((n, from))
    }

    /// Ends a direction of this socket; its peer is not told.
    pub(crate) fn shut_unix_datagrams(&mut self, id: EndId, how: Shutdown) -> io::Result<()> {
        let socket = self.unix.datagrams.get_mut(&id).ok_or(Errno::NotConnected)?;
        socket.hears &= how == Shutdown::Write;
        socket.speaks &= how == Shutdown::Read;
        // Who waits for room is to find out.
        let (host, token) = (socket.host, socket.token);
        self.tell_ready(host, token, Readiness::new(true, true));
        self.tell_senders(id);
        Ok(())
    }

    pub(crate) fn close_unix_datagrams(&mut self, id: EndId) {
        let Some(socket) = self.unix.datagrams.remove(&id) else { return };
        self.silence(socket.host, socket.token);
        self.tell(socket.host, What::Closes(id));
        if let Some(name) = socket.name {
            self.release_name(socket.host, name, Bound::Datagrams(id));
        }
        self.tell_senders(id);
    }

    /// This end's address, and whom it is connected to.
    pub(crate) fn unix_datagram_addrs(&self, id: EndId) -> io::Result<(SocketAddr, Option<SocketAddr>)> {
        let socket = self.unix.datagrams.get(&id).ok_or(Errno::NotConnected)?;
        Ok((socket.local.clone(), socket.peer.as_ref().map(|(_, addr)| addr.clone())))
    }

    fn find_receiver(&self, host: HostId, addr: &SocketAddr) -> io::Result<EndId> {
        match self.find_name(host, addr)? {
            Bound::Datagrams(id) => Ok(id),
            _ => Err(wrong_kind()),
        }
    }

    /// Who is connected hears nobody but his peer, and the others are told so.
    fn check_hears(&self, receiver: EndId, sender: EndId) -> io::Result<()> {
        let peer = self.unix.datagrams.get(&receiver).and_then(|socket| socket.peer.as_ref());
        match peer.is_none_or(|(peer, _)| *peer == sender) {
            true => Ok(()),
            false => Err(Errno::NotPermitted.into()),
        }
    }

    fn disconnect_unix(&mut self, id: EndId) {
        if let Some(socket) = self.unix.datagrams.get_mut(&id) {
            socket.peer = None;
        }
    }

    /// Who is connected to a socket may try again. Others are not told, as by Linux; the reactor asks for them.
    fn tell_senders(&mut self, receiver: EndId) {
        let is_to_it = |socket: &&Socket| socket.peer.as_ref().is_some_and(|(peer, _)| *peer == receiver);
        let senders = self.unix.datagrams.values().filter(is_to_it);
        let senders: Vec<_> = senders.map(|socket| (socket.host, socket.token)).collect();
        for (host, token) in senders {
            self.tell_ready(host, token, Readiness::new(false, true));
        }
    }
}

/// What a socket of Linux sends at most, by its default buffer.
const BYTES_MAX: usize = 212_960;

/// How many datagrams a socket of Linux holds: `max_dgram_qlen`, and one more. There a pair holds as many as there is
/// memory for; here it is as others are.
const RECEIVED_MAX: usize = 11;
