//! Buffers that nobody holds while waiting: one to decode from and one to encode into for each core.
//!
//! A connection takes one when it has bytes to put in, and gives it back before it waits. So a request costs no
//! allocation for them, and a million idle connections hold none: each is in a box, which is what moves. What must outlive a poll is copied out at its
//! exact size by whoever took the buffer.

use std::cell::Cell;
use std::thread::LocalKey;

use bytes::BytesMut;

/// Where a kind of buffer is kept while nobody needs it.
pub(crate) struct SpareBuffer {
    slot: &'static LocalKey<Cell<Option<Box<BytesMut>>>>,
    pub(crate) size: usize,
}

/// What was read, while it is decoded. Small, because a decoder may split frames off it, and each frame that is
/// kept then keeps a buffer of this size; longer reads get one of their own, at their exact size.
pub(crate) const READ: SpareBuffer = SpareBuffer { slot: &READ_SLOT, size: 4 * 1024 };

/// What was encoded, until it is written. As much as a busy connection usually writes at once.
pub(crate) const WRITE: SpareBuffer = SpareBuffer { slot: &WRITE_SLOT, size: 16 * 1024 };

thread_local! {
    static READ_SLOT: Cell<Option<Box<BytesMut>>> = const { Cell::new(None) };
    static WRITE_SLOT: Cell<Option<Box<BytesMut>>> = const { Cell::new(None) };
}

impl SpareBuffer {
    /// An empty buffer of this kind's size.
    #[inline]
    pub(crate) fn take(&self) -> Box<BytesMut> {
        // While its thread ends there is no slot any more, and then a new buffer serves.
        let spare = self.slot.try_with(Cell::take).unwrap_or_default();
        spare.unwrap_or_else(|| Box::new(BytesMut::with_capacity(self.size)))
    }

    /// Keeps a buffer for the next one, unless it has grown, or somebody keeps a part of it.
    pub(crate) fn give(&self, mut buf: Box<BytesMut>) {
        buf.clear();
        // What is taken off the front is missing from the capacity, and is taken back when that is half gone.
        let capacity = buf.capacity();
        if capacity > self.size || (capacity < self.size / 2 && !buf.try_reclaim(self.size)) {
            return;
        }
        // Fails only while the thread ends, when nobody comes for it any more.
        let _ = self.slot.try_with(|slot| slot.set(Some(buf)));
    }
}

/// What is copied out: at its exact size, and nothing if it is nothing, which is the rule.
#[inline]
pub(crate) fn exactly(bytes: &[u8]) -> Option<Box<BytesMut>> {
    #[cold]
    fn copied(bytes: &[u8]) -> Box<BytesMut> {
        Box::new(BytesMut::from(bytes))
    }
    if bytes.is_empty() { None } else { Some(copied(bytes)) }
}

/// A buffer, or nothing if nothing is in it.
pub(crate) fn boxed(bytes: BytesMut) -> Option<Box<BytesMut>> {
    (!bytes.is_empty()).then(|| Box::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    /// Whether a buffer is kept after some use, of which one part may last.
    fn is_kept(use_it: impl FnOnce(&mut BytesMut) -> Option<BytesMut>) -> bool {
        drop(READ.slot.take());
        let mut buf = READ.take();
        assert_eq!((buf.len(), buf.capacity()), (0, READ.size));
        buf.resize(READ.size, 7);
        let part = use_it(&mut buf);
        READ.give(buf);
        assert!(part.is_none_or(|part| part.iter().all(|byte| *byte == 7)));
        let kept = READ.slot.take();
        kept.is_some_and(|kept| kept.is_empty() && kept.capacity() >= READ.size / 2)
    }

    #[test]
    fn a_buffer_serves_again_unless_it_grew_or_a_part_of_it_is_kept() {
        assert!(is_kept(|_| None));
        for taken in [1, READ.size / 2 + 1, READ.size] {
            assert!(is_kept(|buf| {
                buf.advance(taken);
                None
            }));
            assert!(is_kept(|buf| {
                drop(buf.split_to(taken));
                None
            }));
        }
        assert!(is_kept(|buf| Some(buf.split_to(1))), "there is enough left of it");
        assert!(!is_kept(|buf| Some(buf.split_to(READ.size / 2 + 1))));
        assert!(!is_kept(|buf| {
            buf.reserve(1);
            None
        }));
    }
}
