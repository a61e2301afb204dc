//! UDP: datagrams arrive whole, and late, twice, in any order, or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use ekiden_reactor::driver::{Readiness, Token};

use super::traffic::UDP_HEADER_BYTES;
use super::{Happening, World};
use crate::journal::{Digest, EndId, HostId, What};

/// All sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets(BTreeMap<EndId, Socket>);

#[derive(Debug)]
struct Socket {
    host: HostId,
    token: Token,
    local: SocketAddr,
    /// Whom it is connected to: it hears nobody else.
    peer: Option<SocketAddr>,
    received: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// A datagram on its way.
pub(crate) struct Datagram {
    hosts: (HostId, HostId),
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl World {
    pub(crate) fn bind_udp(&mut self, host: HostId, addr: SocketAddr, token: Token) -> io::Result<EndId> {
        let machine = self.host(host);
        if !addr.ip().is_unspecified() && !machine.has_addr(addr.ip()) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let mut port = addr.port();
        let is_used = |world: &Self, port| world.udp_socket(host, port).is_some();
        if port == 0 {
            port = self.host(host).free_port();
            while is_used(self, port) {
                port = self.host(host).free_port();
            }
        } else if is_used(self, port) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (id, local) = (self.tcp.next_end(), SocketAddr::new(addr.ip(), port));
        let socket = Socket { host, token, local, peer: None, received: VecDeque::new() };
        self.udp.0.insert(id, socket);
        self.tell(host, What::Listens(local));
        // There is always room.
        self.tell_ready(host, Some(token), Readiness::new(false, true));
        Ok(id)
    }

    pub(crate) fn connect_udp(&mut self, id: EndId, peer: SocketAddr) -> io::Result<()> {
        let socket = self.udp.0.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        socket.peer = Some(peer);
        Ok(())
    }

    /// This end's address, and whom it is connected to.
    pub(crate) fn udp_addrs(&self, id: EndId) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let socket = self.udp.0.get(&id);
        (socket.map(|socket| socket.local), socket.and_then(|socket| socket.peer))
    }

    /// Sends a datagram, to whom it says or the socket is connected to.
    pub(crate) fn send_udp(&mut self, id: EndId, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        let socket = self.udp.0.get(&id).ok_or(io::ErrorKind::NotConnected)?;
        let to = to.or(socket.peer).ok_or(io::ErrorKind::NotConnected)?;
        if bytes.len() > BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a datagram has at most 65,507 bytes"));
        }
        let (host, port) = (socket.host, socket.local.port());
        self.tell(host, What::Writes(id, bytes.len(), Digest::of(bytes)));
        let ip = if to.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { self.host(host).ip };
        let from = SocketAddr::from((ip, port));
        let Some(receiver) = self.host_of(host, to.ip()) else { return Ok(bytes.len()) };
        let is_far = receiver != host;
        let is_lost = is_far && self.chance.one_in(self.config.datagram_lost_one_in);
        if is_lost || self.links.is_cut(host, receiver) {
            self.tell(host, What::IsLost(id));
            return Ok(bytes.len());
        }
        let comes_twice = is_far && self.chance.one_in(self.config.datagram_twice_one_in);
        for _ in 0..=usize::from(comes_twice) {
            let bytes_on_wire = bytes.len() + UDP_HEADER_BYTES;
            if !self.is_room_in_queue(host, receiver, bytes_on_wire) {
                self.tell(host, What::FindsNoRoom(id));
                break;
            }
            let time = self.travel(host, receiver, bytes_on_wire);
            let datagram = Datagram { hosts: (host, receiver), from, to, bytes: bytes.to_vec() };
            self.happen_in(time, Happening::Datagram(datagram));
        }
        Ok(bytes.len())
    }

    /// A datagram comes to its host. Nobody is told if none listens there, or there is no room.
    pub(crate) fn handle_datagram(&mut self, datagram: Datagram) {
        let Datagram { hosts: (sender, receiver), from, to, bytes } = datagram;
        let Some(id) = self.udp_socket(receiver, to.port()) else { return };
        let is_cut = self.links.is_cut(sender, receiver);
        let Some(socket) = self.udp.0.get_mut(&id) else { return };
        let is_for_it = socket.local.ip().is_unspecified() || socket.local.ip() == to.ip();
        let is_heard = socket.peer.is_none_or(|peer| peer == from);
        if is_cut || !is_for_it || !is_heard || socket.received.len() >= RECEIVED_MAX {
            return self.tell(receiver, What::IsLost(id));
        }
        let len = bytes.len();
        socket.received.push_back((from, bytes));
        let token = socket.token;
        self.tell(receiver, What::Arrives(id, len));
        self.tell_ready(receiver, Some(token), Readiness::new(true, false));
    }

    /// Receives a datagram, or looks at it. What does not fit is cut off.
    pub(crate) fn receive_udp(
        &mut self,
        id: EndId,
        buf: &mut [u8],
        takes: Takes,
    ) -> io::Result<(usize, SocketAddr)> {
        let socket = self.udp.0.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let (from, bytes) = socket.received.front().ok_or(io::ErrorKind::WouldBlock)?;
        let (from, n) = (*from, buf.len().min(bytes.len()));
        buf[..n].copy_from_slice(&bytes[..n]);
        if takes == Takes::It {
            socket.received.pop_front();
            let host = socket.host;
            self.tell(host, What::Reads(id, n, Digest::of(&buf[..n])));
        }
        Ok((n, from))
    }

    pub(crate) fn close_udp(&mut self, id: EndId) {
        if let Some(socket) = self.udp.0.remove(&id) {
            self.silence(socket.host, Some(socket.token));
            self.tell(socket.host, What::Closes(id));
        }
    }

    pub(super) fn forget_udp_sockets(&mut self, host: HostId) {
        self.udp.0.retain(|_, socket| socket.host != host);
    }

    fn udp_socket(&self, host: HostId, port: u16) -> Option<EndId> {
        let is_it = |socket: &Socket| socket.host == host && socket.local.port() == port;
        self.udp.0.iter().find(|(_, socket)| is_it(socket)).map(|(id, _)| *id)
    }
}

/// Whether a datagram is taken by who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    It,
    Nothing,
}

/// What fits into a packet of IPv4.
const BYTES_MAX: usize = 65_507;

/// What is not received yet; more is lost.
const RECEIVED_MAX: usize = 128;
