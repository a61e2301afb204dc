//! The presence: what a core announces of itself, to whoever looks at it from another thread.
//!
//! It runs, it sleeps, or nobody runs it: that is its [`Life`]. The core announces, any thread may look; nobody is woken by that
//! and no clock is read. That a core which announces that it runs is seen by a thread that is about to sleep is checked by
//! the models of `watchdog::arming`.

use std::sync::atomic::AtomicBool;

use crate::atomics::Flag;
use crate::bell::Bell;

/// What a core is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nobody runs it.
    Out,
    Running,
    /// It sleeps in its driver, or is about to.
    Parked,
}

/// What a core announces of itself, to whoever looks at it from another thread.
#[derive(Debug)]
pub(crate) struct Presence<F = AtomicBool> {
    /// Rung by whoever left something for the core; it knows whether the core sleeps.
    pub(crate) bell: Bell<F>,
    /// Whether somebody runs it.
    is_run: F,
}

impl<F: Flag> Presence<F> {
    pub(crate) fn new() -> Self {
        Self { bell: Bell::new(), is_run: F::new(false) }
    }

    /// Somebody runs the core, from now on.
    pub(crate) fn announce_run(&self) {
        self.is_run.store(true);
        self.bell.announce_awake();
    }

    /// Nobody runs the core any more, for now.
    pub(crate) fn announce_out(&self) {
        self.bell.announce_awake();
        self.is_run.store(false);
    }

    /// What the core is about; from any thread.
    pub(crate) fn life(&self) -> Life {
        match self.is_run.load() {
            _ if self.bell.is_asleep() => Life::Parked,
            true => Life::Running,
            false => Life::Out,
        }
    }
}
