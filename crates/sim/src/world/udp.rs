//! UDP: datagrams arrive whole, and late, twice, in any order, or not at all. Where nobody receives them the machine says so,
//! and who is connected there is told.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ekiden_reactor::driver::{Readiness, Token};

use super::World;
use super::packets::{Load, NOBODY, Packet};
use super::ports::{overlap, reached_at};
use super::traffic::UDP_HEADER_BYTES;
use crate::journal::{Digest, EndId, HostId, What};
use crate::world::errno::Errno;

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
    /// There nobody receives what it sends, and the program was not told yet.
    is_refused: bool,
}

/// A datagram on its way.
#[derive(Clone)]
pub(crate) struct Datagram {
    pub(super) socket: EndId,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// What a machine answers where nobody receives a datagram.
pub(crate) struct Unreachable {
    pub(super) socket: EndId,
    to: SocketAddr,
}

impl Datagram {
    pub(super) fn bytes_on_wire(&self) -> usize {
        UDP_HEADER_BYTES + self.bytes.len()
    }
}

impl Unreachable {
    /// By ICMP, which repeats the headers of what it answers.
    pub(super) fn bytes_on_wire(&self) -> usize {
        2 * UDP_HEADER_BYTES
    }
}

impl Socket {
    fn take_refusal(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.is_refused) {
            true => Err(Errno::ConnectionRefused.into()),
            false => Ok(()),
        }
    }
}

impl World {
    pub(crate) fn bind_udp(&mut self, host: HostId, addr: SocketAddr, token: Token) -> io::Result<EndId> {
        let machine = self.host(host);
        if !addr.ip().is_unspecified() && !machine.has_addr(addr.ip()) {
            return Err(Errno::AddrNotAvailable.into());
        }
        let at = |port| SocketAddr::new(addr.ip(), port);
        let is_used = |world: &Self, port| world.is_bound_udp(host, at(port));
        let port = match addr.port() {
            0 => self.draw_port(is_used),
            port => Some(port).filter(|port| !is_used(self, *port)),
        };
        let (id, local) = (self.tcp.next_end(), at(port.ok_or(Errno::AddrInUse)?));
        let received = VecDeque::new();
        let socket = Socket { host, token, local, peer: None, received, is_refused: false };
        self.udp.0.insert(id, socket);
        self.tell(host, What::Listens(local));
        // There is always room.
        self.tell_ready(host, Some(token), Readiness::new(false, true));
        Ok(id)
    }

    pub(crate) fn connect_udp(&mut self, id: EndId, peer: SocketAddr) -> io::Result<()> {
        let socket = self.udp.0.get_mut(&id).ok_or(Errno::NotConnected)?;
        if peer.is_ipv6() {
            return Err(Errno::WrongFamily.into());
        }
        if is_broadcast(peer) {
            return Err(Errno::PermissionDenied.into());
        }
        let peer = reached_at(peer);
        socket.peer = Some(peer);
        let (host, local) = (socket.host, socket.local);
        if local.ip().is_unspecified() {
            let ip = self.ip_towards(host, peer.ip());
            self.udp.0.entry(id).and_modify(|socket| socket.local.set_ip(ip));
        }
        Ok(())
    }

    /// This end's address, and whom it is connected to.
    pub(crate) fn udp_addrs(&self, id: EndId) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let socket = self.udp.0.get(&id);
        (socket.map(|socket| socket.local), socket.and_then(|socket| socket.peer))
    }

    /// Sends a datagram, to whom it says or the socket is connected to.
    pub(crate) fn send_udp(&mut self, id: EndId, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        let socket = self.udp.0.get_mut(&id).ok_or(Errno::NotConnected)?;
        let to = to.or(socket.peer).ok_or(Errno::NoDestination)?;
        // As all sockets are of IPv4.
        if to.is_ipv6() {
            return Err(Errno::WrongFamily.into());
        }
        let to = reached_at(to);
        if to.port() == 0 {
            return Err(Errno::InvalidInput.into());
        }
        if is_broadcast(to) {
            return Err(Errno::PermissionDenied.into());
        }
        if to.ip().is_multicast() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the simulation has no multicast"));
        }
        if bytes.len() > BYTES_MAX {
            return Err(Errno::TooLong.into());
        }
        socket.take_refusal()?;
        let (host, local) = (socket.host, socket.local);
        let ip = if local.ip().is_unspecified() { self.ip_towards(host, to.ip()) } else { local.ip() };
        if ip.is_loopback() && self.host_of(host, to.ip()) != Some(host) {
            return Err(Errno::InvalidInput.into());
        }
        self.tell(host, What::Writes(id, bytes.len(), Digest::of(bytes)));
        let receiver = self.host_of(host, to.ip()).unwrap_or(NOBODY);
        let from = SocketAddr::new(ip, local.port());
        let datagram = Datagram { socket: id, from, to, bytes: bytes.to_vec() };
        let comes_twice = receiver != host && self.chance.one_in(self.config.datagram_twice_one_in);
        for _ in 0..=usize::from(comes_twice) {
            if !self.is_room_in_queue(host, receiver, datagram.bytes_on_wire()) {
                self.tell(host, What::FindsNoRoom(id));
                break;
            }
            let packet =
                Packet { from: host, to: receiver, load: Load::Datagram(Box::new(datagram.clone())) };
            let _arrives = self.carry(packet, 0);
        }
        Ok(bytes.len())
    }

    /// The address of a host that others see to whom it speaks from any.
    fn ip_towards(&mut self, host: HostId, to: IpAddr) -> IpAddr {
        match to.is_loopback() {
            true => Ipv4Addr::LOCALHOST.into(),
            false => self.host(host).ip.into(),
        }
    }

    /// A datagram comes to its host. Where none receives it the machine says so; where there is no room, nobody does.
    pub(super) fn handle_datagram(&mut self, sender: HostId, receiver: HostId, datagram: Datagram) {
        let Datagram { socket, from, to, bytes } = datagram;
        let Some(id) = self.udp_receiver(receiver, from, to) else {
            self.tell(receiver, What::Refuses(to));
            let load = Load::Unreachable(Unreachable { socket, to });
            let _arrives = self.carry(Packet { from: receiver, to: sender, load }, 0);
            return;
        };
        let Some(socket) = self.udp.0.get_mut(&id) else { return };
        if socket.received.len() >= RECEIVED_MAX {
            return self.tell(receiver, What::IsLost(id));
        }
        let len = bytes.len();
        socket.received.push_back((from, bytes));
        let token = socket.token;
        self.tell(receiver, What::Arrives(id, len));
        self.tell_ready(receiver, Some(token), Readiness::new(true, false));
    }

    /// A host hears that nobody receives what was sent. Who is connected there is told; who is not has no one to whom it
    /// could be about.
    pub(super) fn handle_unreachable(&mut self, host: HostId, unreachable: &Unreachable) {
        let Unreachable { socket: id, to } = unreachable;
        let Some(socket) = self.udp.0.get_mut(id).filter(|socket| socket.peer == Some(*to)) else { return };
        socket.is_refused = true;
        let token = socket.token;
        self.tell_ready(host, Some(token), Readiness::new(true, true));
    }

    /// Receives a datagram, or looks at it. What does not fit is cut off.
    pub(crate) fn receive_udp(
        &mut self,
        id: EndId,
        buf: &mut [u8],
        takes: Takes,
    ) -> io::Result<(usize, SocketAddr)> {
        let socket = self.udp.0.get_mut(&id).ok_or(Errno::NotConnected)?;
        socket.take_refusal()?;
        let (from, bytes) = socket.received.front().ok_or(Errno::WouldBlock)?;
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

    fn is_bound_udp(&self, host: HostId, addr: SocketAddr) -> bool {
        let is_at = |local: SocketAddr| local.port() == addr.port() && overlap(local.ip(), addr.ip());
        self.udp.0.values().any(|socket| socket.host == host && is_at(socket.local))
    }

    /// Who receives what comes from there at that address.
    fn udp_receiver(&self, host: HostId, from: SocketAddr, to: SocketAddr) -> Option<EndId> {
        let is_at = |local: SocketAddr| local.port() == to.port() && overlap(local.ip(), to.ip());
        let hears = |socket: &Socket| socket.peer.is_none_or(|peer| peer == from);
        let is_it = |socket: &Socket| socket.host == host && is_at(socket.local) && hears(socket);
        self.udp.0.iter().find(|(_, socket)| is_it(socket)).map(|(id, _)| *id)
    }
}

/// Whether a datagram is taken by who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    It,
    Nothing,
}

/// Whether all would hear what is sent there, which only who has asked for it may do, and here nobody can.
fn is_broadcast(to: SocketAddr) -> bool {
    to.ip() == Ipv4Addr::BROADCAST
}

/// What fits into a packet of IPv4.
const BYTES_MAX: usize = 65_507;

/// What is not received yet; more is lost.
const RECEIVED_MAX: usize = 128;
