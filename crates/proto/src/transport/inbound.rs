//! What was read and not decoded yet: [`Inbound`].
//!
//! It reads everything that is there by one call and takes frame after frame off it. From one poll to the next it
//! keeps no more memory than the bytes that are left. While there are none it is two words: an idle connection has one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use ekiden_reactor::buffer;
use ekiden_reactor::task::poll_proceed;
use futures_io::AsyncRead;

use super::{NextFrame, ReadError};
use crate::codec::{Decoded, Decoder};
use crate::spare;

/// The way from the byte stream to the frames.
#[derive(Debug)]
pub(super) struct Inbound {
    reading: Reading,
    /// Nothing when empty, between two polls. In a box, as the buffer's handle is four words by itself, and most connections are idle.
    pub(super) bytes: Option<Box<BytesMut>>,
    /// Whether `bytes` may hold a whole frame.
    is_undecoded: bool,
    /// Whether `bytes` is this core's spare buffer. Never between two polls.
    is_lent: bool,
    /// Whether frames were taken off `bytes` since it was made: it is more memory than the rest needs.
    is_loose: bool,
    /// How many bytes the last frame took. From 4 GiB on that many.
    pub(super) frame_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    /// By the decoder's wish: see [`Decoded::Hold`].
    Held,
    /// By the peer, or after an error.
    Ended,
}

impl Inbound {
    pub(super) fn new(bytes: BytesMut) -> Self {
        Self {
            reading: Reading::Open,
            is_undecoded: !bytes.is_empty(),
            is_lent: false,
            is_loose: true,
            frame_bytes: 0,
            bytes: spare::boxed(bytes),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.reading == Reading::Held
    }

    pub(super) fn resume(&mut self) {
        if self.is_held() {
            self.reading = Reading::Open;
        }
    }

    pub(super) fn is_undecoded(&self) -> bool {
        self.is_undecoded && self.reading == Reading::Open
    }

    pub(super) fn is_amid_frame(&self) -> bool {
        self.reading == Reading::Open && !self.is_undecoded && self.bytes.is_some()
    }

    /// Polls for the next frame, and reads if none is here. Frames are for whoever takes them to count; what is passed over
    /// nobody sees, so that is counted here.
    pub(super) fn poll_next<Codec: Decoder>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
        codec: &mut Codec,
    ) -> Poll<Option<NextFrame<Codec>>> {
        // Moved once, to whoever asks: a frame may be large.
        let frame = self.poll_frame(cx, io, codec);
        self.settle();
        if matches!(frame, Poll::Ready(Some(Err(_)))) {
            self.end_by_error();
        }
        frame
    }

    /// The next frame, if it is here. It never reads.
    pub(super) fn try_next<Codec: Decoder>(&mut self, codec: &mut Codec) -> Option<NextFrame<Codec>> {
        let frame = self.decode(codec);
        self.settle();
        if matches!(frame, Some(Err(_))) {
            self.end_by_error();
        }
        frame
    }

    fn poll_frame<Codec: Decoder>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
        codec: &mut Codec,
    ) -> Poll<Option<NextFrame<Codec>>> {
        while self.reading == Reading::Open {
            let before = self.len();
            if let Some(frame) = self.decode(codec) {
                return Poll::Ready(Some(frame));
            }
            let passed_over = before - self.len();
            if passed_over > 0 {
                ready!(poll_proceed(cx, passed_over_cost(passed_over)));
            }
            match ready!(self.poll_read(cx, io)) {
                Ok(0) => {
                    self.reading = Reading::Ended;
                    return Poll::Ready(match self.len() {
                        0 => None,
                        bytes => Some(Err(ReadError::Truncated { bytes })),
                    });
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(ReadError::Io(error)))),
            }
        }
        Poll::Ready(None)
    }

    /// How much was read and not decoded.
    pub(super) fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }

    /// Takes a frame off what was read.
    #[inline]
    fn decode<Codec: Decoder>(&mut self, codec: &mut Codec) -> Option<NextFrame<Codec>> {
        let (true, Some(bytes)) = (self.is_undecoded(), &mut self.bytes) else { return None };
        let before = bytes.len();
        let frame = match codec.decode(bytes) {
            Ok(Decoded::Frame(frame)) => Some(Ok(frame)),
            Ok(Decoded::Hold(frame)) => {
                self.reading = Reading::Held;
                Some(Ok(frame))
            }
            Ok(Decoded::Incomplete) => {
                self.is_undecoded = false;
                return None;
            }
            Err(error) => Some(Err(ReadError::Frame(error))),
        };
        self.frame_bytes = u32::try_from(before - bytes.len()).unwrap_or(u32::MAX);
        self.is_undecoded = !bytes.is_empty();
        self.is_loose = true;
        frame
    }

    #[cold]
    fn end_by_error(&mut self) {
        self.reading = Reading::Ended;
        self.bytes = None;
    }

    /// Reads what is there and appends it.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(buffer::lend(|scratch| {
            Pin::new(io).poll_read(cx, scratch).map_ok(|count| {
                let read = &scratch[..count];
                match &mut self.bytes {
                    // It grows by doubling. A copy of exact size for each piece of a long frame would cost its square.
                    Some(bytes) => bytes.extend_from_slice(read),
                    None if count <= spare::READ.size => {
                        let mut bytes = spare::READ.take();
                        bytes.extend_from_slice(read);
                        self.bytes = Some(bytes);
                        self.is_lent = true;
                    }
                    None => {
                        self.bytes = Some(Box::new(BytesMut::from(read)));
                        self.is_loose = false;
                    }
                }
                count
            })
        }))?;
        self.is_undecoded = bytes > 0;
        Poll::Ready(Ok(bytes))
    }

    /// Gives back what memory is not needed until the next poll.
    #[inline]
    fn settle(&mut self) {
        let Some(bytes) = &self.bytes else { return };
        // Frames that are here already are decoded from where they are, so a burst is copied once.
        let is_loose = self.is_loose && !self.is_undecoded;
        if bytes.is_empty() || self.is_lent || is_loose {
            let rest = spare::exactly(bytes);
            self.is_loose = false;
            if let Some(bytes) = std::mem::replace(&mut self.bytes, rest)
                && std::mem::take(&mut self.is_lent)
            {
                spare::READ.give(bytes);
            }
        }
    }
}

/// What it costs of a task's turn that a decoder has passed over so many bytes, such as empty lines: one of 128 for each
/// 2 KiB. What it takes for many short ones is some tens of microseconds.
fn passed_over_cost(bytes: usize) -> u32 {
    u32::try_from(1 + bytes / 2048).unwrap_or(u32::MAX)
}
