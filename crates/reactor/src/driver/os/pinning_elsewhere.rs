//! Where threads cannot be told on which processor to stay.

use std::io;

use crate::runtime::CoreId;

/// Never made.
#[derive(Debug)]
pub(super) struct Pinned(());

impl Pinned {
    /// # Errors
    ///
    /// Always.
    pub(super) fn new(_core: CoreId) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not pin threads to processors"))
    }
}

/// It does run everywhere.
pub(super) fn everywhere<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// They are everywhere.
pub(super) fn unpin() {}
