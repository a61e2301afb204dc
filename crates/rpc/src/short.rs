//! Arguments and results as bytes: most are short, and then many share a piece of memory.
//!
//! They are made and dropped by the ten thousand, within a turn or two. A core cuts them off a piece of some kilobytes, one
//! behind the other, and begins that anew when all of them are gone: so a short one costs no allocation. One that is kept for
//! longer keeps its piece, which is a few dozen others at most.

use std::cell::{Cell, RefCell};

use bytes::{Bytes, BytesMut};

use crate::format::Format;

thread_local! {
    static PIECE: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    /// Where values are encoded before their length is known.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A copy of these bytes.
#[inline]
pub(crate) fn copied(bytes: &[u8]) -> Bytes {
    if bytes.len() > SHORT_BYTES_MAX {
        return Bytes::copy_from_slice(bytes);
    }
    let cut = |piece: &RefCell<BytesMut>| {
        let mut piece = piece.borrow_mut();
        if piece.capacity() < bytes.len() {
            piece.reserve(PIECE_BYTES);
        }
        piece.extend_from_slice(bytes);
        piece.split().freeze()
    };
    // While its thread ends there is no piece any more.
    PIECE.try_with(cut).unwrap_or_else(|_| Bytes::copy_from_slice(bytes))
}

/// A value, in bytes.
pub(crate) fn encode<F: Format, T: serde::Serialize>(
    value: &T,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    // While its thread ends there is none any more, nor when to encode a value is to encode another: then a new one serves.
    let mut buf = SCRATCH.try_with(Cell::take).unwrap_or_default();
    let encoded = F::encode(value, &mut buf).map(|()| copied(&buf));
    buf.clear();
    if buf.capacity() <= PIECE_BYTES {
        let _ = SCRATCH.try_with(|scratch| scratch.set(buf));
    }
    encoded
}

/// As many bytes share a piece, and are kept of what was needed for one value.
const PIECE_BYTES: usize = 4 * 1024;

/// What is longer has a piece of its own: a few of them would fill one.
const SHORT_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::MessagePack;

    #[test]
    fn what_is_copied_is_the_same_whatever_its_length() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|at| at as u8).collect();
        for _ in 0..3 {
            let copies: Vec<_> = (0..100).map(|len| (len, copied(&bytes[..len]))).collect();
            assert!(copies.iter().all(|(len, copy)| copy == &bytes[..*len]));
            for len in [SHORT_BYTES_MAX, SHORT_BYTES_MAX + 1, bytes.len()] {
                assert_eq!(copied(&bytes[..len]), bytes[..len]);
            }
        }
        let text = "x".repeat(10_000);
        assert_eq!(encode::<MessagePack, _>(&text).unwrap()[3..], *text.as_bytes());
    }

    #[test]
    fn short_ones_that_come_and_go_allocate_nothing() {
        let come_and_go = || {
            for _ in 0..1_000 {
                let some: Vec<_> = [[7; 64], [8; 64]].iter().map(|bytes| copied(bytes)).collect();
                drop((some, encode::<MessagePack, _>(&"how are you").unwrap()));
            }
        };
        come_and_go();
        let allocated = allocation_counter::measure(come_and_go);
        // The list of the two is what there is.
        assert_eq!(allocated.count_total, 1_000, "{allocated:?}");
    }
}
