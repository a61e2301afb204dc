//! What the watchdog has of one reactor, in its inbox: how it is to be watched, and what came of that.
//!
//! The reactor leaves its settings here when it begins; the watchdog's thread reads them, counts, and tells the operator. It
//! knows no inbox and nothing of the watchdog, so that an inbox can have it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::notice::{self, Level, Notice};
use crate::pulse::Counter;

/// What the watchdog knows of one reactor, in its inbox.
#[derive(Default)]
pub(crate) struct Watched {
    /// Set when the reactor begins, on a driver whose time passes by itself.
    settings: OnceLock<Settings>,
    /// The watchdog's own: how many polls have held the core for too long.
    pub(crate) held: Counter,
    /// The watchdog's own: for how many nanoseconds the worst of them did, at least.
    pub(crate) worst_nanos: Counter,
}

/// How a reactor is watched.
struct Settings {
    held_max: Option<Duration>,
    on_held: HeldHook,
}

/// Told by the watchdog's thread of a core that is held.
pub(super) type HeldHook = Arc<dyn Fn(&Notice<'_>) + Send + Sync>;

impl Watched {
    pub(crate) fn begin(&self, held_max: Option<Duration>, on_held: HeldHook) {
        // There is only one core to each inbox.
        drop(self.settings.set(Settings { held_max, on_held }));
    }

    /// For how long one poll may hold the core; `None` if nobody cares.
    pub(super) fn held_max(&self) -> Option<Duration> {
        self.settings.get()?.held_max
    }

    /// Tells the operator, subscribers of tracing included. A hook that panics does not end the watch over all the others.
    pub(super) fn tell(&self, text: fmt::Arguments<'_>) {
        if let Some(settings) = self.settings.get() {
            notice::tell(Level::Warning, "watchdog", text, &*settings.on_held);
        }
    }
}
