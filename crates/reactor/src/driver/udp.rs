//! The UDP sockets of a driver: the system's, or a boxed other.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{absent, os};

/// A UDP socket as the driver gives it: none of its methods waits.
#[derive(Debug)]
pub enum UdpSocket {
    /// The system's.
    Os(os::UdpSocket),
    /// Another driver's.
    Other(Box<dyn OtherUdpSocket>),
}

/// A UDP socket of a driver other than the system's. Each method answers at once, and
/// [`WouldBlock`](io::ErrorKind::WouldBlock) where it would have to wait.
///
/// The options are `Unsupported` where a world does not say otherwise.
#[expect(missing_docs, reason = "each is explained where net::UdpSocket has it")]
pub trait OtherUdpSocket: Send + fmt::Debug {
    fn connect(&self, addr: SocketAddr) -> io::Result<()>;
    fn recv(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    fn send(&self, buf: &[u8]) -> io::Result<usize>;
    fn send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
    fn peer_addr(&self) -> io::Result<SocketAddr>;

    fn set_broadcast(&self, _broadcast: bool) -> io::Result<()> {
        Err(absent("option to broadcast"))
    }
    fn set_ttl(&self, _hops: u32) -> io::Result<()> {
        Err(absent("limit of hops"))
    }
    fn ttl(&self) -> io::Result<u32> {
        Err(absent("limit of hops"))
    }
    fn set_recv_buffer_bytes(&self, _bytes: usize) -> io::Result<()> {
        Err(absent("sizes of buffers"))
    }
    fn recv_buffer_bytes(&self) -> io::Result<usize> {
        Err(absent("sizes of buffers"))
    }
    fn set_send_buffer_bytes(&self, _bytes: usize) -> io::Result<()> {
        Err(absent("sizes of buffers"))
    }
    fn send_buffer_bytes(&self) -> io::Result<usize> {
        Err(absent("sizes of buffers"))
    }
    fn join_multicast_v4(&self, _group: Ipv4Addr, _interface: Ipv4Addr) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn leave_multicast_v4(&self, _group: Ipv4Addr, _interface: Ipv4Addr) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn join_multicast_v6(&self, _group: Ipv6Addr, _interface: u32) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn leave_multicast_v6(&self, _group: Ipv6Addr, _interface: u32) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn set_multicast_interface_v4(&self, _interface: Ipv4Addr) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn set_multicast_interface_v6(&self, _interface: u32) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn set_multicast_ttl(&self, _hops: u32) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn multicast_ttl(&self) -> io::Result<u32> {
        Err(absent("multicast"))
    }
    fn set_multicast_loop(&self, _loops: bool) -> io::Result<()> {
        Err(absent("multicast"))
    }
    fn multicast_loop(&self) -> io::Result<bool> {
        Err(absent("multicast"))
    }
}

/// How to open a UDP socket.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UdpOptions {
    /// `SO_REUSEADDR`. Off: a second program on the same port would take datagrams from the first. On for who listens
    /// to a multicast group beside others.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`. Off. Several sockets that all set it share a port: each peer's datagrams go to one of them.
    pub reuse_port: bool,
    /// `SO_RCVBUF`: how many bytes the kernel keeps that were not received yet; what does not fit is lost. `None`: the
    /// system's default, 208 KiB on Linux, where it counts the datagrams' book-keeping too and has an upper limit
    /// (`net.core.rmem_max`).
    pub recv_buffer_bytes: Option<usize>,
    /// `SO_SNDBUF`: how many bytes wait to leave before sending has to wait. `None`: the system's default.
    pub send_buffer_bytes: Option<usize>,
}

impl UdpSocket {
    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Os(socket) => socket.recv(buf),
            Self::Other(socket) => socket.recv(buf),
        }
    }

    pub(crate) fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self {
            Self::Os(socket) => socket.recv_from(buf),
            Self::Other(socket) => socket.recv_from(buf),
        }
    }

    pub(crate) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Os(socket) => socket.send(buf),
            Self::Other(socket) => socket.send(buf),
        }
    }

    pub(crate) fn send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        match self {
            Self::Os(socket) => socket.send_to(buf, to),
            Self::Other(socket) => socket.send_to(buf, to),
        }
    }

    /// For what is asked so seldom that an indirect call is no cost.
    pub(crate) fn seldom(&self) -> &dyn OtherUdpSocket {
        match self {
            Self::Os(socket) => socket,
            Self::Other(socket) => &**socket,
        }
    }
}
