//! The threads of a runtime's cores.

use std::io;
use std::num::NonZero;
use std::thread;

use super::super::{Driver, JoinCore};
use crate::runtime::NewCore;

/// How many threads this process may run at once, as its affinity and its container's quota allow.
pub(in crate::driver) fn available() -> usize {
    // Where the system does not say, one core is the safe guess: it serves everybody, if slower.
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs a core on a thread of its own.
pub(in crate::driver) fn start(core: NewCore, driver: impl Driver + Send) -> io::Result<JoinCore> {
    // The system shows fifteen bytes of it.
    let name = format!("ekiden-core-{}", core.id().index());
    let thread = thread::Builder::new().name(name).spawn(move || core.run(driver))?;
    // What it could panic with, it has told.
    Ok(Box::new(move || drop(thread.join())))
}
