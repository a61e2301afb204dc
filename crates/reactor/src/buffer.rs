//! Buffers to read into, lent for the length of one poll.
//!
//! A connection that waits should own no buffer: ten thousand idle ones would hold hundreds of megabytes for nothing.
//! Whoever reads borrows one of the core's, and copies out what must be kept, at its exact size.

use std::cell::Cell;

use crate::core;

/// How long a buffer is that [`lend`] lends: 64 KiB, about what a socket holds by default, so that one read empties it.
pub const LENT_BYTES: usize = 64 * 1024;

/// Lends a buffer of this core's to `f`.
///
/// Its content is whatever the last borrower left. Calls may be nested; each gets a buffer of its own.
///
/// ```
/// # ekiden_reactor::run(async {
/// let len = ekiden_reactor::buffer::lend(|buf| buf.len());
/// assert_eq!(len, ekiden_reactor::buffer::LENT_BYTES);
/// # });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn lend<R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    let core = core::current();
    let mut buffer = core.buffers.take();
    let result = f(&mut buffer);
    core.buffers.give_back(buffer);
    result
}

/// The buffer that nobody borrows.
///
/// One is kept: who nests, which is rare and shallow, pays for the second.
#[derive(Default)]
pub(crate) struct Buffers(Cell<Option<Box<[u8]>>>);

impl Buffers {
    fn take(&self) -> Box<[u8]> {
        self.0.take().unwrap_or_else(|| vec![0; LENT_BYTES].into_boxed_slice())
    }

    fn give_back(&self, buffer: Box<[u8]>) {
        self.0.set(Some(buffer));
    }
}
