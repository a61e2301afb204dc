//! The threads of a runtime's cores, and those that run beside them.

use std::io;
use std::num::NonZero;
use std::thread;

use super::super::{Driver, JoinCore};
use super::pinning::{self, Pinned};
use crate::notice::{Level, notice};
use crate::runtime::{CoreId, NewCore};

/// How many threads this process may run at once, as its affinity and its container's quota allow.
pub(in crate::driver) fn available() -> usize {
    // Where the system does not say, one core is the safe guess: it serves everybody, if slower.
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs a core on a thread of its own.
pub(in crate::driver) fn start(core: NewCore, driver: impl Driver + Send) -> io::Result<JoinCore> {
    // The system shows fifteen bytes of it.
    let name = format!("ekiden-core-{}", core.id().index());
    let thread = thread::Builder::new().name(name).spawn(move || {
        let _pinned = core.is_pinned().then(|| pin(core.id()));
        core.run(driver);
    })?;
    // What it could panic with, it has told.
    Ok(Box::new(move || drop(thread.join())))
}

/// Runs something on a thread that is no core's, which may run on every processor.
pub(crate) fn start_beside(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let run = move || {
        // Whoever started it may be on one processor only.
        pinning::unpin();
        run();
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// Has this thread stay on the processor of that core until the returned value is dropped. If the system does not let it,
/// the operator is told.
pub(crate) fn pin(core: CoreId) -> Option<impl Drop> {
    let told =
        |error| notice(Level::Warning, "core", format_args!("{core} is not pinned to a processor: {error}"));
    Pinned::new(core).map_err(told).ok()
}
