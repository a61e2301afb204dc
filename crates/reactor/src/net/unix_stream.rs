//! A Unix stream.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Hangup;
use super::stream::{Stream, StreamSocket, impl_futures_io};
use super::unix_listener::named;
use crate::about::About;
use crate::core;
use crate::driver::{self, Driver, Token};
use crate::time::sleep;

/// A stream between two programs on one machine; see [`UnixListener`](super::UnixListener).
///
/// All methods take `&self`, so that it is read and written at once without splitting it. Any number of tasks may
/// wait for it by its asynchronous methods, or by ticking; readiness wakes them all. The traits of `futures-io` are
/// implemented on it and on references to it; they and the `poll_` methods remember, for each direction, only who
/// asked last, as their contract says.
pub struct UnixStream {
    stream: Stream<driver::UnixStream>,
}

impl UnixStream {
    /// Connects to who listens on a path.
    ///
    /// A listener whose queue is full is asked again: after a millisecond at first, doubled up to 100 ms, as the system
    /// does not tell when there is room. There is no time limit; put a [`timeout`](crate::timeout) around it.
    ///
    /// # Errors
    ///
    /// As the system's, naming the path: there is no such file, or nobody listens on it
    /// ([`ConnectionRefused`](io::ErrorKind::ConnectionRefused)), or it is not permitted.
    /// [`Unsupported`](io::ErrorKind::Unsupported) in a world without Unix sockets.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let named = |error| named("connect to", path, &error);
        let addr = SocketAddr::from_pathname(path).map_err(named)?;
        Self::connect_addr(&addr).await.map_err(named)
    }

    /// Connects to who listens on an address, which may be an abstract one where the system has such.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect), without the name.
    ///
    /// # Cancel safety
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<Self> {
        let mut pause = RETRY_MIN;
        loop {
            match core::with(|core| core.driver.unix_connect(addr)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
                connected => return Self::take_up(connected?),
            }
        }
    }

    /// Two streams that are connected to each other.
    ///
    /// ```
    /// # ekiden_reactor::run(async {
    /// let (here, there) = ekiden_reactor::net::UnixStream::pair()?;
    /// here.write_all(b"hello").await?;
    /// assert_eq!(there.read(&mut [0; 64]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = core::with(|core| core.driver.unix_pair())?;
        Ok((Self::take_up(a)?, Self::take_up(b)?))
    }

    /// Takes up what stands already, on the reactor that runs on this thread.
    pub(super) fn take_up(socket: driver::UnixStream) -> io::Result<Self> {
        Ok(Self { stream: Stream::take_up(socket, About::Unix)? })
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

    /// The peer's address: the path it is bound to, which clients seldom have.
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
}

impl StreamSocket for driver::UnixStream {
    // A read ends early where somebody has passed a file along, which we do not take; there may be more behind it, of
    // which nobody would tell.
    const SHORT_READ_IS_LAST: bool = false;

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

impl_futures_io!(UnixStream);

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnixStream").field(&self.stream.socket).finish()
    }
}

/// The first pause before a full listener is asked again: about what it takes to accept a burst.
const RETRY_MIN: Duration = Duration::from_millis(1);

/// The longest: a listener that is stuck should not be asked too often.
const RETRY_MAX: Duration = Duration::from_millis(100);
