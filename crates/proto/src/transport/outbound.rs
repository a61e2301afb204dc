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
    /// Nothing when empty. In a box, as the buffer's handle is four words by itself, and most connections are idle.
    pub(super) bytes: Option<Box<BytesMut>>,
    /// Whether `bytes` is this core's spare buffer. Not while a write waits.
    is_lent: bool,
    /// Half a word, for a connection's sake; more than that is as good as no maximum.
    bytes_max: u32,
    /// How many bytes the byte stream has taken since the start.
    pub(super) written: u64,
}

impl Outbound {
    pub(super) fn new() -> Self {
        Self { bytes: None, is_lent: false, bytes_max: BYTES_MAX, written: 0 }
    }

    pub(super) fn set_bytes_max(&mut self, bytes: usize) {
        self.bytes_max = bytes.try_into().unwrap_or(u32::MAX);
    }

    /// How many bytes are queued.
    pub(super) fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }

    pub(super) fn has_room(&self) -> bool {
        self.len() < self.bytes_max as usize
    }

    /// Queues an item. One that cannot be encoded leaves the queue as it was.
    pub(super) fn encode<T, Codec: Encoder<T>>(
        &mut self,
        item: T,
        codec: &mut Codec,
    ) -> Result<(), Codec::Error> {
        let bytes = self.bytes.get_or_insert_with(|| {
            self.is_lent = true;
            spare::WRITE.take()
        });
        let queued = bytes.len();
        let encoded = codec.encode(item, bytes);
        if encoded.is_err() {
            bytes.truncate(queued);
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
        while let Some(queued) = self.bytes.as_mut().filter(|queued| !queued.is_empty()) {
            let Poll::Ready(bytes) = Pin::new(&mut *io).poll_write(cx, queued)? else {
                self.settle();
                return Poll::Pending;
            };
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            skip(queued, bytes);
            self.written += bytes as u64;
        }
        self.settle();
        Poll::Ready(Ok(()))
    }

    /// Gives back what memory is not needed until the peer has taken more.
    #[inline]
    fn settle(&mut self) {
        let Some(bytes) = &self.bytes else { return };
        if bytes.is_empty() || self.is_lent {
            let rest = spare::exactly(bytes);
            if let Some(bytes) = std::mem::replace(&mut self.bytes, rest)
                && std::mem::take(&mut self.is_lent)
            {
                spare::WRITE.give(bytes);
            }
        }
    }
}

/// The reason is at [`Transport::set_write_bytes_max`](super::Transport::set_write_bytes_max).
const BYTES_MAX: u32 = 64 * 1024;
