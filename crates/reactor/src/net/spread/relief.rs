//! Relief: what is done for listeners whose accepting cores are all stuck, as none of them can do it.
//!
//! Who accepts finds another core for each that is stuck, and new places for what waits there. If all of them get stuck
//! between two connections, nobody does, however many cores sleep: only somebody who is no core can see that. That is
//! the watchdog's thread, which looks from time to time while any core runs, and asks here too. It accepts nothing and
//! runs nothing of a user's: it has a core accept, by a letter.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::kind::Spread;
use super::places::{Reserve, STUCK_AFTER};
use super::shared::Shared;
use crate::time::Instant;

/// A listener that can be looked after.
pub(super) trait Relief: Send + Sync {
    /// Does what no core does. Says within what time it should be looked at again, if that matters.
    fn relieve(&self, now: Instant) -> Option<Duration>;
}

/// The listeners of the system's driver, until they are gone.
static LISTENERS: Mutex<Vec<Weak<dyn Relief>>> = Mutex::new(Vec::new());

/// From now on it is looked after.
pub(super) fn add(listener: Arc<dyn Relief>) {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&listener));
}

/// Looks at all listeners; says within what time to look again, if that matters.
pub(crate) fn relieve(now: Instant) -> Option<Duration> {
    let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.retain(|listener| listener.strong_count() > 0);
    let alive: Vec<_> = listeners.iter().filter_map(Weak::upgrade).collect();
    // Not under the lock: it may be the last to have one of them.
    drop(listeners);
    alive.iter().filter_map(|listener| listener.relieve(now)).min()
}

impl<L: Spread> Relief for Shared<L> {
    fn relieve(&self, now: Instant) -> Option<Duration> {
        let relief = self.places.relieve(now);
        let (waits, is_stuck) = self.waits_on(now);
        if let Some(able) = self.places.able(now).filter(|_| is_stuck) {
            self.place_anew(able, now);
        }
        match relief {
            _ if waits => Some(STUCK_AFTER),
            Reserve::Near => Some(STUCK_AFTER),
            Reserve::Far => Some(SELDOM),
            Reserve::None => None,
        }
    }
}

/// As often as the watchdog looks by default, for where it looks less often otherwise.
const SELDOM: Duration = Duration::from_millis(25);
