//! Writing what an [`Outbox`] holds, at either end of a connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

use crate::h1::outbox::{Outbox, SLICES_MAX};

/// Writes, by one call, as much as the stream takes of what there is. Tell the outbox how much that was.
///
/// # Errors
///
/// As the stream's, and `WriteZero` if it takes nothing and does not say why.
#[inline]
pub(crate) fn poll_write<Io: AsyncWrite + Unpin>(
    io: &mut Io,
    cx: &mut Context<'_>,
    outbox: &Outbox,
) -> Poll<io::Result<usize>> {
    let io = Pin::new(io);
    let written = match outbox.single() {
        Some(bytes) => ready!(io.poll_write(cx, bytes)),
        None => {
            let mut parts = [IoSlice::new(&[]); SLICES_MAX];
            let count = outbox.slices(&mut parts);
            ready!(io.poll_write_vectored(cx, &parts[..count]))
        }
    };
    Poll::Ready(match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    })
}
