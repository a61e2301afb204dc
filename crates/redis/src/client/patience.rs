//! A byte stream whose peer must not owe answers and be silent for too long: [`Patient`].
//!
//! A server that has vanished ends no connection: what was sent waits in the system, which gives up after a quarter of an
//! hour, and until then every call would go the same way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::{Instant, Sleep, sleep_until};
use futures_io::{AsyncRead, AsyncWrite};

use super::codec::Owed;

/// A stream that fails when its peer owes something and sends nothing for so long.
#[derive(Debug)]
pub(crate) struct Patient<Io> {
    io: Io,
    owed: Owed,
    silence_max: Option<Duration>,
    /// Set while something is owed, from when it was or from what was heard last.
    limit: Option<Instant>,
    /// In a box, and kept: a connection that is used at all is used again.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<Io> Patient<Io> {
    pub(crate) fn new(io: Io, owed: Owed, silence_max: Option<Duration>) -> Self {
        Self { io, owed, silence_max, limit: None, sleep: None }
    }

    /// Whether the peer was silent for too long. Else the task is woken when it will have been.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(silence_max) = self.silence_max.filter(|_| self.owed.is_any()) else {
            self.limit = None;
            return Poll::Pending;
        };
        let limit = *self.limit.get_or_insert_with(|| Instant::recent() + silence_max);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(limit)));
        sleep.poll_until(cx, limit)
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Patient<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Pending if self.poll_silence(cx).is_ready() => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the server owes answers and says nothing",
            ))),
            Poll::Pending => Poll::Pending,
            read => {
                self.limit = None;
                read
            }
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Patient<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        // What was written may be the first that is owed, and nothing is read before something comes. If the time is over
        // already the next read says so.
        if self.limit.is_none() && self.poll_silence(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        flushed
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}
