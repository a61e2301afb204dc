//! Words to the operator, past the lock of standard error.
//!
//! [`std::io::stderr`] has a lock, and a core may hold it while it is blocked: in a write to a pipe that is full, or by a
//! task that keeps it. What is to be told just then must not wait for it.

use std::io;

use rustix::io::{Errno, write};

/// Writes to the process's standard error. What cannot be written is lost: nobody is left to be told.
pub(crate) fn tell(text: &str) {
    let (stderr, mut left) = (io::stderr(), text.as_bytes());
    while !left.is_empty() {
        match write(&stderr, left) {
            Ok(written @ 1..) => left = &left[written..],
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}
