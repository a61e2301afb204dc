//! The world's UDP sockets, as a reactor holds them.

use std::io;
use std::net::SocketAddr;

use ekiden_reactor::driver::{OtherUdpSocket, Token, UdpSocket};

use crate::journal::{EndId, HostId};
use crate::world::Shared;
use crate::world::errno::Errno;
use crate::world::udp::Takes;

pub(super) fn bind(world: &Shared, host: HostId, addr: SocketAddr, token: Token) -> io::Result<UdpSocket> {
    let id = world.lock().bind_udp(host, addr, token)?;
    Ok(UdpSocket::Other(Box::new(Socket { world: world.clone(), id })))
}

#[derive(Debug)]
struct Socket {
    world: Shared,
    id: EndId,
}

/// The options are the driver's own error.
impl OtherUdpSocket for Socket {
    fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        self.world.lock().connect_udp(self.id, addr)
    }

    fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv_from(buf).map(|(n, _)| n)
    }

    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.world.lock().receive_udp(self.id, buf, Takes::It)
    }

    fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.world.lock().receive_udp(self.id, buf, Takes::Nothing)
    }

    fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.world.lock().send_udp(self.id, buf, None)
    }

    fn send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.world.lock().send_udp(self.id, buf, Some(to))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().udp_addrs(self.id).0.ok_or_else(|| Errno::NotConnected.into())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().udp_addrs(self.id).1.ok_or_else(|| Errno::NotConnected.into())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.world.lock().close_udp(self.id);
    }
}
