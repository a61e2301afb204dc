//! The core: what the loop, the tasks and the sources of one reactor share.
//!
//! It is current on a thread while its reactor runs there, and that is how `spawn`, `sleep` and the sockets find it.
//! Being current is a scope that can be swapped: a test may run many reactors on one thread.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use crate::buffer::Buffers;
use crate::channel::parts::claims::Claims;
use crate::config::{Config, OnLostPanic};
use crate::context::TraceIds;
use crate::driver::{Driver, Token};
use crate::inbox::Inbox;
use crate::interest::Interest;
use crate::notice::Hook;
use crate::pages::Pages;
use crate::pauses::Pauses;
use crate::process::Orphans;
use crate::pulse;
use crate::runtime::Membership;
use crate::shutdown::ShutdownState;
use crate::signals::SignalState;
use crate::spin::Spin;
use crate::task::TaskTable;
use crate::time::Instant;
use crate::time::wheel::Wheel;
use crate::timing::Timing;
use crate::watchdog;

/// One reactor's state.
pub(crate) struct Core {
    /// Where a waker is at home; a thread may run many reactors, so a thread's id would not do.
    pub(crate) id: ReactorId,
    pub(crate) tasks: TaskTable,
    pub(crate) timers: RefCell<Wheel>,
    sources: RefCell<Pages<Option<Rc<Interest>>>>,
    /// What is done about a source by the loop itself. A handful at most.
    pub(crate) reflexes: RefCell<Vec<(Token, Rc<dyn Reflex>)>>,
    pub(crate) pauses: Pauses,
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) buffers: Buffers,
    pub(crate) shutdown: ShutdownState,
    pub(crate) signals: SignalState,
    pub(crate) runtime: Membership,
    pub(crate) orphans: Orphans,
    pub(crate) on_notice: Hook,
    pub(crate) on_lost_panic: OnLostPanic,
    /// Whether the watchdog is to be woken when the core begins to run.
    pub(crate) is_watched: bool,
    pub(crate) dumps_on_quit: bool,
    pub(crate) trace_ids: TraceIds,
    /// When this turn of the loop began.
    pub(crate) turn_began: Cell<Instant>,
    /// When the core had nothing left to do in this turn, if it has nothing.
    pub(crate) rest_began: Cell<Option<Instant>>,
    /// Holds the wakers of timers that fire, for a moment: kept so that firing allocates nothing.
    pub(crate) due: Cell<Vec<Waker>>,
    /// Whether the loop runs.
    pub(crate) running: Cell<bool>,
    pub(crate) spin: Cell<Spin>,
    pub(crate) timing: Timing,
    pub(crate) claims: Claims,
    /// Whether the turn that follows the park that goes on has begun.
    pub(crate) has_begun: Cell<bool>,
    /// The reactor is gone: whoever waits for something of it waits for ever.
    pub(crate) has_ended: Cell<bool>,
    /// How many polls there had been when this turn began.
    pub(crate) polls_before: Cell<u64>,
}

/// Names a reactor among all of this process. It is never zero, so that where there may be none it takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReactorId(NonZeroU64);

impl ReactorId {
    /// That of no reactor.
    pub(crate) const NONE: Self = Self(NonZeroU64::MAX);

    /// One that no other reactor has.
    pub(crate) fn new() -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Self::of(IDS.fetch_add(1, Ordering::Relaxed))
    }

    /// That of the reactor with this number, from one.
    pub(crate) fn of(number: u64) -> Self {
        Self(NonZeroU64::new(number).expect("reactors are numbered from one"))
    }

    /// As the counters of the reactor number it.
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }
}

impl Core {
    /// A core whose driver is woken by `inbox`.
    pub(crate) fn new(
        driver: Box<dyn Driver>,
        config: Config,
        inbox: Arc<Inbox>,
        runtime: Membership,
    ) -> Rc<Self> {
        let id = inbox.reactor;
        pulse::add(&inbox);
        let now = driver.now();
        let time_passes = driver.time_passes();
        let is_watched = time_passes && config.held_max.is_some() && watchdog::begin();
        if time_passes {
            inbox.handle_time_passes();
            inbox.watched.begin(config.held_max, config.on_held);
        }
        if let Some(os) = driver.os() {
            // There is only one core to each inbox.
            drop(inbox.pools.set(os.pools()));
        }
        if is_watched {
            watchdog::look_now();
        }
        let spin_max = if time_passes { config.spin_max } else { Duration::ZERO };
        Rc::new(Self {
            id,
            tasks: TaskTable::new(inbox.clone()),
            timers: RefCell::new(Wheel::new()),
            sources: RefCell::default(),
            reflexes: RefCell::default(),
            pauses: Pauses::default(),
            driver,
            inbox,
            buffers: Buffers::default(),
            shutdown: ShutdownState::default(),
            signals: SignalState::default(),
            runtime,
            orphans: Orphans::default(),
            on_notice: config.on_notice,
            on_lost_panic: config.on_lost_panic,
            is_watched,
            dumps_on_quit: time_passes && config.dump_on_quit && watchdog::begin(),
            trace_ids: TraceIds::default(),
            turn_began: Cell::new(now),
            rest_began: Cell::new(None),
            due: Cell::default(),
            running: Cell::new(false),
            spin: Cell::new(Spin::new(spin_max, now)),
            timing: Timing::default(),
            claims: Claims::default(),
            has_begun: Cell::new(false),
            has_ended: Cell::new(false),
            polls_before: Cell::new(0),
        })
    }

    /// Makes this core the current one of the thread until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Entered {
        Entered { before: CURRENT.replace(Some(self.clone())) }
    }

    /// For who is about to wait for a moment: when the reactor has ended it never comes.
    #[inline]
    pub(crate) fn assert_alive(&self) {
        assert!(!self.has_ended.get(), "the reactor on which this sleep was made has ended");
    }

    /// A new source. The driver reports its readiness under the token that it has.
    pub(crate) fn add_source(&self) -> Rc<Interest> {
        let mut sources = self.sources.borrow_mut();
        let entry = sources.take();
        let interest = Rc::new(Interest::new(Token(entry as usize)));
        *sources.get_mut(entry).expect("it was taken") = Some(interest.clone());
        self.inbox.pulse.counters.sources.add(1);
        interest
    }

    pub(crate) fn remove_source(&self, token: Token) {
        let Ok(entry) = u32::try_from(token.0) else { return };
        let mut sources = self.sources.borrow_mut();
        let gone = sources.get_mut(entry).and_then(Option::take);
        if gone.is_some() {
            sources.give_back(entry);
            self.inbox.pulse.counters.sources.subtract(1);
        }
        drop(sources);
        drop(gone); // outside the borrow: it holds wakers, which may drop anything
    }

    /// Every source.
    pub(crate) fn each_source(&self, mut tell: impl FnMut(&Interest)) {
        self.sources.borrow().iter().filter_map(|(_, source)| source.as_deref()).for_each(&mut tell);
    }

    /// Has a source's reflex do what it does, if it has one.
    pub(crate) fn call_reflex(&self, token: Token) {
        let reflex =
            self.reflexes.borrow().iter().find(|(of, _)| *of == token).map(|(_, reflex)| reflex.clone());
        if let Some(reflex) = reflex {
            reflex.react();
        }
    }

    #[inline]
    pub(crate) fn source(&self, token: Token) -> Option<Rc<Interest>> {
        let entry = u32::try_from(token.0).ok()?;
        self.sources.borrow().get(entry)?.clone()
    }
}

/// What the loop does by itself about a source that became ready, when no task should come in between.
pub(crate) trait Reflex {
    /// Does it, in little time.
    fn react(&self);
}

/// Puts back the core that was current before.
pub(crate) struct Entered {
    before: Option<Rc<Core>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let inner = CURRENT.replace(self.before.take());
        drop(inner);
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// Calls `f` with the current core.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Core>) -> R) -> R {
    // The borrow is held while `f` runs; only entering and leaving a reactor would be in its way, so what may run
    // a reactor clones the core instead.
    CURRENT.with_borrow(|core| match core {
        Some(core) => f(core),
        None => no_reactor(),
    })
}

/// Calls `f` with the current core, if a reactor runs on this thread.
pub(crate) fn try_with<R>(f: impl FnOnce(&Core) -> R) -> Option<R> {
    CURRENT.try_with(|core| core.borrow().as_deref().map(f)).ok().flatten()
}

/// The current core, or `None` where no reactor runs.
pub(crate) fn try_current() -> Option<Rc<Core>> {
    CURRENT.try_with(|core| core.borrow().clone()).ok().flatten()
}

/// The current core.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub(crate) fn current() -> Rc<Core> {
    try_current().unwrap_or_else(|| no_reactor())
}

/// Calls `f` with the current core if it is the one named.
pub(crate) fn if_current<R>(id: ReactorId, f: impl FnOnce(&Core) -> R) -> Option<R> {
    CURRENT
        .try_with(|core| match &*core.borrow() {
            Some(core) if core.id == id => Some(f(core)),
            _ => None,
        })
        .ok()
        .flatten()
}

#[cold]
#[track_caller]
fn no_reactor() -> ! {
    panic!(
        "no reactor runs on this thread: call this inside `ekiden::run`, a task of it or an `#[ekiden::test]`"
    )
}
