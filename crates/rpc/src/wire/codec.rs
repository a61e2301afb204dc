//! Frames to bytes and back: [`Codec`].
//!
//! ```text
//!   ┌────────────┬──────────┬──────────┬───────────────────────┬───────────────┐
//!   │ length u32 │ kind u8  │ id u32   │ payload, by its kind  │ checksum u32  │
//!   └────────────┴──────────┴──────────┴───────────────────────┴───────────────┘
//!                 ◄──────── so many bytes: length ────────────────────────────►
//! ```
//!
//! The length is checked before anything is kept for it. A checksum is there if both sides have asked for it; then nothing
//! else of a frame is looked at before that.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ekiden_proto::codec::{Decoded, Decoder, Encoder};
use ekiden_proto::multiplex::{Frame, Reset};

use super::checksum;
use super::head::{Head, REPLY, REQUEST, ReplyHead, RequestHead};
use super::hello::{CRC_32, Settings};
use crate::short::Payload;

/// The codec of a side that receives heads of one kind and sends those of the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec<In, Out> {
    /// Most bytes behind a length that we take, and that the peer does.
    receive_max: usize,
    send_max: usize,
    /// Whether each frame ends with a checksum, which counts to the first maximum, and not to the second.
    has_checksums: bool,
    heads: PhantomData<fn(Out) -> In>,
}

/// The codec of a client.
pub(crate) type ClientCodec = Codec<ReplyHead, RequestHead>;
/// The codec of a server.
pub(crate) type ServerCodec = Codec<RequestHead, ReplyHead>;

/// Why bytes are no frame, or a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    /// The frame is longer than its receiver takes.
    TooLong { bytes: usize, max: usize },
    /// The frame has no room for what every frame has, or every one of its kind.
    Truncated { kind: u8 },
    /// There is more in the frame than its kind has.
    Excess { kind: u8 },
    /// There is no such kind of frame, or not from this side.
    Kind { kind: u8 },
    /// There are no such flags.
    Flags { kind: u8, flags: u8 },
    /// There is no such status.
    Status { status: u8 },
    /// There is no such reason.
    Reason { reason: u8 },
    /// What came is not what was sent.
    Changed,
}

impl<In, Out> Codec<In, Out> {
    /// One that takes so many bytes behind a length, and sends at most so many.
    pub(crate) const fn new(receive_max: usize, send_max: usize) -> Self {
        Self { receive_max, send_max, has_checksums: false, heads: PhantomData }
    }

    /// One for what two sides have agreed upon, of which this one takes so many bytes behind a length.
    pub(crate) const fn agreed(receive_max: u32, agreed: &Settings) -> Self {
        let (receive_max, send_max) = (receive_max as usize, agreed.frame_bytes_max as usize);
        if agreed.checksum != CRC_32 {
            return Self::new(receive_max, send_max);
        }
        Self { has_checksums: true, ..Self::new(receive_max, send_max.saturating_sub(checksum::BYTES)) }
    }

    /// Most bytes that a head may take of a frame that is sent.
    pub(crate) const fn head_bytes_max(&self) -> usize {
        self.send_max.saturating_sub(AFTER_LENGTH_BYTES)
    }
}

impl<In: Head, Out> Decoder for Codec<In, Out> {
    type Item = Frame<In>;
    type Error = WireError;

    #[inline]
    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Frame<In>>, WireError> {
        let Some(&length) = buf.first_chunk::<LENGTH_BYTES>() else { return Ok(Decoded::Incomplete) };
        let mut length = u32::from_le_bytes(length) as usize;
        if length > self.receive_max {
            return Err(WireError::TooLong { bytes: length, max: self.receive_max });
        }
        if length < AFTER_LENGTH_BYTES {
            return Err(WireError::Truncated { kind: 0 });
        }
        if buf.len() < LENGTH_BYTES + length {
            return Ok(Decoded::Incomplete);
        }
        if self.has_checksums {
            length = unchecked(buf, length)?;
        }
        let (kind, id) = (buf[LENGTH_BYTES], u32::from_le_bytes([buf[5], buf[6], buf[7], buf[8]]));
        let payload_bytes = length - AFTER_LENGTH_BYTES;
        let frame = if kind == In::KIND {
            let head = In::decode(&buf[HEADER_BYTES..][..payload_bytes])?;
            let (more, data) = (head.more, data(buf, HEADER_BYTES + head.data_at, LENGTH_BYTES + length));
            let head = In::with_data(head.fields, data);
            if In::KIND == REQUEST { Frame::Open { id, head, more } } else { Frame::Reply { id, head, more } }
        } else if kind == CHUNK {
            buf.advance(HEADER_BYTES);
            Frame::Chunk { id, bytes: take(buf, payload_bytes) }
        } else {
            let frame = decode_small(kind, id, &buf[HEADER_BYTES..][..payload_bytes], In::KIND == REPLY)?;
            buf.advance(LENGTH_BYTES + length);
            frame
        };
        Ok(Decoded::Frame(frame))
    }
}

/// Makes a frame without a checksum of one with, if that is right, and says how long it is then. The frame is moved over
/// its checksum, which costs less than it does to have a second kind of frame in the path of all that have none.
#[cold]
fn unchecked(buf: &mut BytesMut, length: usize) -> Result<usize, WireError> {
    let end = LENGTH_BYTES + length;
    if !checksum::is_right(&buf[..end]) {
        return Err(WireError::Changed);
    }
    let length = length - checksum::BYTES;
    if length < AFTER_LENGTH_BYTES {
        return Err(WireError::Truncated { kind: 0 });
    }
    buf.copy_within(..end - checksum::BYTES, checksum::BYTES);
    buf.advance(checksum::BYTES);
    buf[..LENGTH_BYTES].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(length)
}

/// The frames that are a few bytes at most. What only a server sends is refused from a client, and the other way round.
fn decode_small<In>(kind: u8, id: u32, payload: &[u8], is_from_server: bool) -> Result<Frame<In>, WireError> {
    let frame = match kind {
        END => Frame::End { id },
        CREDIT => return Ok(Frame::Credit { id, bytes: u32::from_le_bytes(exactly(kind, payload)?) }),
        CANCEL if !is_from_server => Frame::Cancel { id },
        RESET if is_from_server => {
            let [reason] = exactly(kind, payload)?;
            return Ok(Frame::Reset { id, reason: reset(reason)? });
        }
        PING => return Ok(Frame::Ping { token: u64::from_le_bytes(exactly(kind, payload)?) }),
        PONG => return Ok(Frame::Pong { token: u64::from_le_bytes(exactly(kind, payload)?) }),
        DRAIN if is_from_server => Frame::Drain,
        _ => return Err(WireError::Kind { kind }),
    };
    let [] = exactly(kind, payload)?;
    Ok(frame)
}

fn exactly<const N: usize>(kind: u8, payload: &[u8]) -> Result<[u8; N], WireError> {
    <[u8; N]>::try_from(payload).map_err(|_| {
        if payload.len() < N { WireError::Truncated { kind } } else { WireError::Excess { kind } }
    })
}

fn reset(reason: u8) -> Result<Reset, WireError> {
    Ok(match reason {
        REFUSED => Reset::Refused,
        EXPIRED => Reset::Expired,
        FAILED => Reset::Failed,
        CANCELLED => Reset::Cancelled,
        UNREADABLE => Reset::Unreadable,
        UNSENDABLE => Reset::Unsendable,
        _ => return Err(WireError::Reason { reason }),
    })
}

/// The bytes of the buffer from here to there, with what is before them: those of a head, which are soon gone.
#[inline]
fn data(buf: &mut BytesMut, from: usize, to: usize) -> Payload {
    if to - from > COPIED_BYTES_MAX {
        buf.advance(from);
        return buf.split_to(to - from).freeze().into();
    }
    let data = Payload::copied(&buf[from..to]);
    buf.advance(to);
    data
}

/// The next bytes of the buffer, of a body, where they may wait for long.
fn take(buf: &mut BytesMut, len: usize) -> Bytes {
    if len > COPIED_BYTES_MAX {
        return buf.split_to(len).freeze();
    }
    let bytes = Bytes::copy_from_slice(&buf[..len]);
    buf.advance(len);
    bytes
}

impl<In, Out: Head> Encoder<Frame<Out>> for Codec<In, Out> {
    type Error = WireError;

    #[inline]
    fn encode(&mut self, frame: Frame<Out>, buf: &mut BytesMut) -> Result<(), WireError> {
        if self.has_checksums { self.encode_checked(frame, buf) } else { self.encode_bare(frame, buf) }
    }
}

impl<In, Out: Head> Codec<In, Out> {
    #[cold]
    fn encode_checked(&self, frame: Frame<Out>, buf: &mut BytesMut) -> Result<(), WireError> {
        let from = buf.len();
        match self.encode_bare(frame, buf) {
            Ok(()) => {}
            Err(WireError::TooLong { bytes, max }) => {
                let (bytes, max) = (bytes + checksum::BYTES, max + checksum::BYTES);
                return Err(WireError::TooLong { bytes, max });
            }
            Err(error) => return Err(error),
        }
        let length = (buf.len() - from - LENGTH_BYTES + checksum::BYTES) as u32;
        buf[from..][..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        buf.put_u32_le(checksum::of(&buf[from..]));
        Ok(())
    }

    /// One without a checksum.
    // Or nobody who has none would have it at hand where it is used.
    #[inline(always)]
    fn encode_bare(&self, frame: Frame<Out>, buf: &mut BytesMut) -> Result<(), WireError> {
        match frame {
            Frame::Open { id, head, more } | Frame::Reply { id, head, more } => {
                self.begin(buf, Out::KIND, id, head.encoded_bytes())?;
                head.encode(more, buf);
            }
            Frame::Chunk { id, bytes } => {
                self.begin(buf, CHUNK, id, bytes.len())?;
                buf.put_slice(&bytes);
            }
            Frame::End { id } => self.begin(buf, END, id, 0)?,
            Frame::Credit { id, bytes } => {
                self.begin(buf, CREDIT, id, 4)?;
                buf.put_u32_le(bytes);
            }
            Frame::Cancel { id } => self.begin(buf, CANCEL, id, 0)?,
            Frame::Reset { id, reason } => {
                self.begin(buf, RESET, id, 1)?;
                buf.put_u8(match reason {
                    Reset::Refused => REFUSED,
                    Reset::Expired => EXPIRED,
                    Reset::Failed => FAILED,
                    Reset::Cancelled => CANCELLED,
                    Reset::Unreadable => UNREADABLE,
                    Reset::Unsendable => UNSENDABLE,
                });
            }
            Frame::Ping { token } => {
                self.begin(buf, PING, 0, 8)?;
                buf.put_u64_le(token);
            }
            Frame::Pong { token } => {
                self.begin(buf, PONG, 0, 8)?;
                buf.put_u64_le(token);
            }
            Frame::Drain => self.begin(buf, DRAIN, 0, 0)?,
        }
        Ok(())
    }
}

impl<In, Out> Codec<In, Out> {
    #[inline]
    fn begin(&self, buf: &mut BytesMut, kind: u8, id: u32, payload_bytes: usize) -> Result<(), WireError> {
        let length = AFTER_LENGTH_BYTES + payload_bytes;
        // Nobody takes more than a length can say: settings are of 32 bits too.
        if length > self.send_max {
            return Err(WireError::TooLong { bytes: length, max: self.send_max });
        }
        buf.reserve(LENGTH_BYTES + length);
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&(length as u32).to_le_bytes());
        header[4] = kind;
        header[5..].copy_from_slice(&id.to_le_bytes());
        buf.put_slice(&header);
        Ok(())
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, max } => {
                write!(f, "a frame of {bytes} bytes, where {max} are the most that is taken")
            }
            Self::Truncated { kind } => write!(f, "a frame of kind {kind} that is too short for one"),
            Self::Excess { kind } => write!(f, "a frame of kind {kind} that is too long for one"),
            Self::Kind { kind } => write!(f, "a frame of kind {kind}, which this side does not send"),
            Self::Flags { kind, flags } => write!(f, "a frame of kind {kind} with the flags {flags:#010b}"),
            Self::Status { status } => write!(f, "a reply with the status {status}"),
            Self::Reason { reason } => write!(f, "a reset with the reason {reason}"),
            Self::Changed => {
                f.write_str("a frame with another checksum than its bytes have: it was changed on its way")
            }
        }
    }
}

impl std::error::Error for WireError {}

const LENGTH_BYTES: usize = 4;
/// The kind and the id, which the length counts.
const AFTER_LENGTH_BYTES: usize = 5;
const HEADER_BYTES: usize = LENGTH_BYTES + AFTER_LENGTH_BYTES;

/// What is longer is shared with what was read, all of which it keeps: several megabytes, if those before it were long.
/// So no shorter than a window: then there is one such piece to a body, which may be as long itself.
const COPIED_BYTES_MAX: usize = 64 * 1024;

const CHUNK: u8 = 3;
const END: u8 = 4;
const CREDIT: u8 = 5;
const CANCEL: u8 = 6;
const RESET: u8 = 7;
const PING: u8 = 8;
const PONG: u8 = 9;
const DRAIN: u8 = 10;

const REFUSED: u8 = 1;
const EXPIRED: u8 = 2;
const FAILED: u8 = 3;
const CANCELLED: u8 = 4;
const UNREADABLE: u8 = 5;
const UNSENDABLE: u8 = 6;
