//! The reactor and its loop: run what is ready, hear what others ask, wait for the world, fire the timers.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::config::Config;
use crate::context::{self, Context};
use crate::core::{Core, ReactorId};
use crate::driver::os::Os;
use crate::driver::os::watching::{self, DumpsOnQuit};
use crate::driver::{Driver, Event, Park, Readiness, Token};
use crate::events;
use crate::handle::Handle;
use crate::inbox::{Inbox, Maker};
use crate::pulse;
use crate::runtime::{CoreId, Membership, Runtime};
use crate::task::{JoinError, Origin, budget};
use crate::time::Instant;
use crate::timing::Turn;

/// Runs a future on this thread, on the system's driver, until it is ready.
///
/// This is the way into a program: a [`Runtime`] with its defaults, which has a core for each that the machine has. The
/// others begin when they are asked for, by [`spawn_on`](crate::spawn_on) and those that use it. Tasks that are left at the
/// end are dropped. [`Reactor`] is for those who need a handle or a driver of their own.
///
/// # Panics
///
/// If the system gives no selector or takes it away, or if the future panics.
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    Runtime::default().run(main)
}

/// One event loop, on the thread that runs it. It is the only core that it knows, unless it was made by a [`Runtime`].
///
/// ```
/// use ekiden_reactor::{Config, Reactor, spawn};
///
/// let reactor = Reactor::new(Config::default())?;
/// let answer = reactor.run(async { spawn(async { 6 * 7 }).await });
/// assert_eq!(answer.unwrap(), 42);
/// # std::io::Result::Ok(())
/// ```
pub struct Reactor {
    core: Rc<Core>,
}

impl Reactor {
    /// A reactor on the system's driver.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    pub fn new(config: Config) -> io::Result<Self> {
        Ok(Self::with_driver(config, Os::new()?))
    }

    /// A reactor in the world that a driver makes.
    pub fn with_driver(config: Config, driver: impl Driver) -> Self {
        let inbox = Arc::new(Inbox::new(ReactorId::new(), driver.unparker()));
        let runtime = Membership::first_of(1, Arc::new(|_core| Config::default()), false, inbox.clone());
        Self::of(Box::new(driver), config, inbox, runtime)
    }

    /// The reactor of the first of so many cores.
    pub(crate) fn first_of(
        cores: usize,
        config: Arc<dyn Fn(CoreId) -> Config + Send + Sync>,
        are_pinned: bool,
        driver: impl Driver,
    ) -> Self {
        let inbox = Arc::new(Inbox::new(ReactorId::new(), driver.unparker()));
        let runtime = Membership::first_of(cores, config.clone(), are_pinned, inbox.clone());
        Self::of(Box::new(driver), config(CoreId::FIRST), inbox, runtime)
    }

    /// The reactor of a core.
    pub(crate) fn of(
        driver: Box<dyn Driver>,
        config: Config,
        inbox: Arc<Inbox>,
        runtime: Membership,
    ) -> Self {
        Self { core: Core::new(driver, config, inbox, runtime) }
    }

    /// A handle by which other threads spawn tasks here.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { inbox: self.core.inbox.clone() }
    }

    /// Does something for which this reactor is to be the current one, before it runs.
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.core.enter();
        f()
    }

    /// Runs a future, and every task that is spawned here, until the future is ready.
    ///
    /// The other tasks are kept, and go on when the reactor is run again; they are dropped with the reactor.
    ///
    /// # Panics
    ///
    /// If the future panics, if the reactor is running already, or if the driver fails for good, on this core or another of
    /// the runtime.
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> F::Output {
        let core = &*self.core;
        let _entered = self.core.enter();
        let _running = Running::begin(core);
        let mut nothing = Context::none();
        let _begins_with = context::swap_in(&mut nothing);
        let mut main = pin!(main);
        core.tasks.begin_main(Location::caller());
        loop {
            let ready = core.tasks.begin_turn();
            core.inbox.pulse.counters.ready.set(ready as u64);
            let mut work = 0;
            while work < WORK_PER_TURN {
                let Some(task) = core.tasks.next_ready() else { break };
                if !task.is_main() {
                    core.tasks.run(core, task);
                } else if let Poll::Ready(output) =
                    core.tasks.poll_main(core, task, |cx| main.as_mut().poll(cx))
                {
                    return output;
                }
                work += 1 + budget::spent();
            }
            core.read_letters();
            core.park();
            core.fire_timers();
        }
    }
}

impl Core {
    /// Does what other threads asked for.
    fn read_letters(&self) {
        let Some(letters) = self.inbox.take() else { return };
        if let Some(fault) = letters.fault {
            resume_unwind(fault);
        }
        for task in letters.wakes {
            self.tasks.wake(task);
        }
        for source in letters.ready {
            self.handle_ready(source, Readiness::new(true, false));
        }
        for Maker { make, place } in letters.makers {
            // A panic of the user's function is its handle's to tell; what is left is that of whoever hears of it.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(make)) {
                let origin = Origin { name: Some("a function that makes a task"), place };
                JoinError::panicked(payload).report(origin);
            }
        }
    }

    /// Waits until something happens; only looks when there are tasks to run.
    fn park(&self) {
        self.publish();
        self.has_begun.set(false);
        let parked = if self.tasks.has_ready() {
            self.driver.park(Park::look(), &mut |event| self.hear(event))
        } else {
            self.spin().and_then(|has_come| if has_come { Ok(()) } else { self.sleep() })
        };
        if !self.has_begun.get() {
            self.end_turn();
        }
        self.announce_running();
        if let Err(error) = parked {
            panic!("the driver cannot wait for events any more: {error}");
        }
    }

    /// Says that it sleeps no more, if it did. Not before the new turn has begun: who sees a core that runs must not take the
    /// last turn for this one.
    #[inline]
    fn announce_running(&self) {
        if self.inbox.is_parked() {
            self.inbox.announce_running();
            self.wake_watchdog();
        }
    }

    /// Says how many there are of what a core has, while it rests.
    fn publish(&self) {
        let counters = &self.inbox.pulse.counters;
        counters.tasks.set(self.tasks.len() as u64);
        counters.timers.set(self.timers.borrow().len() as u64);
        counters.sources.set(self.sources_len() as u64);
    }

    /// The turn is over, rest included: one reading of the clock ends it and begins the next.
    fn end_turn(&self) {
        let now = self.driver.now();
        let rest_began = self.rest_began.take().unwrap_or(now);
        let pulse = &self.inbox.pulse;
        let worked = rest_began.as_nanos().saturating_sub(self.turn_began.get().as_nanos());
        pulse.counters.busy_nanos.add(worked);
        pulse.counters.idle_nanos.add(now.as_nanos().saturating_sub(rest_began.as_nanos()));
        if self.timing.is_on() {
            self.tasks.handle_turn_ended(self, rest_began.as_nanos());
        }
        let polls = pulse.polls.get();
        let turn = self.timing.end_turn(worked, polls - self.polls_before.replace(polls));
        if let Turn::Long { nanos, polls } = turn {
            self.look_who_ran(nanos, polls);
        }
        self.begin_turn(now);
    }

    /// A long turn's time goes to those who may have run in it. With very many tasks, to look for them would take as
    /// long again; then it is said to be lost.
    #[cold]
    fn look_who_ran(&self, nanos: u64, polls: u64) {
        if self.tasks.len() as u64 > nanos / LOOK_NANOS {
            return self.timing.lose(nanos);
        }
        self.tasks.handle_long_turn(self.turn_began.get().as_nanos(), nanos, polls);
    }

    fn begin_turn(&self, now: Instant) {
        self.timing.begin_turn(now.as_nanos());
        self.turn_began.set(now);
        self.inbox.pulse.begin_turn(now);
    }

    #[inline]
    fn wake_watchdog(&self) {
        if self.is_watched {
            watching::wake();
        }
    }

    fn sleep(&self) -> io::Result<()> {
        // To sleep takes a hundred times as long as to read the clock; and a driver that waits for a timer needs it.
        let now = self.driver.now();
        if self.rest_began.get().is_none() {
            self.rest_began.set(Some(now));
        }
        let park =
            if self.inbox.announce_park() { Park::until(self.next_deadline()).at(now) } else { Park::look() };
        let parked = self.driver.park(park, &mut |event| self.hear(event));
        self.inbox.pulse.counters.wakeups.add(1);
        parked
    }

    /// Looks again and again for a moment, if that has paid of late. True if something came or is due: there is
    /// reason for another turn without a sleep.
    fn spin(&self) -> io::Result<bool> {
        let mut spin = self.spin.get();
        let time = spin.next(self.turn_began.get());
        let Some(time) = time else {
            self.spin.set(spin);
            return Ok(false);
        };
        let has_come = self.look_for(time)?;
        if has_come {
            spin.handle_hit();
        } else {
            spin.handle_miss();
        }
        self.spin.set(spin);
        Ok(has_come)
    }

    fn look_for(&self, time: Duration) -> io::Result<bool> {
        let mut until = None;
        loop {
            let mut has_come = false;
            self.driver.park(Park::look(), &mut |event| {
                has_come = true;
                self.hear(event);
            })?;
            if has_come || self.inbox.has_letters() {
                return Ok(true);
            }
            // The first look is free of the clock: on a busy core it finds something.
            let now = self.driver.now();
            let until = *until.get_or_insert_with(|| {
                self.rest_began.set(Some(now));
                now + time
            });
            if now >= until {
                return Ok(false);
            }
            if self.next_deadline().is_some_and(|due| now >= due) {
                return Ok(true);
            }
        }
    }

    /// Something has come. The first thing that does begins the next turn, so that whoever is woken by it was woken
    /// then, and not when the core went to sleep. Wakers, reflexes and hooks run in here, so the core is said to run.
    fn hear(&self, event: Event) {
        if !self.has_begun.replace(true) {
            self.end_turn();
            self.announce_running();
        }
        self.handle_event(event);
    }

    fn handle_event(&self, event: Event) {
        self.inbox.pulse.counters.events.add(1);
        match event {
            Event::Ready(token, readiness) => {
                self.handle_ready(token, readiness);
            }
            Event::Signal(signal) => self.handle_signal(signal),
        }
    }

    /// A source became ready, if it is still there.
    pub(crate) fn handle_ready(&self, source: Token, readiness: Readiness) {
        if let Some(interest) = self.source(source) {
            interest.handle_ready(readiness);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.borrow().next_deadline().map(Instant::from_nanos)
    }

    /// Wakes whoever waits for a moment that has come.
    fn fire_timers(&self) {
        if self.next_deadline().is_none_or(|due| due > self.turn_began.get()) {
            return;
        }
        let mut due = self.due.take();
        self.timers
            .borrow_mut()
            .advance(self.turn_began.get().as_nanos(), TIMERS_PER_TURN, |waker| due.push(waker));
        self.inbox.pulse.counters.timers_fired.add(due.len() as u64);
        // Only now, as a waker may do anything, such as dropping another timer.
        for waker in due.drain(..) {
            waker.wake();
        }
        self.due.set(due);
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let _entered = self.core.enter();
        let others = if self.core.runtime.is_first() { self.core.runtime.end_others() } else { Vec::new() };
        let mut nothing = Context::none();
        let _ends_with = context::swap_in(&mut nothing);
        // Tasks first: what they own belongs to this reactor, and may speak to it while it is dropped.
        drop(self.core.inbox.close());
        if self.core.shutdown.has_begun() {
            self.core.tasks.report_left();
        }
        self.core.tasks.clear();
        self.core.abandon_orphans();
        pulse::remove(&self.core.inbox);
        for join in others {
            join();
        }
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").field("tasks", &self.core.tasks.len()).finish_non_exhaustive()
    }
}

/// Keeps a reactor from being run within itself, and says that it is run.
struct Running<'a> {
    core: &'a Core,
    _dumps: Option<DumpsOnQuit>,
}

impl<'a> Running<'a> {
    fn begin(core: &'a Core) -> Self {
        assert!(
            !core.running.replace(true),
            "this reactor is running already, so a task of it cannot run it"
        );
        core.begin_turn(core.driver.now());
        core.inbox.announce_run();
        core.wake_watchdog();
        let running = Self { core, _dumps: if core.dumps_on_quit { DumpsOnQuit::new() } else { None } };
        // Only now: whoever is told may panic, and then it runs no more.
        events::debug("core", format_args!("{} runs", core.runtime.id));
        running
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.core.running.set(false);
        self.core.inbox.announce_out();
        events::debug("core", format_args!("{} has ended what it was to run", self.core.runtime.id));
    }
}

/// How many polls, and uses of sources within them, before the loop looks at the world again. At a microsecond or
/// some each, new events and timers wait a fraction of a millisecond, and looking costs a hundredth of the work.
const WORK_PER_TURN: u32 = 256;

/// What it takes to look at one task, and twenty times that: so of a long turn's time a twentieth at most goes to this.
const LOOK_NANOS: u64 = 20 * 20;

/// How many timers fire before the tasks they wake run. A million at once should not hold up everything else.
const TIMERS_PER_TURN: usize = 1024;
