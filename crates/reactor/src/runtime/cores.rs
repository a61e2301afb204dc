//! What the cores of a runtime share: how to reach each, and what concerns all.
//!
//! None of this is on the path of a request. To reach a core that has begun takes no lock.

use std::any::Any;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::CoreId;
use super::seat::CoreSeat;
use crate::config::Config;
use crate::core::{self, ReactorId};
use crate::driver::JoinCore;
use crate::handle::Handle;
use crate::inbox::{Inbox, Maker};
use crate::latch::Latch;
use crate::notice::{Level, notice};

/// Makes the configuration of each core.
pub(crate) type MakeConfig = Arc<dyn Fn(CoreId) -> Config + Send + Sync>;

/// A core's part in its runtime.
pub(crate) struct Membership {
    pub(crate) id: CoreId,
    pub(crate) cores: Arc<Cores>,
    /// Open when the runtime ends: what every core but the first waits for.
    pub(crate) end: Latch,
}

/// The cores of one runtime.
pub(crate) struct Cores {
    /// Where each core that has begun hears from others.
    inboxes: Box<[OnceLock<Arc<Inbox>>]>,
    config: MakeConfig,
    pub(super) are_pinned: bool,
    /// Whether one of them watches for signals.
    are_signals_watched: AtomicBool,
    state: Mutex<State>,
}

/// What changes when a core begins, and at the end.
#[derive(Default)]
struct State {
    joins: Vec<JoinCore>,
    is_shutting_down: bool,
    has_ended: bool,
}

impl Membership {
    /// The part of the first core, on which the runtime's main future runs.
    pub(crate) fn first_of(len: usize, config: MakeConfig, are_pinned: bool, inbox: Arc<Inbox>) -> Self {
        let cores = Cores {
            inboxes: (0..len.max(1)).map(|_| OnceLock::new()).collect(),
            config,
            are_pinned,
            are_signals_watched: AtomicBool::new(false),
            state: Mutex::default(),
        };
        // Nobody else has it yet.
        drop(cores.inboxes[0].set(inbox));
        Self { id: CoreId::FIRST, cores: Arc::new(cores), end: Latch::new() }
    }

    /// A handle to a core of this runtime, which begins now if it has not. `None`, and the operator is told, if it cannot.
    ///
    /// # Panics
    ///
    /// If there is no such core.
    #[track_caller]
    pub(crate) fn handle_of(&self, core: CoreId) -> Option<Handle> {
        let Some(seat) = self.cores.inboxes.get(core.index()) else {
            panic!("there is no {core}: the runtime has {}", self.cores.len())
        };
        let inbox = match seat.get() {
            Some(inbox) => inbox.clone(),
            None => self.cores.start(core)?,
        };
        Some(Handle { inbox })
    }

    /// Which core of this runtime that reactor is; `None` if it is none.
    pub(crate) fn core_of(&self, reactor: ReactorId) -> Option<CoreId> {
        let is_it = |inbox: &OnceLock<Arc<Inbox>>| inbox.get().is_some_and(|inbox| inbox.reactor == reactor);
        self.cores.inboxes.iter().position(is_it).map(CoreId::new)
    }

    /// Whether this core is the first of its runtime that wants to watch for signals, and so should.
    pub(crate) fn is_first_to_watch_signals(&self) -> bool {
        !self.cores.are_signals_watched.swap(true, Ordering::SeqCst)
    }

    /// Begins the shutdown on the other cores.
    pub(crate) fn spread_shutdown(&self) {
        let mut state = self.cores.lock();
        if !std::mem::replace(&mut state.is_shutting_down, true) {
            drop(state);
            self.cores.tell_others(self.id, begin_shutdown);
        }
    }

    /// Whether this is the core whose end is that of the runtime.
    pub(crate) fn is_first(&self) -> bool {
        self.id == CoreId::FIRST
    }

    /// Tells the other cores to end, and returns what waits until they have.
    pub(crate) fn end_others(&self) -> Vec<JoinCore> {
        let mut state = self.cores.lock();
        state.has_ended = true;
        let joins = std::mem::take(&mut state.joins);
        drop(state);
        self.cores.tell_others(self.id, || core::with(|core| core.runtime.end.clone()).open());
        joins
    }
}

impl Cores {
    pub(crate) fn len(&self) -> usize {
        self.inboxes.len()
    }

    pub(super) fn config(&self, core: CoreId) -> Config {
        (self.config)(core)
    }

    /// A core's loop has failed: the first core's fails by that too. Given back if that has ended.
    pub(super) fn fail(&self, payload: Box<dyn Any + Send>) -> Result<(), Box<dyn Any + Send>> {
        match self.inboxes[0].get() {
            Some(inbox) => inbox.fail(payload),
            None => Err(payload),
        }
    }

    /// Begins a core, if nobody has meanwhile.
    fn start(self: &Arc<Self>, core: CoreId) -> Option<Arc<Inbox>> {
        let here = core::current();
        let mut state = self.lock();
        let place = &self.inboxes[core.index()];
        if let Some(inbox) = place.get() {
            return Some(inbox.clone());
        }
        if state.has_ended {
            return None;
        }
        let inbox = Arc::new(OnceLock::new());
        let seat = CoreSeat { id: core, cores: self.clone(), inbox: inbox.clone() };
        match here.driver.start_core(seat) {
            Ok(join) => {
                state.joins.push(join);
                let inbox = inbox.get().expect("a driver takes the seat of the core that it starts").clone();
                if state.is_shutting_down {
                    tell(&inbox, begin_shutdown);
                }
                Some(place.get_or_init(|| inbox).clone())
            }
            Err(error) => {
                drop(state);
                notice(Level::Error, "core", format_args!("{core} cannot begin: {error}"));
                None
            }
        }
    }

    fn tell_others(&self, this: CoreId, what: fn()) {
        let others = self.inboxes.iter().enumerate().filter(|(index, _)| *index != this.index());
        for inbox in others.filter_map(|(_, inbox)| inbox.get()) {
            tell(inbox, what);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a driver does under it may panic, and leaves the state as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a core do something small in its next turn. One that has ended need not be told.
fn tell(inbox: &Inbox, what: fn()) {
    drop(inbox.send(Maker { make: Box::new(what), place: Location::caller() }));
}

fn begin_shutdown() {
    core::current().begin_shutdown();
}
