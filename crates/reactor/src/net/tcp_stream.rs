//! A TCP connection.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::{Hangup, ToAddrs, lookup_host};
use crate::driver;
use crate::interest::{Registration, Way};

/// A TCP connection, with `TCP_NODELAY` set.
///
/// All methods take `&self`, so that it is read and written at once without splitting it. Any number of tasks may
/// wait for it by its asynchronous methods, or by ticking; readiness wakes them all. The traits of `futures-io` are
/// implemented on it and on references to it; they and the `poll_` methods remember, for each direction, only who
/// asked last, as their contract says.
pub struct TcpStream {
    // First, so that the socket is closed before its place in the table is given to another.
    socket: driver::TcpStream,
    registration: Registration,
}

impl TcpStream {
    /// Connects to an address, or to the first that answers of those a name stands for, one after the other.
    ///
    /// There is no time limit but the system's, which is minutes; put a [`timeout`](crate::timeout) around it.
    ///
    /// # Errors
    ///
    /// As the system's, naming the address that was tried last.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes the socket.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect(addrs: impl ToAddrs) -> io::Result<Self> {
        let mut failure = None;
        for addr in lookup_host(addrs).await? {
            match Self::connect_addr(addr).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect_addr(addr: SocketAddr) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot connect to {addr}: {error}"));
        let opened = Registration::new(|core, token| core.driver.tcp_connect(addr, token));
        let (registration, socket) = opened.map_err(named)?;
        let stream = Self { socket, registration };
        stream.registration.use_by(Way::Write, 1, || stream.connected()).await.map_err(named)?;
        // It could not be read before it stood, and what came with the handshake may have been told already.
        stream.registration.assume_ready(Way::Read);
        Ok(stream)
    }

    /// Whether the handshake has ended: an error if it failed, `WouldBlock` if it goes on.
    fn connected(&self) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes up what a listener accepted, on the reactor that runs on this thread.
    pub(super) fn from_accepted(mut socket: driver::TcpStream) -> io::Result<Self> {
        let (registration, ()) = Registration::new(|core, token| socket.register(&*core.driver, token))?;
        // The request of a new client is often here already, and a new socket always has room.
        registration.assume_ready(Way::Read);
        registration.assume_ready(Way::Write);
        Ok(Self { socket, registration })
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
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len();
        let n = self.registration.use_by(Way::Read, 1, || self.socket.read(buf)).await?;
        self.note(Way::Read, n, len);
        Ok(n)
    }

    /// Reads if there is something; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let len = buf.len();
        let read = self.registration.try_use(Way::Read, 1, || self.socket.read(buf))?;
        Ok(read.inspect(|&n| self.note(Way::Read, n, len)))
    }

    /// Reads, or the task is woken when there is something, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let len = buf.len();
        let n = ready!(self.registration.poll_use(Way::Read, 1, cx, || self.socket.read(buf)))?;
        self.note(Way::Read, n, len);
        Poll::Ready(Ok(n))
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
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let n = self.registration.use_by(Way::Write, 1, || self.socket.write(buf)).await?;
        self.note(Way::Write, n, buf.len());
        Ok(n)
    }

    /// Writes if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        let written = self.registration.try_use(Way::Write, 1, || self.socket.write(buf))?;
        Ok(written.inspect(|&n| self.note(Way::Write, n, buf.len())))
    }

    /// Writes, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(self.registration.poll_use(Way::Write, 1, cx, || self.socket.write(buf)))?;
        self.note(Way::Write, n, buf.len());
        Poll::Ready(Ok(n))
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
    pub async fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.registration.use_by(Way::Write, 1, || self.socket.write_vectored(bufs)).await?;
        self.note(Way::Write, n, total(bufs));
        Ok(n)
    }

    /// Writes several buffers if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let written = self.registration.try_use(Way::Write, 1, || self.socket.write_vectored(bufs))?;
        Ok(written.inspect(|&n| self.note(Way::Write, n, total(bufs))))
    }

    /// Writes several buffers, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let n = ready!(self.registration.poll_use(Way::Write, 1, cx, || self.socket.write_vectored(bufs)))?;
        self.note(Way::Write, n, total(bufs));
        Poll::Ready(Ok(n))
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
    pub async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write(buf).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => buf = &buf[n..],
            }
        }
        Ok(())
    }

    /// Ends one direction, or both; ending the write direction tells the peer that it has everything.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Waits until the connection is gone, without reading or writing: for whoever has reason to do neither.
    pub fn hangup(&self) -> Hangup {
        Hangup::new(self.registration.interest())
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// As the system's.
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

    /// Whether small writes leave at once. On by default.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_nodelay(nodelay)
    }

    /// Whether small writes leave at once.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.nodelay()
    }

    /// A use that took less than it could has emptied, or filled, the socket: no need to ask again to find out.
    fn note(&self, way: Way, n: usize, len: usize) {
        if 0 < n && n < len {
            self.registration.note_short(way);
        }
    }
}

fn total(bufs: &[IoSlice<'_>]) -> usize {
    bufs.iter().map(|buf| buf.len()).sum()
}

impl AsyncRead for &TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        TcpStream::poll_read(&self, cx, buf)
    }
}

impl AsyncWrite for &TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        TcpStream::poll_write(&self, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        TcpStream::poll_write_vectored(&self, cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(&self, cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write_vectored(&self, cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpStream").field(&self.socket).finish()
    }
}
