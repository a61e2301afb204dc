//! A TCP connection.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::race::first_to_answer;
use super::stream::{Stream, StreamSocket, impl_futures_io};
use super::{Hangup, ToAddrs, lookup_host};
use crate::about::About;
use crate::driver::{self, ConnectOptions, Driver, Keepalive, Token};
use crate::interest::Way;
use crate::registration::Registration;

/// A TCP connection, with `TCP_NODELAY` set.
///
/// All methods take `&self`, so that it is read and written at once without splitting it. Any number of tasks may
/// wait for it by its asynchronous methods, or by ticking; readiness wakes them all. The traits of `futures-io` are
/// implemented on it and on references to it; they and the `poll_` methods remember, for each direction, only who
/// asked last, as their contract says.
pub struct TcpStream {
    stream: Stream<driver::TcpStream>,
}

impl TcpStream {
    /// Connects to an address, or to the first that answers of those a name stands for.
    ///
    /// They are tried as RFC 8305 has it: the families by turns, the next address beside those that have not answered
    /// within [250 ms](ConnectOptions::attempt_delay), and at once when one fails. The first connection that stands is
    /// the result; the others are dropped.
    ///
    /// There is no time limit but the system's, which is minutes. A [`timeout`](crate::timeout) around it is one of all
    /// that it does, the look-up included:
    ///
    /// ```
    /// use ekiden_reactor::{net::TcpStream, timeout};
    /// use std::time::Duration;
    ///
    /// # ekiden_reactor::run(async {
    /// # let listener = ekiden_reactor::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let addr = listener.local_addr()?;
    /// let stream = timeout(Duration::from_secs(5), TcpStream::connect(addr)).await??;
    /// # drop(stream);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As the system's. When all addresses have failed it names them (the first eight) and why, and is of the kind of
    /// the last failure.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives all attempts up and closes their sockets.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect(addrs: impl ToAddrs) -> io::Result<Self> {
        Self::connect_with(addrs, &ConnectOptions::default()).await
    }

    /// Connects with options; of addresses those of the family of [`local_addr`](ConnectOptions::local_addr), if that
    /// is set.
    ///
    /// ```
    /// use ekiden_reactor::driver::{ConnectOptions, Keepalive};
    /// use ekiden_reactor::net::{TcpListener, TcpStream};
    ///
    /// # ekiden_reactor::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let addr = listener.local_addr()?;
    /// let mut options = ConnectOptions::default();
    /// options.keepalive = Some(Keepalive::default());
    /// let stream = TcpStream::connect_with(addr, &options).await?;
    /// assert_eq!(stream.keepalive()?, options.keepalive);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect), and when the system refuses an option.
    ///
    /// # Cancel safety
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect_with(addrs: impl ToAddrs, options: &ConnectOptions) -> io::Result<Self> {
        let mut addrs = lookup_host(addrs).await?;
        if let Some(local) = options.local_addr {
            addrs.retain(|addr| addr.is_ipv6() == local.is_ipv6());
            if addrs.is_empty() {
                let why = format!("no address to connect to is of the family of {local}");
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
            }
        }
        first_to_answer(addrs, options.attempt_delay, |addr| Self::open(addr, options)).await
    }

    async fn open(addr: SocketAddr, options: &ConnectOptions) -> io::Result<Self> {
        let opened = Registration::new(|core, token| core.driver.tcp_connect_with(addr, options, token));
        let (registration, socket) = opened?;
        registration.describe(About::tcp(addr));
        let stream = Self { stream: Stream { socket, registration } };
        let registration = &stream.stream.registration;
        registration.use_by(Way::Write, 1, || stream.connected()).await?;
        // It could not be read before it stood, and what came with the handshake may have been told already.
        registration.assume_ready(Way::Read);
        Ok(stream)
    }

    /// Whether the handshake has ended: an error if it failed, `WouldBlock` if it goes on.
    fn connected(&self) -> io::Result<()> {
        if let Some(error) = self.stream.socket.take_error()? {
            return Err(error);
        }
        match self.stream.socket.peer_addr() {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes up what a listener accepted, on the reactor that runs on this thread.
    pub(super) fn from_accepted(socket: driver::TcpStream, peer: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: Stream::take_up(socket, About::tcp(peer))? })
    }

    /// Reads what there is, up to the buffer's size; 0 when the peer will send no more.
    ///
    /// # Errors
    ///
    /// As the system's: the peer has reset the connection, or is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: bytes leave the socket only in the poll that returns them.
    pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.stream.read(buf)
    }

    /// Reads if there is something; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        self.stream.try_read(buf)
    }

    /// Reads, or the task is woken when there is something, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_read(cx, buf)
    }

    /// Writes what fits, and says how much that was.
    ///
    /// # Errors
    ///
    /// As the system's: the peer has reset the connection, or is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has written nothing.
    pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.stream.write(buf)
    }

    /// Writes if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        self.stream.try_write(buf)
    }

    /// Writes, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    /// Writes what fits of several buffers by one call, and says how much that was.
    ///
    /// ```
    /// # use ekiden_reactor::net::{TcpListener, TcpStream};
    /// use std::io::IoSlice;
    ///
    /// # ekiden_reactor::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (head, body) = (b"5\r\n", b"hello");
    /// assert_eq!(stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]).await?, 8);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has written nothing.
    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        self.stream.write_vectored(bufs)
    }

    /// Writes several buffers if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        self.stream.try_write_vectored(bufs)
    }

    /// Writes several buffers, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.stream.poll_write_vectored(cx, bufs)
    }

    /// Writes all of the buffer.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); how much was written before is not known.
    ///
    /// # Cancel safety
    ///
    /// None: dropping the future may leave a part written, and does not say how much.
    pub fn write_all(&self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.stream.write_all(buf)
    }

    /// Ends one direction, or both; ending the write direction tells the peer that it has everything.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.socket.shutdown(how)
    }

    /// Waits until the connection is gone, without reading or writing: for whoever has reason to do neither.
    pub fn hangup(&self) -> Hangup {
        Hangup::new(self.stream.registration.interest())
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.socket.peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.socket.local_addr()
    }

    /// Whether small writes leave at once. On by default.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.stream.socket.set_nodelay(nodelay)
    }

    /// Whether small writes leave at once.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.stream.socket.nodelay()
    }
}

/// # Options
///
/// Each fails as the system does; a world made up for a test may have none of them
/// ([`Unsupported`](io::ErrorKind::Unsupported)).
impl TcpStream {
    /// Whether, and how, a peer is probed from which nothing comes. It is not by default.
    pub fn set_keepalive(&self, keepalive: Option<&Keepalive>) -> io::Result<()> {
        self.stream.socket.options().set_keepalive(keepalive)
    }

    /// Whether, and how, a peer is probed from which nothing comes.
    pub fn keepalive(&self) -> io::Result<Option<Keepalive>> {
        self.stream.socket.options().keepalive()
    }

    /// `TCP_USER_TIMEOUT` (RFC 5482), in whole milliseconds: how long what was sent may stay unacknowledged, or find no room at
    /// the peer, before the connection is given up. `None`, as it is by default: for as long as the system sends it again, a
    /// quarter of an hour on Linux. Elsewhere it is [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// It is what keepalive is not: that probes a peer to whom nothing is under way. Where both are set, this is also how long
    /// probes may stay without an answer, whatever their number.
    ///
    /// ```
    /// # use ekiden_reactor::{driver::Keepalive, net::{TcpListener, TcpStream}};
    /// use std::time::Duration;
    ///
    /// # ekiden_reactor::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_keepalive(Some(&Keepalive::default()))?;
    /// # if cfg!(target_os = "linux") {
    /// stream.set_user_timeout(Some(Duration::from_secs(20)))?;
    /// # }
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.socket.options().set_user_timeout(timeout)
    }

    /// How long what was sent may stay unacknowledged, if that was set.
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.stream.socket.options().user_timeout()
    }

    /// `SO_RCVBUF`: how many bytes the kernel keeps that were not read yet. On Linux it is doubled, for the kernel's own
    /// book-keeping, and does not grow by itself any more.
    pub fn set_recv_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.stream.socket.options().set_recv_buffer_bytes(bytes)
    }

    /// `SO_RCVBUF`, as the system counts it.
    pub fn recv_buffer_bytes(&self) -> io::Result<usize> {
        self.stream.socket.options().recv_buffer_bytes()
    }

    /// `SO_SNDBUF`: how many bytes the kernel keeps that the peer has not acknowledged. On Linux it is doubled, for the
    /// kernel's own book-keeping, and does not grow by itself any more.
    pub fn set_send_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.stream.socket.options().set_send_buffer_bytes(bytes)
    }

    /// `SO_SNDBUF`, as the system counts it.
    pub fn send_buffer_bytes(&self) -> io::Result<usize> {
        self.stream.socket.options().send_buffer_bytes()
    }

    /// How many routers what is sent may pass: 64 by default on Linux.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.stream.socket.options().set_ttl(hops)
    }

    /// How many routers what is sent may pass.
    pub fn ttl(&self) -> io::Result<u32> {
        self.stream.socket.options().ttl()
    }

    /// Lets dropping it reset the connection: what was written and did not leave yet is lost, and the peer gets an
    /// error instead of an end.
    ///
    /// No other time to linger can be set, as the core would stand still for so long when the stream is dropped.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.stream.socket.options().set_zero_linger()
    }
}

impl StreamSocket for driver::TcpStream {
    const SHORT_READ_IS_LAST: bool = true;

    fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        Self::register(self, driver, token)
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Self::read(self, buf)
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        Self::write(self, buf)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::write_vectored(self, bufs)
    }
}

impl_futures_io!(TcpStream);

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpStream").field(&self.stream.socket).finish()
    }
}
