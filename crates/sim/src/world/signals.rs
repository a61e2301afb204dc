//! Signals: a program that asked for one is told of it, and to another the system does what it does by default.

use ekiden_reactor::Signal;
use ekiden_reactor::driver::Event as News;

use super::{Seat, World};
use crate::journal::{HostId, What};

/// What a signal does to a program that did not ask for it (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Default {
    Ends,
    Stops,
    Nothing,
}

impl Default {
    fn of(signal: Signal) -> Self {
        match signal {
            Signal::Child | Signal::Urgent | Signal::WindowChange => Self::Nothing,
            // By itself it goes on, whether it was asked for or not.
            Signal::Continue => Self::Nothing,
            // The system would end it, but Rust programs begin by ignoring it.
            Signal::Pipe => Self::Nothing,
            Signal::TerminalStop | Signal::TerminalInput | Signal::TerminalOutput => Self::Stops,
            _ => Self::Ends,
        }
    }
}

impl World {
    /// A program that was paused goes on. True if it is to end, by a signal that has come since.
    pub(crate) fn resume(&mut self, id: HostId) -> bool {
        self.set_paused(id, false);
        std::mem::take(&mut self.host(id).ends_when_resumed)
    }

    /// Tells a program of a signal, or does what the system does. True if the program is to end by it.
    pub(crate) fn signal(&mut self, id: HostId, signal: Signal) -> bool {
        self.tell(id, What::Signal(signal));
        let watchers = self.host(id).watchers(signal);
        for core in &watchers {
            self.news(Seat { host: id, core: *core }, News::Signal(signal));
        }
        if signal == Signal::Continue && self.host(id).is_paused && self.resume(id) {
            return true;
        }
        if !watchers.is_empty() {
            return false;
        }
        match Default::of(signal) {
            Default::Ends if self.host(id).is_up && self.host(id).is_paused => {
                self.host(id).ends_when_resumed = true;
            }
            Default::Ends => return true,
            Default::Stops => self.set_paused(id, true),
            Default::Nothing => {}
        }
        false
    }
}
