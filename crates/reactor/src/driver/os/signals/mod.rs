//! Signals, as bytes in a pipe that the selector watches: those that ask a program to end, for the shutdown, and
//! whatever a program listens for.
//!
//! Of what the shutdown watches for, the first is ours to answer. A second one, of either kind, does what it would do
//! without us: it ends the program at once, so that a drain that takes too long can be cut short by a second ctrl-c. But
//! what somebody listens for is his: then it neither begins the shutdown nor ends the program. When nobody asks for a
//! signal any more, it does again what it would do without us; who asks, and why, is in `process`.

mod process;

use std::cell::RefCell;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use mio::net::UnixStream;

use super::super::Signal;
use process::Bell;

/// One that no driver has.
pub(crate) use process::Bell as SignalBell;

/// The signals that one driver asks for.
pub(super) struct Signals {
    pipe: RefCell<UnixStream>,
    writer: OwnedFd,
    bells: RefCell<Vec<Bell>>,
}

/// Why a driver asks for a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It begins the shutdown.
    Shutdown,
    /// The program listens for it.
    Listener,
    /// It tells of the ends of child processes.
    Exits,
    /// It prints what all reactors do.
    Dump,
}

impl Reason {
    /// Whether it is not told of a signal that the program listens for.
    fn gives_way(self) -> bool {
        matches!(self, Self::Shutdown | Self::Dump)
    }
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let (pipe, writer) = UnixStream::pair()?;
        Ok(Self { pipe: RefCell::new(pipe), writer: writer.into(), bells: RefCell::default() })
    }

    pub(super) fn source(&mut self) -> &mut UnixStream {
        self.pipe.get_mut()
    }

    /// Asks for a signal, for a reason for which it was not asked for yet.
    pub(super) fn watch(&self, signal: Signal, reason: Reason) -> io::Result<()> {
        let bell = Bell::new(signal, reason, &self.writer)?;
        self.bells.borrow_mut().push(bell);
        Ok(())
    }

    /// Asks for it no more for that reason.
    pub(super) fn unwatch(&self, signal: Signal, reason: Reason) {
        self.bells.borrow_mut().retain(|bell| (bell.signal, bell.reason) != (signal, reason));
    }

    /// Tells of each signal that came since the last time, and whom it concerns.
    pub(super) fn take(&self, mut tell: impl FnMut(Signal, Reason)) {
        let mut bytes = [0; 64];
        while matches!(self.pipe.borrow_mut().read(&mut bytes), Ok(1..)) {}
        let bells = self.bells.borrow();
        let rung: Vec<_> =
            bells.iter().filter(|bell| bell.has_rung()).map(|bell| (bell.signal, bell.reason)).collect();
        drop(bells);
        rung.into_iter().for_each(|(signal, reason)| tell(signal, reason));
    }
}
