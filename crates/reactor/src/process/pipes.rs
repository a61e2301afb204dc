//! Our ends of a child's pipes.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::about::About;
use crate::driver::{self, Driver, Token};
use crate::net::stream::{Stream, StreamSocket};

/// Reads what a child process writes.
///
/// All methods take `&self`; any number of tasks may wait by its asynchronous methods, or by ticking. [`AsyncRead`] is
/// implemented on it and on references to it.
pub struct PipeReader {
    stream: Stream<driver::Pipe>,
}

impl PipeReader {
    pub(super) fn new(pipe: driver::Pipe, child: u32) -> io::Result<Self> {
        Ok(Self { stream: Stream::take_up(pipe, About::Pipe(child))? })
    }

    /// Reads what there is, up to the buffer's size; 0 when nobody can write any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: bytes leave the pipe in the same poll that returns them.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf).await
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
}

/// Writes what a child process reads. Dropping it tells the child that there is no more.
///
/// All methods take `&self`; any number of tasks may wait by its asynchronous methods, or by ticking. [`AsyncWrite`] is
/// implemented on it and on references to it; closing one of those does nothing, as only dropping the writer itself
/// ends what the child reads.
pub struct PipeWriter {
    /// `None` once it was closed by `poll_close`.
    stream: Option<Stream<driver::Pipe>>,
}

impl PipeWriter {
    pub(super) fn new(pipe: driver::Pipe, child: u32) -> io::Result<Self> {
        Ok(Self { stream: Some(Stream::take_up(pipe, About::Pipe(child))?) })
    }

    fn stream(&self) -> io::Result<&Stream<driver::Pipe>> {
        self.stream.as_ref().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Writes what fits, and says how much that was.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready has written nothing.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) if nobody reads any more, as when the child has ended; else as the
    /// system's.
    pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.stream()?.write(buf).await
    }

    /// Writes if there is room; inside a tick, `Ok(None)` registers interest in more.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        self.stream()?.try_write(buf)
    }

    /// Writes, or the task is woken when there is room, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, buf)
    }

    /// Writes all of the buffer.
    ///
    /// # Cancel safety
    ///
    /// None: dropping the future may leave a part written, and does not say how much.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); how much was written before is not known.
    pub async fn write_all(&self, buf: &[u8]) -> io::Result<()> {
        self.stream()?.write_all(buf).await
    }
}

impl StreamSocket for driver::Pipe {
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

impl AsyncRead for &PipeReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        PipeReader::poll_read(&self, cx, buf)
    }
}

impl AsyncRead for PipeReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(&self, cx, buf)
    }
}

impl AsyncWrite for &PipeWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        PipeWriter::poll_write(&self, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PipeWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream = None;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeReader").field(&self.stream.socket).finish()
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pipe = self.stream.as_ref().map(|stream| &stream.socket);
        f.debug_tuple("PipeWriter").field(&pipe).finish()
    }
}
