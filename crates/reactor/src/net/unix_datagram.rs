//! A Unix datagram socket.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use super::unix_listener::named;
use crate::about::About;
use crate::core;
use crate::driver;
use crate::interest::Way;
use crate::pauses::Pause;
use crate::registration::Registration;

/// Sends and receives datagrams between programs on one machine. None is lost: who sends waits for room.
///
/// Without [`connect`](Self::connect) it says to whom it sends (`recv_from`, `send_to`); with it, or as one of a
/// [`pair`](Self::pair), it hears one peer and sends there (`recv`, `send`). A datagram comes whole or not at all, and
/// what is longer than the buffer is cut off **without a word**.
///
/// As for a [`UnixListener`](super::UnixListener), the file of its path is made by binding and stays when it is dropped.
///
/// ```
/// use ekiden_reactor::{net::UnixDatagram, run};
///
/// # let path = std::env::temp_dir().join(format!("ekiden-doc-{}.dgram", std::process::id()));
/// run(async {
///     let log = UnixDatagram::bind(&path)?;
///     let program = UnixDatagram::unbound()?;
///     program.send_to(b"started", &path).await?;
///     let mut buf = [0; 512];
///     let (n, _peer) = log.recv_from(&mut buf).await?;
///     assert_eq!(&buf[..n], b"started");
///     std::fs::remove_file(&path)
/// })
/// # .unwrap();
/// ```
///
/// All methods take `&self`; any number of tasks may wait for it by its asynchronous methods, or by ticking, and
/// readiness wakes them all. The `poll_` methods remember, for each direction, only who asked last.
pub struct UnixDatagram {
    // First, so that the socket is closed before its place in the table is given to another.
    socket: driver::UnixDatagram,
    registration: Registration,
    /// While somebody to whom it is not connected has no room: see `send_to_now`.
    pause: Pause,
}

impl UnixDatagram {
    /// Opens a socket on a path, which must not exist.
    ///
    /// # Errors
    ///
    /// As for [`UnixListener::bind`](super::UnixListener::bind).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let bound = SocketAddr::from_pathname(path).and_then(|addr| Self::bind_addr(&addr));
        bound.map_err(|error| named("open a datagram socket on", path, &error))
    }

    /// Opens a socket on an address, which may be an abstract one where the system has such.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind), without the name.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::take_up(core::with(|core| core.driver.unix_datagram(Some(addr)))?)
    }

    /// Opens a socket that has no address: it can send, and nobody can answer unless it is connected.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn unbound() -> io::Result<Self> {
        Self::take_up(core::with(|core| core.driver.unix_datagram(None))?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = core::with(|core| core.driver.unix_datagram_pair())?;
        Ok((Self::take_up(a)?, Self::take_up(b)?))
    }

    fn take_up(mut socket: driver::UnixDatagram) -> io::Result<Self> {
        let (registration, ()) = Registration::new(|core, token| socket.register(&*core.driver, token))?;
        registration.describe(About::datagrams(format_args!("unix datagrams")));
        // There is room in a new one.
        registration.assume_ready(Way::Write);
        Ok(Self { socket, registration, pause: Pause::default() })
    }

    /// Says who the peer is, from now on. It can be called again, for another peer.
    ///
    /// # Errors
    ///
    /// As the system's, naming the path: there is no such file, or nobody has it open.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        self.socket.connect(path).map_err(|error| named("connect to", path, &error))
    }

    /// Receives a datagram. 0 bytes are an empty one: there is no end.
    ///
    /// # Errors
    ///
    /// As the system's.
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

    /// Sends a datagram to the peer, once there is room for it there.
    ///
    /// # Errors
    ///
    /// As the system's: there is no peer, or it is gone, or the datagram is too long.
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

    /// Sends a datagram to who has opened a path, once there is room for it there.
    ///
    /// The system does not tell when somebody to whom the socket is not connected has room again, so it is tried
    /// again every 5 ms, and nothing is sent by `send_to` to others meanwhile.
    ///
    /// # Errors
    ///
    /// As the system's: there is no such file, nobody has it open, or the datagram is too long.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has sent nothing.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        self.registration.use_by(Way::Write, 1, || self.send_to_now(buf, path)).await
    }

    /// Sends if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<Option<usize>> {
        self.registration.try_use(Way::Write, 1, || self.send_to_now(buf, path.as_ref()))
    }

    /// Sends, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        path: impl AsRef<Path>,
    ) -> Poll<io::Result<usize>> {
        self.registration.poll_use(Way::Write, 1, cx, || self.send_to_now(buf, path.as_ref()))
    }

    fn send_to_now(&self, buf: &[u8], path: &Path) -> io::Result<usize> {
        // Linux says "writable" after each attempt that found no room, so whoever goes by that asks without end.
        if self.pause.is_on(&self.registration) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let sent = self.socket.send_to(buf, path);
        if sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.pause.begin(&self.registration, RETRY);
        }
        sent
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) before [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnixDatagram").field(&self.socket).finish()
    }
}

/// How soon a peer without room is tried again: 200 times a second cost nothing that can be seen.
const RETRY: Duration = Duration::from_millis(5);
