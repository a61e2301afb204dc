//! The limit of open files, of which every connection takes one.
//!
//! A process begins with a low one, mostly 1,024, for the sake of programs that use `select` with a table of so many bits;
//! it may raise it up to another, which is mostly hundreds of times as high.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A limit that was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raised {
    pub(crate) from: u64,
    /// `None` where there is no limit any more.
    pub(crate) to: Option<u64>,
}

/// Raises the limit as far as the process may, the first time that it is called. `None` if it stays as it is.
///
/// # Errors
///
/// As the system's.
pub(crate) fn raise_once() -> io::Result<Option<Raised>> {
    static WAS_RAISED: AtomicBool = AtomicBool::new(false);
    if WAS_RAISED.swap(true, Ordering::Relaxed) {
        return Ok(None);
    }
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(from) = current.filter(|current| maximum.is_none_or(|maximum| *current < maximum)) else {
        return Ok(None);
    };
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(Some(Raised { from, to: maximum }))
}
