//! What all connections have in common: bytes in and out, by three faces.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::about::About;
use crate::driver::{Driver, Token};
use crate::interest::Way;
use crate::registration::Registration;
use crate::waiters::Key;

/// A connection's socket, as its driver gives it: none of these waits.
pub(crate) trait StreamSocket {
    /// Whether a read that takes less than it could has emptied the socket.
    const SHORT_READ_IS_LAST: bool;

    fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()>;
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// The part of a connection that is the same for every kind of socket.
pub(crate) struct Stream<S> {
    // First, so that the socket is closed before its place in the table is given to another.
    pub(crate) socket: S,
    pub(crate) registration: Registration,
}

impl<S: StreamSocket> Stream<S> {
    /// Takes up what stands already, on the reactor that runs on this thread.
    pub(crate) fn take_up(mut socket: S, about: About) -> io::Result<Self> {
        let (registration, ()) = Registration::new(|core, token| socket.register(&*core.driver, token))?;
        // The request of a new client is often here already, and a new socket always has room.
        registration.assume_ready(Way::Read);
        registration.assume_ready(Way::Write);
        registration.describe(about);
        Ok(Self { socket, registration })
    }

    pub(crate) fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.use_by(Way::Read, 1, || self.read_now(buf))
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        self.registration.try_use(Way::Read, 1, || self.read_now(buf))
    }

    pub(crate) fn poll_read(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_use(Way::Read, 1, cx, || self.read_now(buf))
    }

    pub(crate) fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.use_by(Way::Write, 1, || self.write_now(buf))
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<Option<usize>> {
        self.registration.try_use(Way::Write, 1, || self.write_now(buf))
    }

    pub(crate) fn poll_write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_use(Way::Write, 1, cx, || self.write_now(buf))
    }

    pub(crate) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        self.registration.use_by(Way::Write, 1, || self.write_vectored_now(bufs))
    }

    pub(crate) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        self.registration.try_use(Way::Write, 1, || self.write_vectored_now(bufs))
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.registration.poll_use(Way::Write, 1, cx, || self.write_vectored_now(bufs))
    }

    pub(crate) fn write_all(&self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        WriteAll { stream: self, left: buf, wait: None }
    }

    fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.socket.read(buf)?;
        if S::SHORT_READ_IS_LAST {
            self.note(Way::Read, n, buf.len());
        }
        Ok(n)
    }

    fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
        let n = self.socket.write(buf)?;
        self.note(Way::Write, n, buf.len());
        Ok(n)
    }

    fn write_vectored_now(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.socket.write_vectored(bufs)?;
        self.note(Way::Write, n, total(bufs));
        Ok(n)
    }

    /// A use that took less than it could has emptied, or filled, the socket: no need to ask again to find out.
    fn note(&self, way: Way, n: usize, len: usize) {
        if 0 < n && n < len {
            self.registration.note_short(way);
        }
    }
}

/// Writes all of a buffer. By hand, as it is in every answer: what the compiler makes of the loop takes twice as long.
struct WriteAll<'a, 'b, S> {
    stream: &'a Stream<S>,
    left: &'b [u8],
    /// Its entry among those who wait for room.
    wait: Option<Key>,
}

impl<S: StreamSocket> Future for WriteAll<'_, '_, S> {
    type Output = io::Result<()>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { stream, left, wait } = &mut *self;
        while !left.is_empty() {
            let write = || stream.write_now(left);
            match ready!(stream.registration.poll_use_by(Way::Write, 1, wait, cx, write))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => *left = &left[n..],
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Drop for WriteAll<'_, '_, S> {
    #[inline]
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            self.stream.registration.forget_use(Way::Write, wait);
        }
    }
}

fn total(bufs: &[IoSlice<'_>]) -> usize {
    bufs.iter().map(|buf| buf.len()).sum()
}

/// The traits of `futures-io`, on a connection and on references to it, over its methods of the same names.
macro_rules! impl_futures_io {
    ($stream:ty) => {
        impl futures_io::AsyncRead for &$stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                <$stream>::poll_read(&self, cx, buf)
            }
        }

        impl futures_io::AsyncWrite for &$stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                <$stream>::poll_write(&self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                <$stream>::poll_write_vectored(&self, cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown(Shutdown::Write))
            }
        }

        impl futures_io::AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Self::poll_read(&self, cx, buf)
            }
        }

        impl futures_io::AsyncWrite for $stream {
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
    };
}

pub(crate) use impl_futures_io;
