//! Standard output and standard error.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncWrite;

use crate::blocking::Blocking;
use crate::core;
use crate::driver::StandardStream;
use crate::writes::{Writes, try_poll};

/// Standard output.
///
/// A write is over when the system has the bytes: nothing is buffered, so nothing is owed when the program ends. Of
/// several who write, each by a handle of his own, the one comes first who began first; up to 256 KiB of one are never
/// torn by another's, nor by `println!`.
///
/// ```
/// # ekiden_reactor::run(async {
/// ekiden_reactor::stdio::stdout().write_all(b"hello\n").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn stdout() -> Output {
    Output { stream: StandardStream::Output, writes: Writes::default() }
}

/// Standard error; as [`stdout`] otherwise.
pub fn stderr() -> Output {
    Output { stream: StandardStream::Error, writes: Writes::default() }
}

/// Writes standard output or standard error; see [`stdout`].
#[must_use = "it writes nothing by itself"]
pub struct Output {
    stream: StandardStream,
    writes: Writes,
}

impl Output {
    /// Writes some of the buffer, all up to 256 KiB, and says how much that was.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops nothing that has begun: the bytes it would have told of may be written or not, and an
    /// error comes with the next write or [`flush`](Self::flush). Writing the same bytes again by this handle then, and
    /// none others in between, writes them once.
    ///
    /// # Errors
    ///
    /// As the system's, [`BrokenPipe`](io::ErrorKind::BrokenPipe) when nobody reads any more; some of it may be written
    /// then. [`ResourceBusy`](io::ErrorKind::ResourceBusy) if more than a thousand writes wait: it was not begun.
    /// [`Unsupported`](io::ErrorKind::Unsupported) in a world without standard output.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write(cx, buf)).await
    }

    /// Writes if that is done; inside a tick, `Ok(None)` has it begun and the task ticked again when it is. Then it is to
    /// be asked for with the same bytes again.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_write(&mut self, buf: &[u8]) -> io::Result<Option<usize>> {
        try_poll(|cx| self.poll_write(cx, buf))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.stream;
        self.writes.poll_write(cx, buf, |bytes| {
            let driver = &core::current().driver;
            Blocking::begin(move || write(stream, &bytes), |job| driver.standard_stream(stream, job))
        })
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
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = self.write(buf).await?;
            buf = &buf[n..];
        }
        Ok(())
    }

    /// Waits for a write whose future was dropped, and tells its error. What was waited for needs none of this.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.writes.poll_flush(cx)).await
    }

    /// Tells the error of a write that was left half-way if that is over; inside a tick, `Ok(None)` has the task ticked
    /// again when it is.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_flush(&mut self) -> io::Result<Option<()>> {
        try_poll(|cx| self.writes.poll_flush(cx))
    }
}

/// What the thread does.
fn write(stream: StandardStream, bytes: &[u8]) -> io::Result<usize> {
    let all = |out: &mut dyn Write| {
        out.write_all(bytes)?;
        out.flush()
    };
    match stream {
        StandardStream::Error => all(&mut io::stderr().lock())?,
        _ => all(&mut io::stdout().lock())?,
    }
    Ok(bytes.len())
}

impl AsyncWrite for Output {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&mut self, cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.poll_flush(cx)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("stream", &self.stream).finish_non_exhaustive()
    }
}
