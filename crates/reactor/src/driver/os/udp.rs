//! The system's UDP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, SockRef, Socket, Type};

use super::options::{self, buffers, reuse};
use crate::driver::{OtherUdpSocket, UdpOptions};

/// A UDP socket of the system.
#[derive(Debug)]
pub struct UdpSocket(mio::net::UdpSocket);

/// Opens a socket on an address.
pub(super) fn bind(addr: SocketAddr, options: &UdpOptions) -> io::Result<mio::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    reuse(&socket, options.reuse_address, options.reuse_port)?;
    buffers(&socket, options.recv_buffer_bytes, options.send_buffer_bytes)?;
    socket.bind(&addr.into())?;
    Ok(mio::net::UdpSocket::from_std(socket.into()))
}

impl UdpSocket {
    pub(super) fn new(socket: mio::net::UdpSocket) -> Self {
        Self(socket)
    }

    /// Options go by other names in each family of addresses.
    fn is_v6(&self) -> io::Result<bool> {
        Ok(self.0.local_addr()?.is_ipv6())
    }

    fn options(&self) -> SockRef<'_> {
        SockRef::from(&self.0)
    }
}

impl OtherUdpSocket for UdpSocket {
    fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        self.0.connect(addr)
    }

    fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buf)
    }

    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buf)
    }

    fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.peek_from(buf)
    }

    fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    fn send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.send_to(buf, to)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.0.set_broadcast(broadcast)
    }

    fn set_ttl(&self, hops: u32) -> io::Result<()> {
        options::set_ttl(&self.options(), self.0.local_addr()?, hops)
    }

    fn ttl(&self) -> io::Result<u32> {
        options::ttl(&self.options(), self.0.local_addr()?)
    }

    fn set_recv_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.options().set_recv_buffer_size(bytes)
    }

    fn recv_buffer_bytes(&self) -> io::Result<usize> {
        self.options().recv_buffer_size()
    }

    fn set_send_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.options().set_send_buffer_size(bytes)
    }

    fn send_buffer_bytes(&self) -> io::Result<usize> {
        self.options().send_buffer_size()
    }

    fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.options().join_multicast_v4(&group, &interface)
    }

    fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.options().leave_multicast_v4(&group, &interface)
    }

    fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.options().join_multicast_v6(&group, interface)
    }

    fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.options().leave_multicast_v6(&group, interface)
    }

    fn set_multicast_interface_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        self.options().set_multicast_if_v4(&interface)
    }

    fn set_multicast_interface_v6(&self, interface: u32) -> io::Result<()> {
        self.options().set_multicast_if_v6(interface)
    }

    fn set_multicast_ttl(&self, hops: u32) -> io::Result<()> {
        if self.is_v6()? {
            self.options().set_multicast_hops_v6(hops)
        } else {
            self.options().set_multicast_ttl_v4(hops)
        }
    }

    fn multicast_ttl(&self) -> io::Result<u32> {
        if self.is_v6()? { self.options().multicast_hops_v6() } else { self.options().multicast_ttl_v4() }
    }

    fn set_multicast_loop(&self, loops: bool) -> io::Result<()> {
        if self.is_v6()? {
            self.options().set_multicast_loop_v6(loops)
        } else {
            self.options().set_multicast_loop_v4(loops)
        }
    }

    fn multicast_loop(&self) -> io::Result<bool> {
        if self.is_v6()? { self.options().multicast_loop_v6() } else { self.options().multicast_loop_v4() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where it sends to a group cannot be seen on every machine: few have a way for groups by the loopback interface.
    #[test]
    fn the_interface_for_groups_is_the_kernels() {
        let Ok(socket) = bind((Ipv6Addr::LOCALHOST, 0).into(), &UdpOptions::default()) else { return };
        let socket = UdpSocket::new(socket);
        assert_eq!(socket.options().multicast_if_v6().unwrap(), 0);
        // The loopback interface is the first.
        socket.set_multicast_interface_v6(1).unwrap();
        assert_eq!(socket.options().multicast_if_v6().unwrap(), 1);
    }
}
