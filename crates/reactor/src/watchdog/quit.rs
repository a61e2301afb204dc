//! The quit signal: who wants the dump at `SIGQUIT`, which the watchdog's thread prints.
//!
//! The process asks for the signal while any reactor runs that wants this; when the last has ended the signal does again what
//! it did before.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::thread;
use crate::driver::Signal;
use crate::driver::os::SignalBell;

/// Those whose reactors run and who want the dump at `SIGQUIT`.
static DUMPERS: Mutex<Dumpers> = Mutex::new(Dumpers { count: 0, bell: None });

struct Dumpers {
    count: usize,
    bell: Option<SignalBell>,
}

/// While it lives, `SIGQUIT` prints the dump.
pub(crate) struct DumpsOnQuit(());

impl DumpsOnQuit {
    /// `None` if the system refuses, and then the signal does what it did before.
    pub(crate) fn new() -> Option<Self> {
        let unparker = thread::unparker()?;
        let mut dumpers = lock();
        if dumpers.bell.is_none() {
            dumpers.bell = Some(unparker.unpark_at(Signal::Quit).ok()?);
        }
        dumpers.count += 1;
        Some(Self(()))
    }
}

impl Drop for DumpsOnQuit {
    fn drop(&mut self) {
        let mut dumpers = lock();
        dumpers.count -= 1;
        if dumpers.count == 0 {
            dumpers.bell = None;
        }
    }
}

/// Whether the signal has come since the last time.
pub(super) fn has_come() -> bool {
    lock().bell.as_ref().is_some_and(SignalBell::has_rung)
}

fn lock() -> MutexGuard<'static, Dumpers> {
    DUMPERS.lock().unwrap_or_else(PoisonError::into_inner)
}
