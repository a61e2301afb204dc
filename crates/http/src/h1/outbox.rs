//! Bytes on their way out: what is small is gathered, what is large is not copied.
//!
//! Heads, chunk sizes and small pieces of bodies gather in one buffer. A large piece keeps its own memory and
//! remembers its place in that order; everything leaves by one vectored write. The outbox owns no socket.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Bytes that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    gathered: Vec<u8>,
    /// So many of `gathered` were written.
    written: usize,
    large: VecDeque<Large>,
    large_bytes: usize,
}

#[derive(Debug)]
struct Large {
    /// It follows so many of `gathered`. Never less than `written`.
    at: usize,
    piece: Bytes,
}

/// From here on a piece is not copied: copying 4 KiB costs about as much as two more parts of a vectored write.
const LARGE_BYTES: usize = 4 * 1024;

/// When to stop adding. Enough that a write is worth its system call; a piece that is added last may exceed it.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// What a first allocation holds: a head with a small body.
const GATHERED_BYTES: usize = 512;

/// What is kept of the memory that was gathered in: enough for the usual answers.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// As many parts as one write takes.
pub(crate) const SLICES_MAX: usize = 16;

impl Outbox {
    /// Whether more should be added: the one who adds stops here until some has been written.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.len() < HELD_BYTES_MAX
    }

    /// How many bytes wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.gathered.len() - self.written + self.large_bytes
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where heads and the marks between chunks are written, by appending.
    #[inline]
    pub(crate) fn gather(&mut self) -> &mut Vec<u8> {
        if self.gathered.capacity() == 0 {
            // One allocation while there is something to say; it goes when all is written.
            self.gathered.reserve(GATHERED_BYTES);
        }
        &mut self.gathered
    }

    /// Gives memory back that only an unusual answer needed. There is nothing to write.
    #[inline]
    pub(crate) fn trim(&mut self) {
        debug_assert!(self.is_empty(), "something would be lost");
        if self.gathered.capacity() > KEPT_BYTES_MAX || self.large.capacity() > 0 {
            self.clear();
        }
    }

    /// Adds a piece of a body.
    #[inline]
    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.len() < LARGE_BYTES {
            self.gather().extend_from_slice(&piece);
        } else {
            self.large_bytes += piece.len();
            self.large.push_back(Large { at: self.gathered.len(), piece });
        }
    }

    /// What to write now, as slices: the first of `parts`, as many as are returned.
    pub(crate) fn slices<'a>(&'a self, parts: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let (mut count, mut from) = (0, self.written);
        let mut add = |slice: &'a [u8]| {
            if !slice.is_empty() && count < SLICES_MAX {
                parts[count] = IoSlice::new(slice);
                count += 1;
            }
        };
        // Two parts for each large piece, so more of them than this cannot find a place.
        for Large { at, piece } in self.large.iter().take(SLICES_MAX) {
            add(&self.gathered[from..*at]);
            add(piece);
            from = *at;
        }
        add(&self.gathered[from..]);
        count
    }

    /// All there is to write, if it lies in one piece.
    #[inline]
    pub(crate) fn single(&self) -> Option<&[u8]> {
        self.large.is_empty().then(|| &self.gathered[self.written..])
    }

    /// So many of these bytes were written.
    #[inline]
    pub(crate) fn handle_written(&mut self, mut count: usize) {
        while let Some(Large { at, piece }) = self.large.front_mut() {
            let before = count.min(*at - self.written);
            self.written += before;
            count -= before;
            let taken = count.min(piece.len());
            piece.advance(taken);
            self.large_bytes -= taken;
            count -= taken;
            if !piece.is_empty() {
                return;
            }
            self.large.pop_front();
        }
        self.written += count;
        debug_assert!(self.written <= self.gathered.len(), "more was written than there was");
        if self.written == self.gathered.len() {
            self.gathered.clear();
            self.written = 0;
        } else if self.written > HELD_BYTES_MAX {
            self.gathered.drain(..self.written);
            self.written = 0;
        }
    }

    /// Forgets what was not written, and gives its memory back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is added, and however it is taken, the bytes leave in order and none is lost.
        #[test]
        fn bytes_leave_in_order(
            steps in prop::collection::vec((any::<bool>(), 0usize..10_000, 0usize..20_000), 0..60),
        ) {
            let (mut outbox, mut added, mut left) = (Outbox::default(), Vec::new(), Vec::new());
            let mut take = |outbox: &mut Outbox, most: usize| {
                let mut parts = [IoSlice::new(&[]); SLICES_MAX];
                let count = outbox.slices(&mut parts);
                let waiting: Vec<u8> = parts[..count].iter().flat_map(|part| part.to_vec()).collect();
                let taken = waiting.len().min(most);
                left.extend_from_slice(&waiting[..taken]);
                outbox.handle_written(taken);
            };
            for (is_piece, length, taken) in steps {
                let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                added.extend_from_slice(&bytes);
                if is_piece {
                    outbox.push(bytes.into());
                } else {
                    outbox.gather().extend_from_slice(&bytes);
                }
                take(&mut outbox, taken);
            }
            while !outbox.is_empty() {
                take(&mut outbox, 7_000);
            }
            prop_assert!(left == added);
        }
    }

    #[test]
    fn a_large_piece_is_not_copied() {
        let mut outbox = Outbox::default();
        let piece = Bytes::from(vec![0; LARGE_BYTES]);
        outbox.gather().extend_from_slice(b"head");
        assert!(outbox.single().is_some());
        outbox.push(piece.clone());
        outbox.gather().extend_from_slice(b"tail");
        let mut parts = [IoSlice::new(&[]); SLICES_MAX];
        assert_eq!(outbox.slices(&mut parts), 3);
        assert_eq!(parts[1].as_ptr(), piece.as_ptr());
        assert!(outbox.single().is_none());
    }

    #[test]
    fn a_reader_who_takes_little_does_not_make_it_grow() {
        let mut outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.gather().extend_from_slice(&[0; 1000]);
            outbox.handle_written(999);
        }
        assert!(outbox.gathered.len() < 2 * HELD_BYTES_MAX, "{} bytes are held", outbox.gathered.len());
    }
}
