//! Buffers that nobody holds while waiting: one to decode from and one to encode into for each core.
//!
//! A connection takes one when it has bytes to put in, and gives it back before it waits. So a request costs no
//! allocation for them, and a million idle connections hold none. What must outlive a poll is copied out at its
//! exact size by whoever took the buffer.

use std::cell::Cell;
use std::thread::LocalKey;

use bytes::BytesMut;

/// Where a kind of buffer is kept while nobody needs it.
pub(crate) struct Spare {
    slot: &'static LocalKey<Cell<BytesMut>>,
    pub(crate) size: usize,
}

/// What was read, while it is decoded. Small, because a decoder may split frames off it, and each frame that is
/// kept then keeps a buffer of this size; longer reads get one of their own, at their exact size.
pub(crate) const READ: Spare = Spare { slot: &READ_SLOT, size: 4 * 1024 };

/// What was encoded, until it is written. As much as a busy connection usually writes at once.
pub(crate) const WRITE: Spare = Spare { slot: &WRITE_SLOT, size: 16 * 1024 };

thread_local! {
    static READ_SLOT: Cell<BytesMut> = Cell::default();
    static WRITE_SLOT: Cell<BytesMut> = Cell::default();
}

impl Spare {
    /// An empty buffer of this kind's size.
    pub(crate) fn take(&self) -> BytesMut {
        // While its thread ends there is no slot any more, and then a new buffer serves.
        let buf = self.slot.try_with(Cell::take).unwrap_or_default();
        if buf.capacity() == 0 { BytesMut::with_capacity(self.size) } else { buf }
    }

    /// Keeps a buffer for the next one, unless it has grown, or somebody keeps a part of it.
    pub(crate) fn give(&self, mut buf: BytesMut) {
        buf.clear();
        // What was taken off its front is taken back.
        if buf.try_reclaim(self.size) && buf.capacity() == self.size {
            // Fails only while the thread ends, when nobody comes for it any more.
            let _ = self.slot.try_with(|slot| slot.set(buf));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    /// What becomes of a buffer after some use.
    fn is_kept(use_it: impl FnOnce(&mut BytesMut) -> Option<BytesMut>) -> bool {
        let mut buf = READ.take();
        assert_eq!((buf.len(), buf.capacity()), (0, READ.size));
        buf.extend_from_slice(b"abc");
        let part = use_it(&mut buf);
        READ.give(buf);
        assert!(part.is_none_or(|part| part == "ab"));
        let slot = READ.slot.take();
        let is_kept = slot.capacity() > 0;
        READ.slot.set(slot);
        is_kept
    }

    #[test]
    fn a_buffer_serves_again_unless_it_grew_or_a_part_of_it_is_kept() {
        assert!(is_kept(|_| None));
        assert!(is_kept(|buf| {
            buf.advance(2);
            None
        }));
        assert!(is_kept(|buf| {
            drop(buf.split_to(2));
            None
        }));
        assert!(!is_kept(|buf| Some(buf.split_to(2))));
        assert!(!is_kept(|buf| {
            buf.reserve(READ.size);
            None
        }));
    }
}
