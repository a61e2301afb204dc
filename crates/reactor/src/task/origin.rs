//! Where tasks come from: their names and places, kept once a process, and a number for each.
//!
//! A task keeps the number. It is four bytes instead of three words, and a core can publish it for other threads to
//! read: from a number whoever looks comes back to the name and the place, while the task holds its core.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::process;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::OnLostPanic;
use crate::core;
use crate::notice::{Level, notice};

/// Who a task is and where it comes from, for a notice about it.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) name: Option<&'static str>,
    pub(crate) place: &'static Location<'static>,
}

/// The number of an origin among those of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OriginId(u32);

/// What one core has numbered of late, so that to spawn takes no lock.
pub(crate) struct OriginCache([Cached; CACHED]);

/// Addresses, since they are compared at each spawn: of the place, and of the name and how long it is.
#[derive(Default)]
struct Cached {
    place: Cell<usize>,
    name: Cell<(usize, usize)>,
    id: Cell<OriginId>,
}

impl Origin {
    /// Tells the operator of a panic for which nobody waits. `what` goes before the task's name.
    pub(crate) fn report_panic(self, what: &str, message: Option<&str>) {
        let message = message.unwrap_or("no message");
        core::try_with(|core| core.inbox.pulse.counters.panics.add(1));
        notice(Level::Error, "task", format_args!("{what}{self}, panicked: {message}"));
        if core::try_with(|core| core.on_lost_panic) == Some(OnLostPanic::Abort) {
            process::abort();
        }
    }

    fn addresses(self) -> (usize, (usize, usize)) {
        let name = self.name.map_or((0, 0), |name| (name.as_ptr().addr(), name.len()));
        (ptr::from_ref(self.place).addr(), name)
    }

    /// Its number: it takes a lock, so a core asks its [`OriginCache`].
    fn number(self) -> OriginId {
        Origins::lock().number(self)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, spawned at {}", self.name.unwrap_or("a task"), self.place)
    }
}

impl OriginId {
    /// Of no task at all.
    pub(crate) const NONE: Self = Self(0);

    /// As an atomic keeps it.
    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Of whoever was spawned, and so has one.
    pub(crate) fn known(self) -> Origin {
        self.origin().expect("whoever was spawned has a place")
    }

    /// `None` for [`NONE`](Self::NONE).
    pub(crate) fn origin(self) -> Option<Origin> {
        let index = self.0.checked_sub(1)?;
        Origins::lock().all.get(index as usize).copied()
    }
}

impl OriginCache {
    pub(crate) fn number(&self, origin: Origin) -> OriginId {
        let (place, name) = origin.addresses();
        // The addresses of places are multiples of eight, and those of one program lie side by side.
        let slot = &self.0[((place >> 3) ^ (place >> 9) ^ name.0) % CACHED];
        if slot.place.get() != place || slot.name.get() != name {
            slot.id.set(origin.number());
            slot.place.set(place);
            slot.name.set(name);
        }
        slot.id.get()
    }
}

impl Default for OriginCache {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Cached::default()))
    }
}

/// All of this process. They are never forgotten: a program has so many places, and names that it gives there.
struct Origins {
    all: Vec<Origin>,
    /// By the addresses of place and name: texts may be the same at two places.
    numbers: BTreeMap<(usize, (usize, usize)), OriginId>,
}

static ORIGINS: Mutex<Origins> = Mutex::new(Origins { all: Vec::new(), numbers: BTreeMap::new() });

impl Origins {
    fn lock() -> MutexGuard<'static, Self> {
        // Nothing under the lock panics half-way.
        ORIGINS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&mut self, origin: Origin) -> OriginId {
        let origin = if self.all.len() < NAMED_MAX { origin } else { Origin { name: None, ..origin } };
        let Self { all, numbers } = self;
        *numbers.entry(origin.addresses()).or_insert_with(|| {
            all.push(origin);
            OriginId(u32::try_from(all.len()).expect("a program has fewer places than that"))
        })
    }
}

/// How many places of a core spawn at the same time, more or less; 2 kB.
const CACHED: usize = 64;

/// Whoever makes names up at run time and leaks them is not followed any further: later tasks go by their place.
const NAMED_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn here(name: Option<&'static str>) -> Origin {
        Origin { name, place: Location::caller() }
    }

    #[test]
    fn an_origin_keeps_its_number_and_no_two_share_one() {
        let (cache, other_core) = (OriginCache::default(), OriginCache::default());
        let (name, other_name) = (Some("clerk"), Some("archivist"));
        let place = here(None);
        let origins = [place, here(None), Origin { name, ..place }, Origin { name: other_name, ..place }];
        for round in 0..2 {
            for (index, origin) in origins.iter().enumerate() {
                let id = cache.number(*origin);
                assert_eq!(id, other_core.number(*origin), "the number is the process's");
                assert!(id.origin().is_some_and(|known| known.addresses() == origin.addresses()), "{round}");
                assert!(origins[..index].iter().all(|earlier| cache.number(*earlier) != id));
            }
        }
        assert!(OriginId::NONE.origin().is_none());
    }

    #[test]
    fn more_origins_than_the_cache_has_room_for_keep_their_numbers() {
        let cache = OriginCache::default();
        let names: Vec<&'static str> = (0..300).map(|number| &*format!("task {number}").leak()).collect();
        let place = here(None);
        let number = |name: &&'static str| cache.number(Origin { name: Some(name), ..place });
        let ids: Vec<OriginId> = names.iter().map(number).collect();
        for (name, id) in names.iter().zip(&ids) {
            assert_eq!(id.origin().and_then(|origin| origin.name), Some(*name));
            assert_eq!(number(name), *id);
        }
    }
}
