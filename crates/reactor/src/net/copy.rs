//! Bytes from one connection to another, as in a proxy.
//!
//! The core's buffer is lent for the length of one poll; while nothing comes no buffer is held. What was read and
//! finds no room is kept at its exact size, and nothing more is read before it has left: a slow receiver is felt by
//! the sender.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::buffer::lend;
use crate::task::poll_budget;

/// Copies what a reader gives to a writer, until the reader's end, and says how many bytes that were.
///
/// The writer is flushed whenever the reader has nothing to give, and at the end; it is not closed. Sockets can be given
/// by reference.
///
/// ```
/// use ekiden_reactor::net::{UnixStream, copy};
///
/// # ekiden_reactor::run(async {
/// let (sender, from) = UnixStream::pair()?;
/// let (to, receiver) = UnixStream::pair()?;
/// sender.write_all(b"hello").await?;
/// drop(sender);
/// assert_eq!(copy(&from, &to).await?, 5);
/// assert_eq!(receiver.read(&mut [0; 64]).await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// The first of the reader's or the writer's; [`WriteZero`](io::ErrorKind::WriteZero) if the writer takes nothing any
/// more. How much was copied before is not known.
///
/// # Cancel safety
///
/// None: dropping the future loses what was read and not yet written, up to [`LENT_BYTES`](crate::buffer::LENT_BYTES).
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn copy(reader: impl AsyncRead + Unpin, writer: impl AsyncWrite + Unpin) -> io::Result<u64> {
    let (mut reader, mut writer) = (reader, writer);
    let mut way = Way::new(End::Flush);
    poll_fn(|cx| way.poll(cx, &mut reader, &mut writer)).await
}

/// Copies in both directions at once, until both have ended, and says how many bytes went from `a` to `b`, and back.
///
/// When one side sends no more, the other side's write direction is closed, and the rest goes on: so a client that
/// has said everything still gets its answer.
///
/// ```
/// use ekiden_reactor::net::{TcpListener, TcpStream, copy_bidirectional};
/// use ekiden_reactor::spawn;
/// use std::net::SocketAddr;
///
/// /// Passes everything on.
/// async fn proxy(listener: TcpListener, to: SocketAddr) -> std::io::Result<()> {
///     loop {
///         let (client, _peer) = listener.accept().await?;
///         spawn(async move {
///             let server = TcpStream::connect(to).await?;
///             copy_bidirectional(client, server).await
///         });
///     }
/// }
/// ```
///
/// # Errors
///
/// The first of any of them, by which both directions end. How much was copied before is not known.
///
/// # Cancel safety
///
/// None: dropping the future loses what was read and not yet written, in either direction.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn copy_bidirectional(
    a: impl AsyncRead + AsyncWrite + Unpin,
    b: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<(u64, u64)> {
    let (mut a, mut b) = (a, b);
    let (mut there, mut back) = (Way::new(End::Close), Way::new(End::Close));
    poll_fn(|cx| {
        let there = there.poll(cx, &mut a, &mut b)?;
        let back = back.poll(cx, &mut b, &mut a)?;
        match (there, back) {
            (Poll::Ready(there), Poll::Ready(back)) => Poll::Ready(Ok((there, back))),
            _ => Poll::Pending,
        }
    })
    .await
}

/// One direction.
struct Way {
    /// Read and not yet written, from `at` on.
    rest: Vec<u8>,
    at: usize,
    copied: u64,
    /// Something was written since the last flush.
    is_unflushed: bool,
    state: State,
    end: End,
}

enum State {
    Copying,
    /// The reader has ended.
    Ending,
    Ended,
}

/// What becomes of the writer when the reader has ended.
enum End {
    Flush,
    Close,
}

impl Way {
    fn new(end: End) -> Self {
        Self { rest: Vec::new(), at: 0, copied: 0, is_unflushed: false, state: State::Copying, end }
    }

    /// Goes on to the reader's end. Answers the same when asked again after that.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<u64>> {
        loop {
            match self.state {
                State::Copying => {
                    ready!(self.poll_rest(cx, writer))?;
                    // Readers that are always ready need not be sources of ours, which count for themselves.
                    ready!(poll_budget(cx));
                    ready!(lend(|buf| self.poll_some(cx, reader, writer, buf)))?;
                }
                State::Ending => {
                    ready!(self.poll_end(cx, writer))?;
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(self.copied)),
            }
        }
    }

    /// Writes what is left over from the poll before.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.at < self.rest.len() {
            let n = ready!(write(cx, writer, &self.rest[self.at..]))?;
            self.note(n);
            self.at += n;
        }
        (self.rest, self.at) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Reads once, and writes of it what finds room.
    fn poll_some(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        buf: &mut [u8],
    ) -> Poll<io::Result<()>> {
        let read = match Pin::new(reader).poll_read(cx, buf)? {
            Poll::Ready(read) => read,
            Poll::Pending => return self.poll_idle(cx, writer),
        };
        if read == 0 {
            self.state = State::Ending;
        }
        let mut written = 0;
        while written < read {
            let Poll::Ready(n) = write(cx, writer, &buf[written..read])? else {
                self.rest = buf[written..read].to_vec();
                return Poll::Pending;
            };
            self.note(n);
            written += n;
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing comes: whoever waits for the last bytes should have them.
    fn poll_idle(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        if self.is_unflushed {
            self.is_unflushed = Pin::new(writer).poll_flush(cx)?.is_pending();
        }
        Poll::Pending
    }

    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        let ended = match self.end {
            End::Flush => ready!(Pin::new(writer).poll_flush(cx)),
            End::Close => ready!(Pin::new(writer).poll_close(cx)),
        };
        match ended {
            // It is gone already, and need not be told that there is no more.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            ended => Poll::Ready(ended),
        }
    }

    fn note(&mut self, written: usize) {
        self.copied += written as u64;
        self.is_unflushed = true;
    }
}

/// Writes something; nothing is an error.
fn write(
    cx: &mut Context<'_>,
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(writer).poll_write(cx, bytes))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        n => Poll::Ready(Ok(n)),
    }
}
