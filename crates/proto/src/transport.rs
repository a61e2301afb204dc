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

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use ekiden_reactor::buffer;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};

use crate::codec::{Decoded, Decoder, Encoder, skip};
use crate::spare;

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
    reading: Reading,
    /// What was read and not decoded yet. Without memory when empty.
    read: BytesMut,
    /// Whether `read` may hold a whole frame.
    is_undecoded: bool,
    /// Whether `read` is this core's spare buffer. Never between two polls.
    is_read_lent: bool,
    /// Whether frames were taken off `read` since it was made: it is more memory than the rest needs.
    is_read_loose: bool,
    /// What was encoded and not written yet. Without memory when empty.
    write: BytesMut,
    /// Whether `write` is this core's spare buffer. Not while a write waits.
    is_write_lent: bool,
    write_bytes_max: usize,
    /// How many bytes `io` has taken since the start.
    written: u64,
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

/// [`NextFrame`] inside out, which `?` likes better.
type Framed<Codec> = Result<Option<<Codec as Decoder>::Item>, ReadError<<Codec as Decoder>::Error>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    /// By the decoder's wish: see [`Decoded::Hold`].
    Held,
    /// By the peer, or after an error.
    Ended,
}

impl<Io, Codec> Transport<Io, Codec> {
    /// Speaks `codec` over `io`.
    pub fn new(io: Io, codec: Codec) -> Self {
        Self::with_read(io, codec, BytesMut::new())
    }

    /// Speaks `codec` over `io`, from which `read` was read already, for example by the protocol before.
    pub fn with_read(io: Io, codec: Codec, read: BytesMut) -> Self {
        Self {
            io,
            codec,
            reading: Reading::Open,
            is_undecoded: !read.is_empty(),
            is_read_lent: false,
            is_read_loose: true,
            read,
            write: BytesMut::new(),
            is_write_lent: false,
            write_bytes_max: WRITE_BYTES_MAX,
            written: 0,
        }
    }

    /// Sets how many bytes may be queued before [`poll_ready`](Self::poll_ready) waits for the peer to take them.
    ///
    /// The default is 64 KiB: a peer that does not read makes us hold this and one frame more.
    pub fn set_write_bytes_max(&mut self, bytes: usize) {
        self.write_bytes_max = bytes;
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

    /// The codec.
    pub fn codec_mut(&mut self) -> &mut Codec {
        &mut self.codec
    }

    /// Gives back the byte stream, and whatever was read of it and not decoded.
    pub fn into_parts(self) -> Parts<Io, Codec> {
        Parts { io: self.io, codec: self.codec, read: self.read, write: self.write }
    }

    /// Whether the last frame was one that holds back what is behind it: see [`Decoded::Hold`].
    pub fn is_held(&self) -> bool {
        self.reading == Reading::Held
    }

    /// Goes on decoding behind a frame that held it back. Otherwise it does nothing.
    pub fn resume(&mut self) {
        if self.is_held() {
            self.reading = Reading::Open;
        }
    }

    /// Whether the next frame may be here already, without another read.
    pub fn is_undecoded(&self) -> bool {
        self.is_undecoded && self.reading == Reading::Open
    }

    /// Whether a part of a frame was read, and the rest is waited for.
    pub(crate) fn is_amid_frame(&self) -> bool {
        self.reading == Reading::Open && !self.is_undecoded && !self.read.is_empty()
    }

    /// How many bytes are encoded and wait to be written.
    pub fn queued_bytes(&self) -> usize {
        self.write.len()
    }

    /// How many bytes the byte stream has taken since the start.
    ///
    /// With [`queued_bytes`](Self::queued_bytes) at the time a frame is queued, this says whether any of it can
    /// have reached the peer.
    pub fn written_bytes(&self) -> u64 {
        self.written
    }
}

impl<Io: AsyncRead + Unpin, Codec: Decoder> Transport<Io, Codec> {
    /// Waits for the next frame. `None` at the end of the byte stream, and as long as the decoder
    /// [holds](Self::is_held).
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
    pub async fn next(&mut self) -> Option<NextFrame<Codec>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for what [`next`](Self::next) waits for.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<NextFrame<Codec>>> {
        let frame = self.poll_frame(cx);
        self.settle_read();
        frame.map(|frame| self.end_by_error(frame))
    }

    /// The next frame, if all of it has been read already. It never reads.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn try_next(&mut self) -> Option<NextFrame<Codec>> {
        let frame = self.decode();
        self.settle_read();
        self.end_by_error(frame)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Framed<Codec>> {
        while self.reading == Reading::Open {
            if let Some(frame) = self.decode()? {
                return Poll::Ready(Ok(Some(frame)));
            }
            if ready!(self.poll_read(cx)).map_err(ReadError::Io)? == 0 {
                self.reading = Reading::Ended;
                return match self.read.len() {
                    0 => Poll::Ready(Ok(None)),
                    bytes => Poll::Ready(Err(ReadError::Truncated { bytes })),
                };
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Takes a frame off what was read.
    fn decode(&mut self) -> Framed<Codec> {
        if !self.is_undecoded() {
            return Ok(None);
        }
        let frame = match self.codec.decode(&mut self.read).map_err(ReadError::Frame)? {
            Decoded::Incomplete => {
                self.is_undecoded = false;
                return Ok(None);
            }
            Decoded::Frame(frame) => frame,
            Decoded::Hold(frame) => {
                self.reading = Reading::Held;
                frame
            }
        };
        self.is_undecoded = !self.read.is_empty();
        self.is_read_loose = true;
        Ok(Some(frame))
    }

    fn end_by_error(&mut self, frame: Framed<Codec>) -> Option<NextFrame<Codec>> {
        if frame.is_err() {
            self.reading = Reading::Ended;
            self.read = BytesMut::new();
        }
        frame.transpose()
    }

    /// Reads what is there and appends it to `read`.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { io, read, .. } = self;
        let bytes = ready!(buffer::lend(|scratch| {
            Pin::new(io).poll_read(cx, scratch).map_ok(|bytes| {
                if !read.is_empty() {
                    // It grows by doubling. A copy of exact size for each piece of a long frame would cost its square.
                    read.extend_from_slice(&scratch[..bytes]);
                } else if bytes <= spare::READ.size {
                    *read = spare::READ.take();
                    read.extend_from_slice(&scratch[..bytes]);
                    self.is_read_lent = true;
                } else {
                    *read = BytesMut::from(&scratch[..bytes]);
                    self.is_read_loose = false;
                }
                bytes
            })
        }))?;
        self.is_undecoded = bytes > 0;
        Poll::Ready(Ok(bytes))
    }

    /// Gives back what memory is not needed until the next poll.
    #[inline]
    fn settle_read(&mut self) {
        // Frames that are here already are decoded from where they are, so a burst is copied once.
        let is_loose = self.is_read_loose && !self.is_undecoded;
        if self.read.capacity() > 0 && (self.read.is_empty() || self.is_read_lent || is_loose) {
            let rest = exactly(&self.read);
            let read = std::mem::replace(&mut self.read, rest);
            self.is_read_loose = false;
            if std::mem::take(&mut self.is_read_lent) {
                spare::READ.give(read);
            }
        }
    }
}

impl<Io: AsyncWrite + Unpin, Codec> Transport<Io, Codec> {
    /// Waits for room in the queue, puts `item` there, and writes all that is in it.
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
    pub async fn send<T>(&mut self, item: T) -> Result<(), SendError<Codec::Error>>
    where
        Codec: Encoder<T>,
    {
        poll_fn(|cx| self.poll_ready(cx)).await.map_err(SendError::Io)?;
        self.start_send(item).map_err(SendError::Encode)?;
        self.flush().await.map_err(SendError::Io)
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
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Polls until the queue has room. While it has, nothing is written.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write.len() >= self.write_bytes_max {
            ready!(self.poll_write(cx))?;
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
        if self.write.capacity() == 0 {
            self.write = spare::WRITE.take();
            self.is_write_lent = true;
        }
        let queued = self.write.len();
        let encoded = self.codec.encode(item, &mut self.write);
        if encoded.is_err() {
            self.write.truncate(queued);
            self.settle_write();
        }
        encoded
    }

    /// Polls until all that is queued is written.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Polls until all that is queued is written and the peer is told that nothing follows.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write(cx))?;
        Pin::new(&mut self.io).poll_close(cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.write.is_empty() {
            let Poll::Ready(bytes) = Pin::new(&mut self.io).poll_write(cx, &self.write)? else {
                self.settle_write();
                return Poll::Pending;
            };
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            skip(&mut self.write, bytes);
            self.written += bytes as u64;
        }
        self.settle_write();
        Poll::Ready(Ok(()))
    }

    /// Gives back what memory is not needed until the peer has taken more.
    #[inline]
    fn settle_write(&mut self) {
        if self.write.capacity() > 0 && (self.write.is_empty() || self.is_write_lent) {
            let rest = exactly(&self.write);
            let write = std::mem::replace(&mut self.write, rest);
            if std::mem::take(&mut self.is_write_lent) {
                spare::WRITE.give(write);
            }
        }
    }
}

/// A copy at its exact size.
fn exactly(bytes: &[u8]) -> BytesMut {
    if bytes.is_empty() { BytesMut::new() } else { BytesMut::from(bytes) }
}

/// Nothing in it is pinned.
impl<Io, Codec> Unpin for Transport<Io, Codec> {}

impl<Io: AsyncRead + Unpin, Codec: Decoder> Stream for Transport<Io, Codec> {
    type Item = NextFrame<Codec>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Self::poll_next(self.get_mut(), cx)
    }
}

/// Why there is no next frame.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// Reading failed.
    Io(io::Error),
    /// The byte stream ended in the middle of a frame.
    Truncated {
        /// How much of the frame there is.
        bytes: usize,
    },
    /// The bytes are no frame, in the decoder's words.
    Frame(E),
}

/// Why an item was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError<E> {
    /// Writing failed.
    Io(io::Error),
    /// There are no bytes for this item, in the encoder's words. Nothing of it was sent.
    Encode(E),
}

impl<E> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("reading failed"),
            Self::Truncated { bytes } => write!(f, "the connection ended {bytes} bytes into a frame"),
            Self::Frame(_) => f.write_str("the peer sent what is no frame"),
        }
    }
}

impl<E> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("writing failed"),
            Self::Encode(_) => f.write_str("the item cannot be encoded"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Truncated { .. } => None,
            Self::Frame(error) => Some(error),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SendError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Encode(error) => Some(error),
        }
    }
}

/// The reason is at [`Transport::set_write_bytes_max`].
const WRITE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{LengthDelimited, Lines};
    use crate::wire::{Holding, Wire, by_hand};
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// Plays steps by hand. "/" stands for the end of a line. At the end, and whenever it waits, no buffer may be
    /// held beyond the bytes that are left.
    fn check(script: &str, expect: &str) {
        by_hand(|cx| assert_eq!(play(script, cx), expect, "{script}"));
    }

    fn play(script: &str, cx: &mut Context<'_>) -> String {
        let wire = Wire::new();
        let mut transport = Transport::new(wire.clone(), Holding(Lines::new(8)));
        transport.set_write_bytes_max(4);
        let mut log = Vec::new();
        for step in script.split(", ") {
            let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
            match verb {
                "in" => wire.send(what.replace('/', "\n")),
                "end" => wire.end(),
                "reset" => wire.reset(),
                "room" => wire.set_room(what.parse().unwrap()),
                "next" => log.push(match transport.poll_next(cx) {
                    Poll::Ready(Some(Ok(line))) => line,
                    Poll::Ready(Some(Err(error))) => format!("! {error}"),
                    Poll::Ready(None) => "none".to_owned(),
                    Poll::Pending => "wait".to_owned(),
                }),
                "resume" => transport.resume(),
                "ready" => log.push(outcome(transport.poll_ready(cx))),
                "queue" => log.push(match transport.start_send(what) {
                    Ok(()) => format!("{} queued", transport.queued_bytes()),
                    Err(error) => format!("! {error}"),
                }),
                "flush" => log.push(outcome(transport.poll_flush(cx))),
                _ => panic!("no such step: {step}"),
            }
            let waits = log.last().is_some_and(|last| last == "wait");
            for (buf, name) in [(&transport.read, "read"), (&transport.write, "write")] {
                if waits || buf.is_empty() {
                    // The least that a buffer grows to is eight bytes.
                    let most = if buf.is_empty() { 0 } else { (2 * buf.len()).max(8) };
                    assert!(buf.capacity() <= most, "{script}: {} for {buf:?}, to {name}", buf.capacity());
                }
            }
            let written = wire.take_written();
            if !written.is_empty() {
                log.push(format!("out {}", written.replace('\n', "/")));
            }
        }
        log.join(", ")
    }

    fn outcome(polled: Poll<io::Result<()>>) -> String {
        match polled {
            Poll::Ready(Ok(())) => "ok".to_owned(),
            Poll::Ready(Err(error)) => format!("! {error}"),
            Poll::Pending => "wait".to_owned(),
        }
    }

    #[test]
    fn frames_arrive_in_any_pieces() {
        check("in a/b, next, next, in b, next, in /, next, next", "a, wait, wait, bb, wait");
        check("next, in a/bb/ccc/, next, next, next, next", "wait, a, bb, ccc, wait");
    }

    #[test]
    fn the_end_between_frames_is_an_end_and_within_one_an_error() {
        check("in a/, end, next, next, next", "a, none, none");
        check("in a/bc, end, next, next, next", "a, ! the connection ended 2 bytes into a frame, none");
    }

    #[test]
    fn an_error_is_told_once_behind_all_that_came_before() {
        check("in a/bbbbbbbbbb/c/, next, next, next", "a, ! the peer sent what is no frame, none");
        check("in a/b, reset, next, next, next", "a, ! reading failed, none");
    }

    #[test]
    fn a_hold_keeps_what_is_behind_it() {
        check("in hold/a/, next, next, next, resume, next, next", "hold, none, none, a, wait");
        check("in hold/a/, end, next, resume, next, next", "hold, a, none");
    }

    #[test]
    fn what_is_behind_a_hold_leaves_with_the_byte_stream() {
        by_hand(|cx| {
            let wire = Wire::new();
            let mut transport = Transport::new(wire.clone(), Holding(Lines::default()));
            wire.send("hold\n\0raw");
            assert!(matches!(transport.poll_next(cx), Poll::Ready(Some(Ok(_)))));
            assert!(transport.is_held());
            let parts = transport.into_parts();
            assert_eq!(&parts.read[..], b"\0raw");
            assert!(parts.write.is_empty());

            wire.send("\nb\n");
            let mut transport = Transport::with_read(parts.io, parts.codec.0, parts.read);
            for line in ["\0raw", "b"] {
                assert!(matches!(transport.poll_next(cx), Poll::Ready(Some(Ok(next))) if next == line));
            }
        });
    }

    #[test]
    fn what_is_queued_leaves_by_one_flush() {
        check("queue a, queue bb, flush, flush", "2 queued, 5 queued, ok, out a/bb/, ok");
        check(
            "room 3, queue a, queue bb, flush, room 9, flush",
            "2 queued, 5 queued, wait, out a/b, ok, out b/",
        );
    }

    #[test]
    fn a_full_queue_waits_for_the_peer() {
        check(
            "room 0, ready, queue a, ready, queue b, ready, room 3, ready, queue c, room 9, ready",
            "ok, 2 queued, ok, 4 queued, wait, wait, out a/b, 3 queued, ok",
        );
    }

    #[test]
    fn what_cannot_be_encoded_leaves_the_queue_as_it_was() {
        check("queue a, queue bad, flush", "2 queued, ! a line with a line break in it, ok, out a/");
        check("queue bad, flush", "! a line with a line break in it, ok");
    }

    #[test]
    fn a_broken_pipe_is_an_error() {
        check("queue a, reset, flush", "2 queued, ! broken pipe");
    }

    #[test]
    fn a_burst_is_one_read_and_its_answer_one_write() {
        by_hand(|cx| {
            let wire = Wire::new();
            let mut transport = Transport::new(wire.clone(), Lines::default());
            wire.send("ping\n".repeat(1000));
            for _ in 0..1000 {
                let Poll::Ready(Some(Ok(line))) = transport.poll_next(cx) else { panic!("a line is there") };
                transport.start_send(line).unwrap();
            }
            assert!(transport.poll_next(cx).is_pending());
            assert!(transport.poll_flush(cx).is_ready());
            assert_eq!(wire.calls(), (1, 1));
            assert_eq!(wire.take_written(), "ping\n".repeat(1000));
            assert_eq!(transport.written_bytes(), 5000);
        });
    }

    #[test]
    fn the_written_bytes_are_those_that_the_peer_can_have() {
        by_hand(|cx| {
            let wire = Wire::new();
            let mut transport = Transport::new(wire.clone(), Lines::default());
            wire.set_room(3);
            transport.start_send("abc").unwrap();
            assert!(transport.poll_flush(cx).is_pending());
            assert_eq!((transport.written_bytes(), transport.queued_bytes()), (3, 1));
        });
    }

    #[test]
    fn half_a_frame_behind_a_burst_keeps_no_more_than_itself() {
        by_hand(|cx| {
            let wire = Wire::new();
            let mut transport = Transport::new(wire.clone(), Lines::default());
            wire.send("ping\n".repeat(10_000) + "po");
            for _ in 0..10_000 {
                assert!(transport.poll_next(cx).is_ready());
            }
            assert!(transport.poll_next(cx).is_pending());
            // The capacity of the buffer counts only from where it begins, that of the vector beneath all of it.
            assert_eq!(Vec::from(transport.read).capacity(), 2);
        });
    }

    /// Takes the rest of the buffer, however long, whatever it is.
    struct Rest;

    impl Decoder for Rest {
        type Item = BytesMut;
        type Error = Infallible;

        fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<BytesMut>, Infallible> {
            Ok(if buf.is_empty() { Decoded::Incomplete } else { Decoded::Frame(buf.split()) })
        }
    }

    #[test]
    fn a_frame_that_is_kept_is_not_written_over() {
        by_hand(|cx| {
            let wire = Wire::new();
            let mut transport = Transport::new(wire.clone(), Rest);
            let mut kept = Vec::new();
            for text in ["a", "bb", "ccc"] {
                wire.send(text);
                let Poll::Ready(Some(Ok(frame))) = transport.poll_next(cx) else { panic!("it is there") };
                kept.push(frame);
            }
            assert_eq!(kept, ["a", "bb", "ccc"]);
        });
    }

    /// What `frames` are on the wire when the peer takes them in `pieces`.
    fn send_in_pieces(frames: &[Vec<u8>], pieces: &[usize]) -> Vec<u8> {
        let wire = Wire::new();
        let mut sender = Transport::new(wire.clone(), LengthDelimited::default());
        let mut bytes = Vec::new();
        by_hand(|cx| {
            for (frame, piece) in frames.iter().zip(pieces.iter().cycle()) {
                sender.start_send(frame).unwrap();
                wire.set_room(*piece);
                assert!(sender.poll_flush(cx).is_pending() || sender.write.capacity() == 0);
                bytes.extend(wire.take_bytes());
            }
            wire.set_room(usize::MAX);
            assert!(sender.poll_flush(cx).is_ready());
            bytes.extend(wire.take_bytes());
        });
        bytes
    }

    /// The frames of `bytes` when they arrive in `pieces`.
    fn receive_in_pieces(mut bytes: &[u8], pieces: &[usize]) -> Vec<bytes::Bytes> {
        let wire = Wire::new();
        let mut receiver = Transport::new(wire.clone(), LengthDelimited::default());
        let mut received = Vec::new();
        by_hand(|cx| {
            for piece in pieces.iter().cycle() {
                let (piece, rest) = bytes.split_at(bytes.len().min(*piece));
                bytes = rest;
                wire.send(piece);
                while let Poll::Ready(frame) = receiver.poll_next(cx) {
                    received.push(frame.unwrap().unwrap());
                }
                assert!(receiver.read.capacity() <= (2 * receiver.read.len()).next_multiple_of(8));
                if bytes.is_empty() {
                    break;
                }
            }
        });
        received
    }

    proptest! {
        /// Small and large frames, by reads and writes of all sizes.
        #[test]
        fn frames_pass_whatever_the_sizes_of_reads_and_writes(
            sizes in prop::collection::vec(prop_oneof![0usize..20, 3000usize..6000, 60_000usize..140_000], 0..8),
            pieces in prop::collection::vec(1usize..50_000, 1..8),
        ) {
            let frames: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, &size)| vec![i as u8; size]).collect();
            let bytes = send_in_pieces(&frames, &pieces);
            prop_assert_eq!(receive_in_pieces(&bytes, &pieces), frames);
        }
    }
}
