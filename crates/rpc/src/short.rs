//! Arguments, results and items as bytes: [`Payload`], [`Pieces`].
//!
//! They are made and dropped by the ten thousand, within a turn or two, and most are short. A core keeps the buffers of those
//! that are gone for those that come: so a call costs no allocation for its bytes.
//!
//! An item may wait for long in a body, whose chunks are shared bytes: short ones are cut off a piece of some kilobytes, one
//! behind the other. One that is kept keeps its piece, so each stream has pieces of its own: what waits of it was made in a
//! row, and so is little less than its pieces are, whatever others have made meanwhile.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::ops::Deref;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use crate::format::Format;

/// The arguments of a call, or its result, in bytes.
pub(crate) struct Payload(Kind);

enum Kind {
    /// In a buffer of its own, which goes back when this is dropped.
    Own(Vec<u8>),
    /// In what was read, with whatever else is in there: long ones. In a box, as the handle is larger than that of a buffer,
    /// and a payload is moved often.
    Shared(Box<Bytes>),
}

impl Payload {
    /// A copy of these bytes.
    #[inline]
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        if bytes.len() > BUFFER_BYTES_MAX {
            return Self(Kind::Own(Vec::from(bytes)));
        }
        let mut buf = take();
        buf.extend_from_slice(bytes);
        Self(Kind::Own(buf))
    }

    /// A value, in bytes.
    #[inline]
    pub(crate) fn encode<F: Format, T: Serialize>(value: &T) -> Result<Self, Box<dyn Error + Send + Sync>> {
        // From the start, so that it goes back if there is an error, too.
        let mut payload = Self(Kind::Own(take()));
        if let Kind::Own(buf) = &mut payload.0 {
            F::encode(value, buf)?;
        }
        Ok(payload)
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Shared(Box::new(bytes)))
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self(Kind::Own(Vec::new()))
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kind::Own(buf) => buf,
            Kind::Shared(bytes) => bytes,
        }
    }
}

impl Drop for Payload {
    #[inline]
    fn drop(&mut self) {
        // What was taken out has left none.
        if let Kind::Own(buf) = &mut self.0
            && buf.capacity() > 0
        {
            give(std::mem::take(buf));
        }
    }
}

impl Clone for Payload {
    fn clone(&self) -> Self {
        match &self.0 {
            Kind::Own(buf) => Self::copied(buf),
            Kind::Shared(bytes) => Self(Kind::Shared(bytes.clone())),
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

/// What the short items of one stream are cut off.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    piece: BytesMut,
    /// How long the last one was.
    bytes: usize,
}

impl Pieces {
    /// An item of the stream, in bytes.
    pub(crate) fn item<F: Format, T: Serialize>(
        &mut self,
        value: &T,
    ) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        Payload::encode::<F, _>(value).map(|payload| self.shared(&payload))
    }

    /// A copy of these bytes that can be shared.
    fn shared(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > SHORT_BYTES_MAX {
            return Bytes::copy_from_slice(bytes);
        }
        if self.piece.capacity() < bytes.len() {
            // Most streams are short, so the first is, too.
            self.bytes = (self.bytes * 2).clamp(FIRST_BYTES, PIECE_BYTES);
            self.piece.reserve(self.bytes.max(bytes.len()));
        }
        self.piece.extend_from_slice(bytes);
        self.piece.split().freeze()
    }
}

thread_local! {
    static SPARE: Spare = const { Spare { bufs: RefCell::new(Vec::new()), bytes: Cell::new(0) } };
}

/// The buffers that nobody uses.
struct Spare {
    bufs: RefCell<Vec<Vec<u8>>>,
    /// How much memory they are.
    bytes: Cell<usize>,
}

/// An empty buffer.
#[inline]
fn take() -> Vec<u8> {
    let spare = SPARE.try_with(|spare| {
        let buf = spare.bufs.borrow_mut().pop()?;
        spare.bytes.set(spare.bytes.get() - buf.capacity());
        Some(buf)
    });
    // While its thread ends there are none any more.
    spare.ok().flatten().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
}

/// Keeps a buffer for the next one, unless it is a long one, or there are enough.
fn give(mut buf: Vec<u8>) {
    let capacity = buf.capacity();
    if capacity > BUFFER_BYTES_MAX {
        return;
    }
    buf.clear();
    // Fails only while the thread ends, when nobody comes for it any more.
    let _ = SPARE.try_with(|spare| {
        let bytes = spare.bytes.get() + capacity;
        if bytes <= SPARE_BYTES_MAX {
            spare.bytes.set(bytes);
            spare.bufs.borrow_mut().push(buf);
        }
    });
}

/// What a new buffer has room for: most of what is said.
const BUFFER_BYTES: usize = 128;

/// A longer one is not kept: what is in it costs more than to make another.
const BUFFER_BYTES_MAX: usize = 4 * 1024;

/// So much a core keeps: buffers for a burst of some hundred calls.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// As many bytes share a piece of a long stream.
const PIECE_BYTES: usize = 4 * 1024;

/// And as many that of a short one.
const FIRST_BYTES: usize = 64;

/// What is longer has a piece of its own: a few of them would fill one.
const SHORT_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::MessagePack;

    #[test]
    fn what_is_copied_is_the_same_whatever_its_length() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|at| at as u8).collect();
        let lens = (0..100).chain([SHORT_BYTES_MAX, SHORT_BYTES_MAX + 1, BUFFER_BYTES_MAX, bytes.len()]);
        for _ in 0..3 {
            let copies: Vec<_> = lens.clone().map(|len| (len, Payload::copied(&bytes[..len]))).collect();
            assert!(copies.iter().all(|(len, copy)| **copy == bytes[..*len] && copy.clone() == *copy));
            let mut pieces = Pieces::default();
            let copies: Vec<_> = lens.clone().map(|len| (len, pieces.shared(&bytes[..len]))).collect();
            assert!(copies.iter().all(|(len, copy)| copy == &bytes[..*len]));
        }
        let text = "x".repeat(10_000);
        assert_eq!(Payload::encode::<MessagePack, _>(&text).unwrap()[3..], *text.as_bytes());
        assert_eq!(Pieces::default().item::<MessagePack, _>(&text).unwrap()[3..], *text.as_bytes());
    }

    #[test]
    fn short_ones_that_come_and_go_allocate_nothing() {
        let mut pieces = Pieces::default();
        let mut come_and_go = || {
            for _ in 0..1_000 {
                let some: Vec<_> = [[7; 64], [8; 64]].iter().map(|bytes| Payload::copied(bytes)).collect();
                let answer = Payload::encode::<MessagePack, _>(&"how are you");
                drop((some, answer.unwrap(), pieces.item::<MessagePack, _>(&"fine").unwrap()));
            }
        };
        come_and_go();
        let allocated = allocation_counter::measure(&mut come_and_go);
        // The list of the two is what there is.
        assert_eq!(allocated.count_total, 1_000, "{allocated:?}");
    }

    /// Whatever others make and drop between them: they were megabytes, a piece for each.
    #[test]
    fn the_items_of_a_stream_that_wait_keep_little_more_than_themselves() {
        let mut waiting = Vec::with_capacity(1_000);
        let allocated = allocation_counter::measure(|| {
            let (mut one, mut other) = (Pieces::default(), Pieces::default());
            for _ in 0..1_000 {
                waiting.push(one.shared(b"short"));
                (0..10).for_each(|_| drop(other.shared(&[b'x'; 400])));
            }
        });
        let most = 1_000 * 5 + 4 * PIECE_BYTES as u64;
        assert!(allocated.bytes_max < most, "{allocated:?}");
        // A stream of one item has no use for a piece of that size.
        let one = allocation_counter::measure(|| drop(Pieces::default().shared(b"short")));
        assert!(one.bytes_max < 200, "{one:?}");
    }

    /// Whatever a burst has taken.
    #[test]
    fn a_core_keeps_some_buffers_and_no_long_ones() {
        let kept = || {
            SPARE.with(|spare| {
                let bufs = spare.bufs.borrow();
                let bytes = bufs.iter().map(Vec::capacity).sum::<usize>();
                assert_eq!(bytes, spare.bytes.get());
                assert!(bufs.iter().all(|buf| buf.is_empty() && buf.capacity() <= BUFFER_BYTES_MAX));
                bytes
            })
        };
        let burst = |bytes: &[u8]| drop((0..1_000).map(|_| Payload::copied(bytes)).collect::<Vec<_>>());
        burst(&[7; BUFFER_BYTES_MAX + 1]);
        assert_eq!(kept(), 0);
        burst(&[7; BUFFER_BYTES_MAX]);
        assert_eq!(kept(), SPARE_BYTES_MAX);
        burst(&[7; 10]);
        let kept = kept();
        assert!((1..=SPARE_BYTES_MAX).contains(&kept), "{kept}");
    }
}
