//! The signals that ask a program to end, as bytes in a pipe that the selector watches.
//!
//! The first one is ours to answer. A second one, of either kind, does what it would do without us: it ends the
//! program at once, so that a drain that takes too long can be cut short by a second ctrl-c. And when nobody watches
//! any more, they all do again what they would do without us.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::net::UnixStream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

use super::super::Signal;

/// Watches for the signals until it is dropped.
pub(super) struct Signals {
    pipe: RefCell<UnixStream>,
    watched: [Watched; 2],
    registered: Vec<SigId>,
    _watcher: Watcher,
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
        let watcher = Watcher::new()?;
        let mut signals = Self {
            pipe: RefCell::new(pipe),
            watched: [watch(Signal::Interrupt), watch(Signal::Terminate)],
            registered: Vec::new(),
            _watcher: watcher,
        };
        let any = Arc::new(AtomicBool::new(false));
        for (watched, number) in signals.watched.iter().zip(NUMBERS) {
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

/// One of those who watch for the signals.
struct Watcher(());

/// The process's watchers. A handler, once it is installed, stays for good, and without anything to do it would
/// swallow the signals: so one that ends the program stays with it, and looks whether anybody watches.
struct Watchers {
    count: usize,
    are_none: Option<Arc<AtomicBool>>,
}

static WATCHERS: Mutex<Watchers> = Mutex::new(Watchers { count: 0, are_none: None });

const NUMBERS: [i32; 2] = [SIGINT, SIGTERM];

impl Watcher {
    fn new() -> io::Result<Self> {
        let mut watchers = Watchers::lock();
        let are_none = match &watchers.are_none {
            Some(are_none) => are_none,
            None => {
                let are_none = Arc::default();
                for number in NUMBERS {
                    flag::register_conditional_default(number, Arc::clone(&are_none))?;
                }
                watchers.are_none.insert(are_none)
            }
        };
        are_none.store(false, Ordering::SeqCst);
        watchers.count += 1;
        Ok(Self(()))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut watchers = Watchers::lock();
        watchers.count -= 1;
        if let Some(are_none) = &watchers.are_none {
            are_none.store(watchers.count == 0, Ordering::SeqCst);
        }
    }
}

impl Watchers {
    fn lock() -> MutexGuard<'static, Self> {
        // Nothing that is done under the lock panics half-way.
        WATCHERS.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
