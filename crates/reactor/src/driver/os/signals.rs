//! The signals that ask a program to end, as bytes in a pipe that the selector watches.
//!
//! The first one is ours to answer. A second one, of either kind, does what it would do without us: it ends the
//! program at once, so that a drain that takes too long can be cut short by a second ctrl-c.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::net::UnixStream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

use super::super::Signal;

/// Watches for the signals until it is dropped.
pub(super) struct Signals {
    pipe: RefCell<UnixStream>,
    watched: [Watched; 2],
    registered: Vec<SigId>,
}

struct Watched {
    signal: Signal,
    came: Arc<AtomicBool>,
    told: Cell<bool>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let (pipe, writer) = UnixStream::pair()?;
        let writer = OwnedFd::from(writer);
        let watch = |signal| Watched { signal, came: Arc::default(), told: Cell::new(false) };
        let mut signals = Self {
            pipe: RefCell::new(pipe),
            watched: [watch(Signal::Interrupt), watch(Signal::Terminate)],
            registered: Vec::new(),
        };
        let any = Arc::new(AtomicBool::new(false));
        for (watched, number) in signals.watched.iter().zip([SIGINT, SIGTERM]) {
            // They run in this order when a signal comes: the first looks whether it is the second signal.
            signals.registered.extend([
                flag::register_conditional_default(number, any.clone())?,
                flag::register(number, any.clone())?,
                flag::register(number, watched.came.clone())?,
                low_level::pipe::register(number, writer.try_clone()?)?,
            ]);
        }
        Ok(signals)
    }

    pub(super) fn source(&mut self) -> &mut UnixStream {
        self.pipe.get_mut()
    }

    /// Tells of each kind of signal that came, once.
    pub(super) fn take(&self, mut came: impl FnMut(Signal)) {
        let mut bytes = [0; 64];
        while matches!(self.pipe.borrow_mut().read(&mut bytes), Ok(1..)) {}
        for watched in &self.watched {
            if watched.came.load(Ordering::SeqCst) && !watched.told.replace(true) {
                came(watched.signal);
            }
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            low_level::unregister(id);
        }
    }
}
