//! A byte stream that speaks in frames: [`Transport`].
//!
//! ```text
//!            ┌────────────────── Transport ──────────────────┐
//!   io ──────┤ one read ──► Decoder ──► frame, frame, frame  ├──► next
//!      ◄─────┤ one write ◄── Encoder ◄── frame, frame, frame ├◄── start_send … poll_flush
//!            └───────────────────────────────────────────────┘
//! ```
//!
//! One read takes everything that is there, and everything that is queued leaves by one write: pipelining costs
//! no more system calls than one request. While nothing is under way it holds no buffer.
//!
//! It knows no protocol, keeps no order and reads no clock; who answers what is decided above it.
//!
//! Here is what users see of it. In reading order: `inbound` is the upper half of the picture, `outbound` the lower one;
//! `error` says why a frame does not come or go.

mod inbound;
mod outbound;
mod error;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use ekiden_reactor::task::poll_proceed;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};

use crate::codec::{Decoder, Encoder};

pub use error::{ReadError, SendError};

use inbound::Inbound;
use outbound::Outbound;

/// Frames over a byte stream.
///
/// ```
/// use ekiden_proto::Transport;
/// use ekiden_proto::codec::Lines;
/// # use futures_util::io::Cursor;
///
/// # ekiden_reactor::run(async {
/// # let stream = Cursor::new(b"ping\nquit\n".to_vec());
/// let mut lines = Transport::new(stream, Lines::new(80));
/// while let Some(line) = lines.next().await {
///     match line?.as_str() {
///         "quit" => break,
///         line => assert_eq!(line, "ping"),
///     }
/// }
/// # Ok::<(), ekiden_proto::ReadError<ekiden_proto::codec::LinesError>>(())
/// # }).unwrap();
/// ```
///
/// The read half is a [`Stream`] too. The write half has the methods of `futures`' `Sink` under the same names,
/// and takes whatever the codec encodes.
#[derive(Debug)]
pub struct Transport<Io, Codec> {
    io: Io,
    codec: Codec,
    inbound: Inbound,
    outbound: Outbound,
}

/// What a [`Transport`] leaves behind, for whoever speaks next on the same byte stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<Io, Codec> {
    /// The byte stream.
    pub io: Io,
    /// The codec.
    pub codec: Codec,
    /// What the peer has sent and was not decoded: the next protocol's first bytes.
    pub read: BytesMut,
    /// What was to be sent and was not yet. Empty after a flush.
    pub write: BytesMut,
}

/// What a [`Transport`] with this codec reads: the next frame, or why there is none.
pub type NextFrame<Codec> = Result<<Codec as Decoder>::Item, ReadError<<Codec as Decoder>::Error>>;

impl<Io, Codec> Transport<Io, Codec> {
    /// Speaks `codec` over `io`.
    pub fn new(io: Io, codec: Codec) -> Self {
        Self::with_read(io, codec, BytesMut::new())
    }

    /// Speaks `codec` over `io`, from which `read` was read already, for example by the protocol before.
    pub fn with_read(io: Io, codec: Codec, read: BytesMut) -> Self {
        Self { io, codec, inbound: Inbound::new(read), outbound: Outbound::new() }
    }

    /// Sets how many bytes may be queued before [`poll_ready`](Self::poll_ready) waits for the peer to take them.
    ///
    /// The default is 64 KiB: a peer that does not read makes us hold this and one frame more. More than 4 GiB count as
    /// that.
    pub fn set_write_bytes_max(&mut self, bytes: usize) {
        self.outbound.set_bytes_max(bytes);
    }

    /// The byte stream.
    pub fn io(&self) -> &Io {
        &self.io
    }

    /// The byte stream. What is read of it or written to it passes the codec by.
    pub fn io_mut(&mut self) -> &mut Io {
        &mut self.io
    }

    /// The codec.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// The codec: for what both ends have agreed upon, such as longer frames from here on.
    pub fn codec_mut(&mut self) -> &mut Codec {
        &mut self.codec
    }

    /// Gives back the byte stream, and whatever was read of it and not decoded.
    pub fn into_parts(self) -> Parts<Io, Codec> {
        let [read, write] = [self.inbound.bytes, self.outbound.bytes]
            .map(|bytes| bytes.map_or_else(BytesMut::new, |bytes| *bytes));
        Parts { io: self.io, codec: self.codec, read, write }
    }

    /// Whether the last frame was one that holds back what is behind it: see [`Decoded::Hold`](crate::codec::Decoded::Hold).
    pub fn is_held(&self) -> bool {
        self.inbound.is_held()
    }

    /// Goes on decoding behind a frame that held it back. Otherwise it does nothing.
    pub fn resume(&mut self) {
        self.inbound.resume();
    }

    /// Whether the next frame may be here already, without another read.
    pub fn is_undecoded(&self) -> bool {
        self.inbound.is_undecoded()
    }

    /// How many bytes were read and not decoded: of a part of a frame, mostly.
    pub(crate) fn undecoded_bytes(&self) -> usize {
        self.inbound.len()
    }

    /// How many bytes the frame that was read last took on the wire; from 4 GiB on, that many.
    pub(crate) fn frame_bytes(&self) -> u32 {
        self.inbound.frame_bytes
    }

    /// Whether an item may be queued without asking [`poll_ready`](Self::poll_ready).
    pub(crate) fn has_room(&self) -> bool {
        self.outbound.has_room()
    }

    /// Whether a part of a frame was read, and the rest is waited for.
    pub(crate) fn is_amid_frame(&self) -> bool {
        self.inbound.is_amid_frame()
    }

    /// How many bytes are encoded and wait to be written.
    pub fn queued_bytes(&self) -> usize {
        self.outbound.len()
    }

    /// How many bytes the byte stream has taken since the start.
    ///
    /// With [`queued_bytes`](Self::queued_bytes) at the time a frame is queued, this says whether any of it can
    /// have reached the peer.
    pub fn written_bytes(&self) -> u64 {
        self.outbound.written
    }

    /// The same while more wait to be written, so that each byte more is a sign of the peer's.
    pub(crate) fn taken_bytes(&self) -> Option<u64> {
        (self.queued_bytes() > 0).then_some(self.outbound.written)
    }
}

impl<Io: AsyncRead + Unpin, Codec: Decoder> Transport<Io, Codec> {
    /// Waits for the next frame. `None` at the end of the byte stream, and as long as the decoder
    /// [holds](Self::is_held).
    ///
    /// Each frame costs its task one of the 128 units of a turn, as each read does ([`poll_proceed`]): a task that takes
    /// frame after frame from a peer that sends without a pause leaves the others theirs. If more is done with one than
    /// that, ask for more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a frame leaves only in the same poll that returns it, and what was read
    /// of the next one is kept.
    ///
    /// # Errors
    ///
    /// If reading fails, if the bytes are no frame, or if they end in the middle of one. After an error there is
    /// only `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name is that of `StreamExt`, and an iterator it is not"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<NextFrame<Codec>>> {
        poll_fn(|cx| self.poll_next(cx))
    }

    /// Polls for what [`next`](Self::next) waits for.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<NextFrame<Codec>>> {
        ready!(poll_proceed(cx, 1));
        self.poll_frame(cx)
    }

    /// The same, for who counts by himself what a frame costs of the task's turn.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<NextFrame<Codec>>> {
        self.inbound.poll_next(cx, &mut self.io, &mut self.codec)
    }

    /// The next frame, if all of it has been read already. It never reads.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn try_next(&mut self) -> Option<NextFrame<Codec>> {
        self.inbound.try_next(&mut self.codec)
    }
}

impl<Io: AsyncWrite + Unpin, Codec> Transport<Io, Codec> {
    /// Puts `item` into the queue, waiting for room if there is none, and writes all that is there.
    ///
    /// If there is room, the item is queued by the call itself and not when the future is polled, so that a connection
    /// keeps no place for it.
    ///
    /// To send several with one write, use [`poll_ready`](Self::poll_ready) and
    /// [`start_send`](Self::start_send) for each, and then [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the item unsent, queued or written in part. What is queued leaves, whole,
    /// with the next flush.
    ///
    /// # Errors
    ///
    /// If writing fails, or the item cannot be encoded; then nothing of it was sent.
    pub fn send<T>(&mut self, item: T) -> impl Future<Output = Result<(), SendError<Codec::Error>>>
    where
        Codec: Encoder<T>,
    {
        // What is left to do, in a box, as there seldom is anything: an idle connection has room for it.
        let mut left = if self.has_room() {
            self.start_send(item).err().map(|error| Box::new(Unqueued::Failed(error)))
        } else {
            Some(Box::new(Unqueued::Waits(item)))
        };
        poll_fn(move |cx| {
            if left.is_some() {
                ready!(self.poll_ready(cx)).map_err(SendError::Io)?;
            }
            match left.take().map(|left| *left) {
                Some(Unqueued::Waits(item)) => self.start_send(item).map_err(SendError::Encode)?,
                Some(Unqueued::Failed(error)) => return Poll::Ready(Err(SendError::Encode(error))),
                None => {}
            }
            self.poll_flush(cx).map_err(SendError::Io)
        })
    }

    /// Waits until all that is queued is written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what is not written stays queued.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|cx| self.poll_flush(cx))
    }

    /// Polls until the queue has room. While it has, nothing is written.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.outbound.has_room() {
            ready!(self.outbound.poll_write(cx, &mut self.io))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues `item`; a flush writes it. Ask [`poll_ready`](Self::poll_ready) first, which keeps the queue
    /// bounded.
    ///
    /// # Errors
    ///
    /// If `item` cannot be encoded. Then nothing is queued.
    pub fn start_send<T>(&mut self, item: T) -> Result<(), Codec::Error>
    where
        Codec: Encoder<T>,
    {
        self.outbound.encode(item, &mut self.codec)
    }

    /// Polls until all that is queued is written.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.outbound.poll_write(cx, &mut self.io))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Polls until all that is queued is written and the peer is told that nothing follows.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.outbound.poll_write(cx, &mut self.io))?;
        Pin::new(&mut self.io).poll_close(cx)
    }
}

/// Why an item is not in the queue.
enum Unqueued<T, Error> {
    /// There was no room.
    Waits(T),
    /// It cannot be encoded.
    Failed(Error),
}

/// Nothing in it is pinned.
impl<Io, Codec> Unpin for Transport<Io, Codec> {}

impl<Io: AsyncRead + Unpin, Codec: Decoder> Stream for Transport<Io, Codec> {
    type Item = NextFrame<Codec>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Self::poll_next(self.get_mut(), cx)
    }
}
