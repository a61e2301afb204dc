//! A parker: where a thread sleeps that is no core, until it is woken, its time is up or a signal has come.
//!
//! The thread sleeps in a read of a pipe; whoever wakes it writes a byte, and a signal's handler can do that, too. Why it was
//! woken it finds out by itself.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::super::Signal;
use super::signals::{Reason, SignalBell};

/// Where the thread sleeps.
pub(crate) struct Parker(UnixStream);

/// What wakes it.
pub(crate) struct Unparker(UnixStream);

/// For one thread.
///
/// # Errors
///
/// As the system's: too many open files.
pub(crate) fn pair() -> io::Result<(Parker, Unparker)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    Ok((Parker(far), Unparker(near)))
}

impl Parker {
    /// Sleeps until somebody has woken it since the last time, or for so long, which must not be zero.
    ///
    /// # Errors
    ///
    /// If it cannot sleep here any more: the system refuses, or what wakes it is gone.
    pub(crate) fn park(&self, time: Option<Duration>) -> io::Result<()> {
        let mut pipe = &self.0;
        pipe.set_read_timeout(time)?;
        match pipe.read(&mut [0; 64]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }
}

impl Unparker {
    /// Wakes the thread, or has it not sleep when it would next.
    pub(crate) fn unpark(&self) {
        // A pipe that is full has a byte for it already.
        drop((&self.0).write(&[0]));
    }

    /// Has a signal wake it, too, as long as the bell is there; for the dump.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(crate) fn unpark_at(&self, signal: Signal) -> io::Result<SignalBell> {
        SignalBell::new(signal, Reason::Dump, &OwnedFd::from(self.0.try_clone()?))
    }
}
