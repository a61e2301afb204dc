//! What was encoded and not written yet: [`Outbound`].
//!
//! It writes everything that is queued by one call. While a write waits it keeps no more memory than the bytes that are
//! left.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_io::AsyncWrite;

use crate::codec::{Encoder, skip};
use crate::spare;

/// The way from the frames to the byte stream.
#[derive(Debug)]
pub(super) struct Outbound {
    /// Without memory when empty.
    pub(super) bytes: BytesMut,
    /// Whether `bytes` is this core's spare buffer. Not while a write waits.
    is_lent: bool,
    pub(super) bytes_max: usize,
    /// How many bytes the byte stream has taken since the start.
    pub(super) written: u64,
}

impl Outbound {
    pub(super) fn new() -> Self {
        Self { bytes: BytesMut::new(), is_lent: false, bytes_max: BYTES_MAX, written: 0 }
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() < self.bytes_max
    }

    /// Queues an item. One that cannot be encoded leaves the queue as it was.
    pub(super) fn encode<T, Codec: Encoder<T>>(
        &mut self,
        item: T,
        codec: &mut Codec,
    ) -> Result<(), Codec::Error> {
        if self.bytes.capacity() == 0 {
            self.bytes = spare::WRITE.take();
            self.is_lent = true;
        }
        let queued = self.bytes.len();
        let encoded = codec.encode(item, &mut self.bytes);
        if encoded.is_err() {
            self.bytes.truncate(queued);
            self.settle();
        }
        encoded
    }

    /// Polls until all that is queued is written.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while !self.bytes.is_empty() {
            let Poll::Ready(bytes) = Pin::new(&mut *io).poll_write(cx, &self.bytes)? else {
                self.settle();
                return Poll::Pending;
            };
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            skip(&mut self.bytes, bytes);
            self.written += bytes as u64;
        }
        self.settle();
        Poll::Ready(Ok(()))
    }

    /// Gives back what memory is not needed until the peer has taken more.
    #[inline]
    fn settle(&mut self) {
        if self.bytes.capacity() > 0 && (self.bytes.is_empty() || self.is_lent) {
            let rest = spare::exactly(&self.bytes);
            let bytes = std::mem::replace(&mut self.bytes, rest);
            if std::mem::take(&mut self.is_lent) {
                spare::WRITE.give(bytes);
            }
        }
    }
}

/// The reason is at [`Transport::set_write_bytes_max`](super::Transport::set_write_bytes_max).
const BYTES_MAX: usize = 64 * 1024;
