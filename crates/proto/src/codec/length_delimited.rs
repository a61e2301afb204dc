//! A length and as many bytes are a frame: [`LengthDelimited`].
//!
//! ```text
//!   ┌──────┬────────┬─────────┐            ┌──────┬─────────┐
//!   │ head │ length │ payload │  ◄── = ──► │ head │ payload │
//!   └──────┴────────┴─────────┘            └──────┴─────────┘
//!          on the wire                       the frame
//! ```
//!
//! The length counts the payload. It is checked before anything is allocated.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Decoded, Decoder, Encoder, skip};

/// Frames of whatever bytes, each behind its length.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use ekiden_proto::codec::{Decoded, Decoder, Encoder, LengthDelimited};
///
/// let mut codec = LengthDelimited::new(1024);
/// let mut buf = BytesMut::new();
/// codec.encode("hello", &mut buf)?;
/// assert_eq!(&buf[..], b"\0\0\0\x05hello");
/// assert_eq!(codec.decode(&mut buf)?, Decoded::Frame(Bytes::from("hello")));
/// # Ok::<(), ekiden_proto::codec::LengthDelimitedError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LengthDelimited {
    /// Most bytes of a frame, head and payload, in both directions. 1 MiB: plenty for calls, and a thousand peers
    /// who each send all but the last byte hold 1 GiB of ours and no more.
    pub frame_bytes_max: usize,
    /// How wide the length is. 32 bits, as in most protocols that have one.
    pub width: Width,
    /// In which order its bytes go. Big first, the order of networks.
    pub endian: Endian,
    /// How many bytes (a type, flags, a correlation id) go before the length. None. They are the first bytes of
    /// a frame, and the length does not count them.
    pub head_bytes: u8,
}

/// How wide a length is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    U8,
    /// Two bytes.
    U16,
    /// Three bytes, as in HTTP/2 and MySQL.
    U24,
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
}

/// In which order the bytes of a number go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// The most significant byte first.
    Big,
    /// The least significant byte first.
    Little,
}

impl LengthDelimited {
    /// Frames of at most `frame_bytes_max` bytes behind a big-endian length of 32 bits.
    pub const fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, width: Width::U32, endian: Endian::Big, head_bytes: 0 }
    }

    fn head(&self) -> usize {
        self.head_bytes.into()
    }

    /// The payload's length, if it may have it.
    fn check(&self, payload: u64) -> Result<usize, LengthDelimitedError> {
        let max = self.frame_bytes_max;
        let head = self.head();
        let payload_max = max.saturating_sub(head);
        usize::try_from(payload)
            .ok()
            .filter(|payload| *payload <= payload_max && head <= max)
            .ok_or(LengthDelimitedError::TooLong { max })
    }
}

impl Default for LengthDelimited {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX)
    }
}

impl Decoder for LengthDelimited {
    type Item = Bytes;
    type Error = LengthDelimitedError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Bytes>, LengthDelimitedError> {
        let (head, width) = (self.head(), self.width.bytes());
        let Some(length) = buf.get(head..).and_then(|rest| rest.get(..width)) else {
            return Ok(Decoded::Incomplete);
        };
        let payload = self.check(self.endian.read(length))?;
        if buf.len() - head - width < payload {
            return Ok(Decoded::Incomplete);
        }
        // The head moves over the length, so that the frame is in one piece.
        buf.copy_within(..head, width);
        buf.advance(width);
        Ok(Decoded::Frame(take(buf, head + payload)))
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for LengthDelimited {
    type Error = LengthDelimitedError;

    fn encode(&mut self, frame: T, buf: &mut BytesMut) -> Result<(), LengthDelimitedError> {
        let frame = frame.as_ref();
        let Some((head, payload)) = frame.split_at_checked(self.head()) else {
            return Err(LengthDelimitedError::TooShort { head_bytes: self.head_bytes });
        };
        let length = payload.len() as u64; // No usize is wider.
        self.check(length)?;
        if length > self.width.max() {
            return Err(LengthDelimitedError::TooLong { max: self.width.max() as usize + self.head() });
        }
        buf.reserve(frame.len() + self.width.bytes());
        buf.put_slice(head);
        match self.endian {
            Endian::Big => buf.put_uint(length, self.width.bytes()),
            Endian::Little => buf.put_uint_le(length, self.width.bytes()),
        }
        buf.put_slice(payload);
        Ok(())
    }
}

impl Width {
    const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U24 => 3,
            Self::U32 => 4,
            Self::U64 => 8,
        }
    }

    const fn max(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
}

impl Endian {
    fn read(self, mut length: &[u8]) -> u64 {
        match self {
            Self::Big => length.get_uint(length.len()),
            Self::Little => length.get_uint_le(length.len()),
        }
    }
}

/// The first bytes of `buf`, in the cheapest way that keeps no more memory alive than is fair.
fn take(buf: &mut BytesMut, len: usize) -> Bytes {
    if len <= COPIED_BYTES_MAX {
        let frame = Bytes::copy_from_slice(&buf[..len]);
        skip(buf, len);
        frame
    } else {
        buf.split_to(len).freeze()
    }
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LengthDelimitedError {
    /// The frame is longer than allowed, or than its length can say.
    TooLong {
        /// The most bytes a frame may have.
        max: usize,
    },
    /// The frame to be sent is shorter than the head that it begins with.
    TooShort {
        /// How many bytes the head has.
        head_bytes: u8,
    },
}

impl fmt::Display for LengthDelimitedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { max } => write!(f, "a frame of more than {max} bytes"),
            Self::TooShort { head_bytes } => write!(f, "a frame without the {head_bytes} bytes of its head"),
        }
    }
}

impl std::error::Error for LengthDelimitedError {}

/// The reason is at [`LengthDelimited::frame_bytes_max`].
const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Up to here a frame is copied out of what was read. To share it would cost an allocation and atomic counting
/// as well, and a small frame that is kept would keep all that was read with it.
const COPIED_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode_in_pieces;
    use proptest::prelude::*;

    const SMALL: LengthDelimited =
        LengthDelimited { frame_bytes_max: 6, width: Width::U16, endian: Endian::Little, head_bytes: 2 };

    /// Each idle connection has one.
    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<LengthDelimited>(), 16);
    }

    /// What the codec makes of `input`: the frames, and "!" with the error that ends them. It must be the same
    /// wherever the input is cut in two.
    fn check(codec: LengthDelimited, input: &[u8], expect: &[&str]) {
        for cut in 0..=input.len() {
            let (frames, error) = decode_in_pieces(&mut codec.clone(), input, &[cut]);
            let mut frames: Vec<_> =
                frames.iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap()).collect();
            frames.extend(error.map(|error| format!("! {error}")));
            assert_eq!(frames, expect, "{input:?} cut at {cut}");
        }
    }

    #[test]
    fn a_length_and_as_many_bytes_are_a_frame() {
        check(LengthDelimited::new(5), b"\0\0\0\x05hello\0\0\0\0\0\0\0\x01a\0\0\0", &["hello", "", "a"]);
    }

    #[test]
    fn a_length_has_width_and_order() {
        for (width, endian, wire) in [
            (Width::U8, Endian::Big, &b"\x01a"[..]),
            (Width::U16, Endian::Big, b"\0\x01a"),
            (Width::U16, Endian::Little, b"\x01\0a"),
            (Width::U24, Endian::Big, b"\0\0\x01a"),
            (Width::U24, Endian::Little, b"\x01\0\0a"),
            (Width::U64, Endian::Big, b"\0\0\0\0\0\0\0\x01a"),
            (Width::U64, Endian::Little, b"\x01\0\0\0\0\0\0\0a"),
        ] {
            let mut codec = LengthDelimited { width, endian, ..LengthDelimited::new(9) };
            check(codec, wire, &["a"]);
            let mut buf = BytesMut::new();
            codec.encode("a", &mut buf).unwrap();
            assert_eq!(&buf[..], wire);
        }
    }

    #[test]
    fn a_head_goes_before_the_length_and_is_the_front_of_the_frame() {
        check(SMALL, b"HH\x04\0abcdhh\0\0xy\x01", &["HHabcd", "hh"]);
        let mut buf = BytesMut::new();
        SMALL.clone().encode("HHabcd", &mut buf).unwrap();
        assert_eq!(&buf[..], b"HH\x04\0abcd");
    }

    #[test]
    fn a_length_over_the_maximum_is_refused_at_once() {
        check(LengthDelimited::new(5), b"\0\0\0\x06", &["! a frame of more than 5 bytes"]);
        check(SMALL, b"HH\x05\0", &["! a frame of more than 6 bytes"]);
        let wide = LengthDelimited { width: Width::U64, ..LengthDelimited::new(usize::MAX) };
        check(wide, &[255; 8], &[]); // Allowed, so awaited; nothing was allocated for it.
        let narrower_than_its_head = LengthDelimited { frame_bytes_max: 1, ..SMALL };
        check(narrower_than_its_head, b"HH\0\0", &["! a frame of more than 1 bytes"]);
    }

    #[test]
    fn what_cannot_be_framed_is_not_sent() {
        let narrow = LengthDelimited { width: Width::U8, ..LengthDelimited::new(1000) };
        for (mut codec, frame, error) in [
            (SMALL, &b"HHabcde"[..], LengthDelimitedError::TooLong { max: 6 }),
            (SMALL, b"H", LengthDelimitedError::TooShort { head_bytes: 2 }),
            (narrow, &[0; 256], LengthDelimitedError::TooLong { max: 255 }),
        ] {
            let mut buf = BytesMut::new();
            assert_eq!(codec.encode(frame, &mut buf), Err(error));
            assert!(buf.is_empty());
        }
    }

    #[test]
    fn a_long_frame_is_shared_and_a_short_one_copied() {
        for (len, is_shared) in [(COPIED_BYTES_MAX, false), (COPIED_BYTES_MAX + 1, true)] {
            let mut buf = BytesMut::zeroed(2 * len);
            let place = buf.as_ptr();
            assert_eq!(take(&mut buf, len).as_ptr() == place, is_shared);
            assert_eq!(buf.len(), len);
        }
    }

    proptest! {
        #[test]
        fn any_splitting_gives_the_same_frames(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 2..2000), 0..6),
            cuts in prop::collection::vec(any::<usize>(), 0..10),
        ) {
            let mut codec = LengthDelimited { frame_bytes_max: 2000, ..SMALL };
            let mut buf = BytesMut::new();
            for frame in &frames {
                codec.encode(frame, &mut buf).unwrap();
            }
            let (decoded, error) = decode_in_pieces(&mut codec, &buf, &cuts);
            prop_assert_eq!(error, None);
            prop_assert_eq!(decoded, frames);
        }

        #[test]
        fn no_bytes_make_it_panic(input in prop::collection::vec(any::<u8>(), 0..60), cut in any::<usize>()) {
            let whole = decode_in_pieces(&mut SMALL.clone(), &input, &[]);
            prop_assert_eq!(decode_in_pieces(&mut SMALL.clone(), &input, &[cut]), whole);
        }
    }
}
