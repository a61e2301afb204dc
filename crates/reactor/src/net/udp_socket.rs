//! A UDP socket.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use super::addrs::first_of;
use super::{ToAddrs, lookup_host};
use crate::about::About;
use crate::driver::{self, UdpOptions};
use crate::interest::Way;
use crate::registration::Registration;

/// Sends and receives datagrams.
///
/// Without [`connect`](Self::connect) it hears everybody, and says to whom it sends (`recv_from`, `send_to`); with it,
/// it hears one peer and sends there (`recv`, `send`).
///
/// A datagram comes whole or not at all, and what is longer than the buffer is cut off **without a word**; an empty
/// one is received as 0 bytes, which is no end. A buffer of [`LENT_BYTES`](crate::buffer::LENT_BYTES) cuts nothing off
/// (the longest datagram has 65,507 bytes), so a task that ticks can receive into the core's own and hold no memory
/// while it waits. What comes while the kernel's queue is full is lost; see [`UdpOptions::recv_buffer_bytes`].
///
/// ```
/// use ekiden_reactor::{net, run};
///
/// run(async {
///     let server = net::UdpSocket::bind("127.0.0.1:0").await?;
///     let client = net::UdpSocket::bind("127.0.0.1:0").await?;
///     client.connect(server.local_addr()?).await?;
///     client.send(b"what time is it?").await?;
///
///     let mut buf = [0; 512];
///     let (n, peer) = server.recv_from(&mut buf).await?;
///     assert_eq!(&buf[..n], b"what time is it?");
///     server.send_to(b"late", peer).await?;
///     assert_eq!(client.recv(&mut buf).await?, 4);
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
///
/// All methods take `&self`; any number of tasks may wait for it by its asynchronous methods, or by ticking, and
/// readiness wakes them all. The `poll_` methods remember, for each direction, only who asked last.
pub struct UdpSocket {
    // First, so that the socket is closed before its place in the table is given to another.
    socket: driver::UdpSocket,
    registration: Registration,
}

impl UdpSocket {
    /// Opens a socket on an address, or on the first that can be bound of those a name stands for.
    ///
    /// Port 0 lets the system choose; [`local_addr`](Self::local_addr) tells. A client binds `0.0.0.0:0`, or `[::]:0`
    /// for peers of IPv6.
    ///
    /// # Errors
    ///
    /// As the system's, naming the address: it is in use, is not this machine's, or needs a privilege.
    /// [`Unsupported`](io::ErrorKind::Unsupported) in a world without UDP.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn bind(addrs: impl ToAddrs) -> io::Result<Self> {
        first_of(addrs, |addr| Self::open(addr, &UdpOptions::default())).await
    }

    /// Opens a socket on an address, with options, at once.
    ///
    /// ```
    /// use ekiden_reactor::{driver::UdpOptions, net::UdpSocket};
    ///
    /// # ekiden_reactor::run(async {
    /// let mut options = UdpOptions::default();
    /// options.recv_buffer_bytes = Some(128 * 1024); // for bursts
    /// let socket = UdpSocket::open(([127, 0, 0, 1], 0).into(), &options)?;
    /// assert!(socket.recv_buffer_bytes()? >= 128 * 1024);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn open(addr: SocketAddr, options: &UdpOptions) -> io::Result<Self> {
        let opened = Registration::new(|core, token| core.driver.udp_bind(addr, options, token));
        let (registration, socket) = opened.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot open a UDP socket on {addr}: {error}"))
        })?;
        registration
            .describe(About::datagrams(format_args!("udp {}", socket.seldom().local_addr().unwrap_or(addr))));
        // There is room in a new one.
        registration.assume_ready(Way::Write);
        Ok(Self { socket, registration })
    }

    /// Says who the peer is, from now on: others are not heard any more. Nothing is sent, and nobody need be there.
    ///
    /// Of the addresses that a name stands for it is the first that there is a way to. It can be called again, for
    /// another peer.
    ///
    /// # Errors
    ///
    /// As the system's, naming the address: there is no way to it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has changed nothing.
    pub async fn connect(&self, addrs: impl ToAddrs) -> io::Result<()> {
        let mut failure = None;
        for addr in lookup_host(addrs).await? {
            match self.socket.seldom().connect(addr) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    failure =
                        Some(io::Error::new(error.kind(), format!("cannot connect to {addr}: {error}")));
                }
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Receives a datagram of the peer's.
    ///
    /// # Errors
    ///
    /// As the system's. [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) means that nobody is there to take what
    /// was sent before; the socket goes on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a datagram leaves the socket only in the poll that returns it.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.registration.use_by(Way::Read, 1, || self.socket.recv(buf)).await
    }

    /// Receives if there is a datagram; inside a tick, `Ok(None)` registers interest in the next.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        self.registration.try_use(Way::Read, 1, || self.socket.recv(buf))
    }

    /// Receives, or the task is woken when there is a datagram, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_use(Way::Read, 1, cx, || self.socket.recv(buf))
    }

    /// Receives a datagram, and says whose it is.
    ///
    /// # Errors
    ///
    /// As the system's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a datagram leaves the socket only in the poll that returns it.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.registration.use_by(Way::Read, 1, || self.socket.recv_from(buf)).await
    }

    /// Receives if there is a datagram; inside a tick, `Ok(None)` registers interest in the next.
    ///
    /// ```
    /// use ekiden_reactor::buffer::lend;
    /// use ekiden_reactor::{Task, Tick, net::UdpSocket};
    /// use std::io;
    ///
    /// /// Sends back what it gets, and drops what would have to wait.
    /// struct Echo {
    ///     socket: UdpSocket,
    /// }
    ///
    /// impl Task for Echo {
    ///     fn tick(&mut self) -> io::Result<Tick> {
    ///         lend(|buf| {
    ///             while let Some((n, peer)) = self.socket.try_recv_from(buf)? {
    ///                 self.socket.try_send_to(&buf[..n], peer)?;
    ///             }
    ///             Ok(Tick::WouldBlock)
    ///         })
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        self.registration.try_use(Way::Read, 1, || self.socket.recv_from(buf))
    }

    /// Receives, or the task is woken when there is a datagram, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.registration.poll_use(Way::Read, 1, cx, || self.socket.recv_from(buf))
    }

    /// Looks at the next datagram, which stays where it is.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Nothing leaves the socket.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.registration.use_by(Way::Read, 1, || self.socket.seldom().peek_from(buf)).await
    }

    /// Looks at the next datagram if there is one; inside a tick, `Ok(None)` registers interest in it.
    ///
    /// # Errors
    ///
    /// As for [`recv_from`](Self::recv_from).
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        self.registration.try_use(Way::Read, 1, || self.socket.seldom().peek_from(buf))
    }

    /// Sends a datagram to the peer, once there is room for it in the kernel. Whether it arrives nobody tells.
    ///
    /// # Errors
    ///
    /// As the system's: there is no peer, or the datagram is too long for the way. What
    /// [`recv`](Self::recv) says of `ConnectionRefused` may show here as well; then this one was not sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has sent nothing.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.registration.use_by(Way::Write, 1, || self.socket.send(buf)).await
    }

    /// Sends if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        self.registration.try_use(Way::Write, 1, || self.socket.send(buf))
    }

    /// Sends, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_use(Way::Write, 1, cx, || self.socket.send(buf))
    }

    /// Sends a datagram to an address, once there is room for it in the kernel. Whether it arrives nobody tells.
    ///
    /// # Errors
    ///
    /// As the system's: there is no way to the address, it is of the other family, or the datagram is too long.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has sent nothing.
    pub async fn send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.registration.use_by(Way::Write, 1, || self.socket.send_to(buf, to)).await
    }

    /// Sends if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<Option<usize>> {
        self.registration.try_use(Way::Write, 1, || self.socket.send_to(buf, to))
    }

    /// Sends, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to).
    pub fn poll_send_to(&self, cx: &mut Context<'_>, buf: &[u8], to: SocketAddr) -> Poll<io::Result<usize>> {
        self.registration.poll_use(Way::Write, 1, cx, || self.socket.send_to(buf, to))
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.seldom().local_addr()
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) before [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.seldom().peer_addr()
    }
}

/// # Options
///
/// Each fails as the system does; a world made up for a test may have none of them
/// ([`Unsupported`](io::ErrorKind::Unsupported)).
impl UdpSocket {
    /// Whether it may send to broadcast addresses. Off by default: such a send is refused, as it is seldom meant.
    ///
    /// ```
    /// use ekiden_reactor::net::UdpSocket;
    ///
    /// # ekiden_reactor::run(async {
    /// let listener = UdpSocket::bind("0.0.0.0:0").await?;
    /// // All on this machine's loopback; all on a network are at its own address, or at 255.255.255.255.
    /// let all = ([127, 255, 255, 255], listener.local_addr()?.port()).into();
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:0").await?;
    /// assert!(socket.send_to(b"who is there?", all).await.is_err());
    /// socket.set_broadcast(true)?;
    /// socket.send_to(b"who is there?", all).await?;
    /// assert_eq!(listener.recv(&mut [0; 64]).await?, 13);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.socket.seldom().set_broadcast(broadcast)
    }

    /// How many routers what is sent may pass, to a single receiver: 64 by default on Linux.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket.seldom().set_ttl(hops)
    }

    /// How many routers what is sent may pass, to a single receiver.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.seldom().ttl()
    }

    /// How many bytes the kernel keeps that were not received yet; what does not fit is lost. Linux keeps the double, for
    /// its book-keeping, and has an upper limit.
    ///
    /// ```
    /// use ekiden_reactor::net::UdpSocket;
    ///
    /// # ekiden_reactor::run(async {
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_recv_buffer_bytes(64 * 1024)?;
    /// assert!(socket.recv_buffer_bytes()? >= 64 * 1024);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn set_recv_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.socket.seldom().set_recv_buffer_bytes(bytes)
    }

    /// How many bytes the kernel keeps that were not received yet; on Linux the double of what was set.
    pub fn recv_buffer_bytes(&self) -> io::Result<usize> {
        self.socket.seldom().recv_buffer_bytes()
    }

    /// How many bytes wait to leave before sending has to wait.
    pub fn set_send_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.socket.seldom().set_send_buffer_bytes(bytes)
    }

    /// How many bytes wait to leave before sending has to wait; on Linux the double of what was set.
    pub fn send_buffer_bytes(&self) -> io::Result<usize> {
        self.socket.seldom().send_buffer_bytes()
    }

    /// Hears what is sent to a group, on the interface that has this address; `UNSPECIFIED` lets the system choose.
    ///
    /// It must be bound to the group's port, and on Linux to the group's address or to none.
    ///
    /// ```
    /// use ekiden_reactor::net::UdpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// # ekiden_reactor::run(async {
    /// let (group, loopback) = (Ipv4Addr::new(239, 1, 2, 3), Ipv4Addr::LOCALHOST);
    /// let member = UdpSocket::bind("0.0.0.0:0").await?;
    /// member.join_multicast_v4(group, loopback)?;
    ///
    /// let sender = UdpSocket::bind("127.0.0.1:0").await?;
    /// sender.set_multicast_interface_v4(loopback)?;
    /// sender.send_to(b"news", (group, member.local_addr()?.port()).into()).await?;
    /// assert_eq!(member.recv(&mut [0; 64]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.seldom().join_multicast_v4(group, interface)
    }

    /// Hears the group no more.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.seldom().leave_multicast_v4(group, interface)
    }

    /// Hears what is sent to a group, on the interface of this number; 0 lets the system choose.
    pub fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.seldom().join_multicast_v6(group, interface)
    }

    /// Hears the group no more.
    pub fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.seldom().leave_multicast_v6(group, interface)
    }

    /// On which interface it sends to groups: the one that has this address. The system chooses by default.
    pub fn set_multicast_interface_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.seldom().set_multicast_interface_v4(interface)
    }

    /// On which interface it sends to groups: the one of this number. The system chooses by default.
    pub fn set_multicast_interface_v6(&self, interface: u32) -> io::Result<()> {
        self.socket.seldom().set_multicast_interface_v6(interface)
    }

    /// How many routers what is sent to a group may pass. 1 by default: it stays on this network.
    pub fn set_multicast_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket.seldom().set_multicast_ttl(hops)
    }

    /// How many routers what is sent to a group may pass.
    pub fn multicast_ttl(&self) -> io::Result<u32> {
        self.socket.seldom().multicast_ttl()
    }

    /// Whether receivers on this machine, itself included, hear what it sends to a group. On by default.
    pub fn set_multicast_loop(&self, loops: bool) -> io::Result<()> {
        self.socket.seldom().set_multicast_loop(loops)
    }

    /// Whether receivers on this machine hear what it sends to a group.
    pub fn multicast_loop(&self) -> io::Result<bool> {
        self.socket.seldom().multicast_loop()
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UdpSocket").field(&self.socket).finish()
    }
}
