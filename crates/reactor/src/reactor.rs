//! The reactor and its loop: run what is ready, hear what others ask, wait for the world, fire the timers.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::config::Config;
use crate::context::{self, Context};
use crate::core::{Core, ReactorId};
use crate::driver::os::Os;
use crate::driver::{Driver, Event, Park, Readiness, Signal, Token};
use crate::events;
use crate::handle::Handle;
use crate::inbox::{Inbox, Maker};
use crate::pulse;
use crate::runtime::{CoreId, Membership, Runtime};
use crate::task::{JoinError, budget};
use crate::time::Instant;
use crate::timing::Turn;
use crate::turns::{self, Turns};
use crate::waiters::wake_each;
use crate::watchdog::{self, DumpsOnQuit};

/// Runs a future on this thread, on the system's driver, until it is ready.
///
/// This is the way into a program: a [`Runtime`] with its defaults, which has a core for each that the machine has. The
/// others begin when they are asked for, by [`spawn_on`](crate::spawn_on) and those that use it. Tasks that are left at the
/// end are dropped. [`Reactor`] is for those who need a handle or a driver of their own.
///
/// What is opened in one `run` (sockets, timers) is no good in the next: to wait for it there is an error, or panics. A `run`
/// within another is a world of its own, and while it runs the outer one stands still. Within a reactor that is driven [from
/// outside](Turns), such as a simulated host's, there is none.
///
/// # Panics
///
/// If the system gives no selector or takes it away, or if the future panics; and within a turn of a reactor that is driven from
/// outside.
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
    /// the runtime; and within a turn of a reactor that is driven from outside ([`Turns`]).
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> F::Output {
        turns::assert_may_wait();
        let core = &*self.core;
        let _entered = self.core.enter();
        let _running = Running::begin(&self.core);
        let mut nothing = Context::none();
        let _begins_with = context::swap_in(&mut nothing);
        let mut main = pin!(main);
        core.tasks.begin_main(Location::caller());
        loop {
            if let Poll::Ready(output) = core.work(main.as_mut(), || {}) {
                return output;
            }
            core.look_out(Patience::Wait);
        }
    }

    /// Begins to run a future in turns that the caller asks for, so that one thread can run many reactors: see [`Turns`].
    #[track_caller]
    pub fn start<F: Future>(self, main: F) -> Turns<F> {
        self.start_from(main, Location::caller())
    }

    /// The same, for whoever starts it in another's name: `place` is where the future is said to come from.
    pub fn start_from<F: Future>(self, main: F, place: &'static Location<'static>) -> Turns<F> {
        Turns::new(self, main, place)
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.core
    }
}

/// What the loop does when there is nothing to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It waits for the world.
    Wait,
    /// It goes on at once: somebody else waits.
    Look,
}

impl Core {
    /// The first half of a turn: runs what is ready, within bounds, and hears what other threads ask. `before_each` may
    /// change which task is the next.
    #[inline(always)]
    pub(crate) fn work<F: Future>(
        &self,
        mut main: Pin<&mut F>,
        mut before_each: impl FnMut(),
    ) -> Poll<F::Output> {
        let ready = self.tasks.begin_turn();
        self.inbox.pulse.counters.ready.set(ready as u64);
        let mut work = 0;
        while work < WORK_PER_TURN {
            before_each();
            let Some(task) = self.tasks.next_ready() else { break };
            if !task.is_main() {
                self.tasks.run(self, task);
            } else if let Poll::Ready(output) = self.tasks.poll_main(self, &task, |cx| main.as_mut().poll(cx))
            {
                return Poll::Ready(output);
            }
            work += 1 + budget::spent();
        }
        self.read_letters();
        Poll::Pending
    }

    /// The second half: asks the world what has happened, waiting for that if there is nothing to do, and fires the timers.
    #[inline(always)]
    pub(crate) fn look_out(&self, patience: Patience) {
        self.park(patience);
        self.fire_timers();
    }

    /// Does what other threads asked for.
    #[inline]
    fn read_letters(&self) {
        if self.inbox.has_letters() {
            self.read_all_letters();
        }
    }

    #[cold]
    fn read_all_letters(&self) {
        let Some(letters) = self.inbox.take() else { return };
        if let Some(fault) = letters.fault {
            resume_unwind(fault);
        }
        for task in letters.wakes {
            self.tasks.wake(&task);
        }
        for source in letters.ready {
            self.handle_ready(source, Readiness::new(true, false));
        }
        for Maker { make, place } in letters.makers {
            // A panic of the user's function is its handle's to tell; what is left is that of whoever hears of it.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(make)) {
                JoinError::panicked(payload).report(Maker::origin(place));
            }
        }
    }

    /// Waits until something happens; only looks when there are tasks to run, or somebody else waits.
    #[inline]
    fn park(&self, patience: Patience) {
        self.publish();
        self.has_begun.set(false);
        let looks = patience == Patience::Look || self.tasks.has_ready();
        let parked = if looks { self.ask(Park::look()).map(|()| None) } else { self.rest() };
        match parked {
            Ok(_) if self.has_begun.get() => {}
            Ok(Some(now)) => self.end_turn_at(now),
            Ok(None) | Err(_) => self.end_turn(),
        }
        self.announce_running();
        if let Err(error) = parked {
            cannot_wait(&error);
        }
    }

    /// Asks the driver what has happened: the only place, so that all of what follows from it is one function.
    #[inline]
    fn ask(&self, park: Park) -> io::Result<()> {
        self.driver.park(park, &mut |event| self.hear(event))
    }

    /// There is nothing to do: looks for a moment, if that has paid of late, and sleeps. The time is what the clock has just
    /// shown, if the turn is to begin with that.
    #[inline]
    fn rest(&self) -> io::Result<Option<Instant>> {
        match self.spin()? {
            Spun::HasCome => Ok(None),
            Spun::IsDue(now) => Ok(Some(now)),
            Spun::InVain(now) => self.sleep(now).map(|()| None),
        }
    }

    /// Drops all tasks, seen by the watchdog as when they run: whoever holds the end of a program is to be found, too.
    fn end_tasks(&self) {
        self.begin_turn(self.driver.now());
        self.inbox.announce_run();
        self.wake_watchdog();
        self.tasks.clear();
        self.inbox.announce_out();
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
    #[inline]
    pub(crate) fn publish(&self) {
        let counters = &self.inbox.pulse.counters;
        counters.tasks.set(self.tasks.len() as u64);
        counters.timers.set(self.timers.borrow().len() as u64);
    }

    /// The turn is over, rest included. This reading of the clock ends it and begins the next, and is the only one of a turn
    /// in which the core has something to do.
    #[inline]
    fn end_turn(&self) {
        self.end_turn_at(self.driver.now());
    }

    #[inline]
    fn end_turn_at(&self, now: Instant) {
        let rest_began = self.rest_began.take().unwrap_or(now);
        let pulse = &self.inbox.pulse;
        let worked = rest_began.as_nanos().saturating_sub(self.turn_began.get().as_nanos());
        pulse.counters.busy_nanos.add(worked);
        pulse.counters.idle_nanos.add(now.as_nanos().saturating_sub(rest_began.as_nanos()));
        if self.timing.is_on() {
            self.end_last_timed(rest_began);
        }
        let polls = pulse.polls.get();
        let turn = self.timing.end_turn(worked, polls - self.polls_before.replace(polls));
        if let Turn::Long { nanos, polls } = turn {
            self.look_who_ran(nanos, polls);
        }
        self.begin_turn(now);
    }

    /// The last poll of a turn whose polls are timed ended when the rest began.
    #[inline(never)]
    fn end_last_timed(&self, rest_began: Instant) {
        self.tasks.handle_turn_ended(self, rest_began.as_nanos());
    }

    /// A long turn's time goes to those who may have run in it. Where there are very many tasks, to look for them would take as
    /// long again; then it is said to be lost.
    #[cold]
    fn look_who_ran(&self, nanos: u64, polls: u64) {
        if self.tasks.looks() as u64 > nanos / LOOK_NANOS {
            return self.timing.lose(nanos);
        }
        self.tasks.handle_long_turn(self.turn_began.get().as_nanos(), nanos, polls);
    }

    #[inline]
    fn begin_turn(&self, now: Instant) {
        self.timing.begin_turn(now.as_nanos());
        self.turn_began.set(now);
        self.inbox.pulse.begin_turn(now);
    }

    #[inline]
    fn wake_watchdog(&self) {
        if self.is_watched {
            watchdog::wake();
        }
    }

    /// Sleeps until something happens or is due; `now` is what the clock has just shown, if it was read.
    #[inline(never)]
    fn sleep(&self, now: Option<Instant>) -> io::Result<()> {
        // A second reading of the turn, besides that of its end, since time goes by in between: it is what tells work from
        // rest, and a driver that waits for a timer needs it. To sleep takes a hundred times as long.
        let now = now.unwrap_or_else(|| self.driver.now());
        let rest_began = self.rest_began.get().unwrap_or(now);
        self.rest_began.set(Some(rest_began));
        self.inbox.pulse.rest_began.set(rest_began.as_nanos());
        self.inbox.pulse.counters.ready.set(0);
        let park =
            if self.inbox.announce_park() { Park::until(self.next_deadline()).at(now) } else { Park::look() };
        let parked = self.ask(park);
        self.inbox.pulse.counters.wakeups.add(1);
        parked
    }

    /// Looks again and again for a moment, if that has paid of late.
    #[inline]
    fn spin(&self) -> io::Result<Spun> {
        let mut spin = self.spin.get();
        let time = spin.next(self.turn_began.get());
        self.spin.set(spin);
        let Some(time) = time else { return Ok(Spun::InVain(None)) };
        let spun = self.look_for(time)?;
        let mut spin = self.spin.get();
        if let Spun::InVain(_) = spun {
            spin.handle_miss();
        } else {
            spin.handle_hit();
        }
        self.spin.set(spin);
        Ok(spun)
    }

    #[inline]
    fn look_for(&self, time: Duration) -> io::Result<Spun> {
        // The first look is free of the clock: on a busy core it finds something.
        if self.look()? { Ok(Spun::HasCome) } else { self.look_again(time) }
    }

    #[inline]
    fn look(&self) -> io::Result<bool> {
        self.ask(Park::look())?;
        Ok(self.has_begun.get() || self.inbox.has_letters())
    }

    /// Nothing has come yet. Here the clock is read at each look, as that is what ends it.
    #[inline(never)]
    fn look_again(&self, time: Duration) -> io::Result<Spun> {
        let mut now = self.driver.now();
        self.rest_began.set(Some(now));
        let until = now + time;
        loop {
            if now >= until {
                return Ok(Spun::InVain(Some(now)));
            }
            if self.next_deadline().is_some_and(|due| now >= due) {
                return Ok(Spun::IsDue(now));
            }
            if self.look()? {
                return Ok(Spun::HasCome);
            }
            now = self.driver.now();
        }
    }

    /// Something has come. The first thing that does begins the next turn, so that whoever is woken by it was woken
    /// then, and not when the core went to sleep. Wakers, reflexes and hooks run in here, so the core is said to run.
    #[inline]
    fn hear(&self, event: Event) {
        if !self.has_begun.replace(true) {
            self.end_turn();
            self.announce_running();
        }
        self.inbox.pulse.counters.events.add(1);
        match event {
            Event::Ready(token, readiness) => self.handle_ready(token, readiness),
            Event::Signal(signal) => self.hear_signal(signal),
        }
    }

    /// Out of the way of what comes a million times as often.
    #[cold]
    fn hear_signal(&self, signal: Signal) {
        self.handle_signal(signal);
    }

    /// A source became ready, if it is still there.
    #[inline]
    pub(crate) fn handle_ready(&self, source: Token, readiness: Readiness) {
        if let Some(interest) = self.source(source) {
            interest.handle_ready(readiness);
        }
    }

    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.borrow().next_deadline().map(Instant::from_nanos)
    }

    /// Wakes whoever waits for a moment that has come.
    #[inline]
    fn fire_timers(&self) {
        if self.next_deadline().is_some_and(|due| due <= self.turn_began.get()) {
            self.fire_due_timers();
        }
    }

    #[inline(never)]
    fn fire_due_timers(&self) {
        let mut due = self.due.take();
        self.timers
            .borrow_mut()
            .advance(self.turn_began.get().as_nanos(), TIMERS_PER_TURN, |waker| due.push(waker));
        self.inbox.pulse.counters.timers_fired.add(due.len() as u64);
        // Only now, as a waker may do anything, such as dropping another timer.
        wake_each(due.drain(..));
        self.due.set(due);
    }
}

/// What came of a spin.
enum Spun {
    /// There is reason for another turn.
    HasCome,
    /// So is there, as a timer is due: by this reading of the clock.
    IsDue(Instant),
    /// Nothing has come; with the last reading of the clock, if it was read.
    InVain(Option<Instant>),
}

#[cold]
fn cannot_wait(error: &io::Error) -> ! {
    panic!("the driver cannot wait for events any more: {error}");
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let _entered = self.core.enter();
        let others = if self.core.runtime.is_first() { self.core.runtime.end_others() } else { Vec::new() };
        let mut nothing = Context::none();
        let _ends_with = context::swap_in(&mut nothing);
        // Tasks first: what they own belongs to this reactor, and may speak to it while it is dropped.
        self.core.inbox.close().forget();
        if self.core.shutdown.has_begun() {
            self.core.tasks.report_left();
        }
        self.core.end_tasks();
        self.core.tasks.unread.tell_left();
        self.core.has_ended.set(true);
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
pub(crate) struct Running {
    core: Rc<Core>,
    _dumps: Option<DumpsOnQuit>,
}

impl Running {
    pub(crate) fn begin(core: &Rc<Core>) -> Self {
        assert!(
            !core.running.replace(true),
            "this reactor is running already, so a task of it cannot run it"
        );
        core.begin_turn(core.driver.now());
        core.inbox.announce_run();
        core.wake_watchdog();
        let running =
            Self { core: core.clone(), _dumps: if core.dumps_on_quit { DumpsOnQuit::new() } else { None } };
        // Only now: whoever is told may panic, and then it runs no more.
        events::debug("core", format_args!("{} runs", core.runtime.id));
        running
    }
}

impl Drop for Running {
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
