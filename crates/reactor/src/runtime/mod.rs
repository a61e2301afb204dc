//! The cores of a program: one reactor on each, and how they have tasks run on one another.
//!
//! ```text
//!   core 0                        core 1                       core 2
//!   reactor ── spawn_on(1) ─────► reactor                      (nobody asked for it yet)
//!      main     a maker, in a        tasks made there,
//!               letter               which need not be Send
//! ```
//!
//! A [`Runtime`] says how many; `run` runs the main future on core 0, the thread that calls. The other cores begin when
//! somebody first asks for them, so that a small program has one thread for its tasks, and the watchdog's beside it. How a
//! core begins is the driver's to say ([`Driver::start_core`]): a thread, or a place in a world made up for a test. This
//! module starts no thread itself.
//!
//! In reading order: [`CoreId`] names a core, `cores` is what they all share, `seat` is what a driver is given to begin
//! one, `file_limit` what is arranged before.

mod core_id;
mod cores;
mod seat;
mod file_limit;

use std::fmt;
use std::future::Future;
use std::num::NonZero;
use std::panic::Location;
use std::sync::Arc;

use crate::config::Config;
use crate::core;
use crate::driver::Driver;
use crate::driver::os::{Os, threads};
use crate::handle::RemoteHandle;
use crate::reactor::Reactor;
use crate::turns;

pub use core_id::{CoreId, CoreIds, cores};
pub(crate) use cores::Membership;
pub use file_limit::FileLimit;
pub use seat::{CoreSeat, NewCore};

/// How a program uses the cores of its machine.
///
/// [`run`](crate::run) is `Runtime::default().run`. Whoever wants other numbers says so here:
///
/// ```
/// use ekiden_reactor::{Runtime, cores, on_every_core};
/// use std::num::NonZero;
///
/// let mut runtime = Runtime::default();
/// runtime.threads = NonZero::new(2);
/// runtime.run(async {
///     assert_eq!(cores().len(), 2);
///     for greeting in on_every_core(|| async { "hello" }) {
///         assert_eq!(greeting.await.unwrap(), "hello");
///     }
/// });
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Runtime {
    /// How many reactors there may be, each on a thread of its own. `None`, the default, is as many as the driver has
    /// cores: on the system all that this process may use, in a world made up for a test what that was given.
    ///
    /// They begin when they are first used, so a number too high costs nothing.
    pub threads: Option<NonZero<usize>>,
    /// Makes the configuration of each core, on that core. The default configuration by default.
    ///
    /// It is a function so that what a core is given need not be `Send`, such as its hook for notices.
    pub config: Arc<dyn Fn(CoreId) -> Config + Send + Sync>,
    /// What becomes of the limit of open files when the first runtime of the process [runs](Self::run).
    ///
    /// By default it is raised as far as the process may, and the operator is told if that changed something: every
    /// connection takes a file, and a server should not find out at its thousandth that the system lets a process begin
    /// with a low limit. The low one is for the sake of programs that use `select`. Child processes inherit the raised
    /// one, so whoever starts such programs keeps the limit as it is: here, or by `EKIDEN_NOFILE=keep` in the environment.
    ///
    /// ```
    /// use ekiden_reactor::{FileLimit, Runtime};
    ///
    /// let mut runtime = Runtime::default();
    /// runtime.file_limit = FileLimit::Keep;
    /// # runtime.run(async {});
    /// ```
    pub file_limit: FileLimit,
    /// Whether each core's thread stays on a processor of its own, of those that the process may use; [`run`](Self::run) does
    /// that. Off: the kernel knows better which processor is free, unless the machine is the program's alone. Where the
    /// system does not do it, the operator is told. Threads for what blocks are not held so.
    ///
    /// ```
    /// let mut runtime = ekiden_reactor::Runtime::default();
    /// runtime.pin_threads = true;
    /// # runtime.run(async {});
    /// ```
    pub pin_threads: bool,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            threads: None,
            config: Arc::new(|_core| Config::default()),
            file_limit: FileLimit::default(),
            pin_threads: false,
        }
    }
}

impl Runtime {
    /// Runs a future on core 0, which is this thread, on the system's driver, until it is ready.
    ///
    /// Then all cores end: each drops the tasks that are left on it, on its own thread, and the threads are joined. So a
    /// task that blocks its thread holds up the end too. If the shutdown had begun, the operator is told of what was
    /// dropped.
    ///
    /// # Panics
    ///
    /// If the system gives no selector or takes it away, on any core, or if the future panics; and within a turn of a reactor
    /// that is driven from outside ([`Turns`](crate::Turns)).
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> F::Output {
        // Before anything is asked of the system.
        turns::assert_may_wait();
        let reactor = match Os::new() {
            Ok(os) => self.first_reactor(os, self.pin_threads),
            Err(error) => panic!("the system gives no selector to wait for events: {error}"),
        };
        let _pinned = self.pin_threads.then(|| reactor.within(|| threads::pin(CoreId::FIRST)));
        reactor.within(|| self.file_limit.arrange());
        reactor.run(main)
    }

    /// The reactor of core 0, in the world that a driver makes; dropping it ends the other cores too.
    ///
    /// ```
    /// use ekiden_reactor::driver::hand::Hand;
    /// use ekiden_reactor::{CoreId, Instant, Runtime, sleep_until, spawn_on};
    /// use std::num::NonZero;
    /// use std::time::Duration;
    ///
    /// let (hand, clock) = Hand::new()?;
    /// let mut runtime = Runtime::default();
    /// runtime.threads = NonZero::new(2);
    /// runtime.reactor(hand).run(async {
    ///     // Their clocks are one.
    ///     let in_an_hour = Instant::now() + Duration::from_secs(3600);
    ///     let over_there = spawn_on(CoreId::new(1), move || sleep_until(in_an_hour));
    ///     clock.advance(Duration::from_secs(3600));
    ///     over_there.await.unwrap();
    /// });
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    ///
    /// If there are more than 65,535 threads.
    #[must_use]
    pub fn reactor(&self, driver: impl Driver) -> Reactor {
        self.first_reactor(driver, false)
    }

    fn first_reactor(&self, driver: impl Driver, are_pinned: bool) -> Reactor {
        let threads = self.threads.map_or_else(|| driver.cores(), NonZero::get);
        Reactor::first_of(threads, self.config.clone(), are_pinned, driver)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("threads", &self.threads)
            .field("file_limit", &self.file_limit)
            .field("pin_threads", &self.pin_threads)
            .finish_non_exhaustive()
    }
}

/// Spawns a task on a core of this runtime, which begins if it has not yet.
///
/// What travels is the maker of the future, not the future: that need not be `Send`, and lives and dies on its core. It
/// runs with that core's next turn, also if it is this one.
///
/// Dropping the returned handle detaches the task. If the core ends first, or cannot begin, the handle says that the task
/// was aborted; why a core cannot begin is the operator's to know.
///
/// ```
/// use ekiden_reactor::{CoreId, cores, run, spawn_on};
/// use std::rc::Rc;
///
/// run(async {
///     let last = cores().last().unwrap();
///     let there = spawn_on(last, || async {
///         let local = Rc::new(CoreId::current());
///         *local
///     });
///     assert_eq!(there.await.unwrap(), last);
/// });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread, or if its runtime has no such core.
#[track_caller]
pub fn spawn_on<M, F>(core: CoreId, make: M) -> RemoteHandle<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let place = Location::caller();
    match core::current().runtime.handle_of(core) {
        Some(handle) => handle.spawn_from(make, place),
        None => RemoteHandle::aborted(place),
    }
}

/// Spawns a task on every core of this runtime, this one included; all of them begin.
///
/// The handles are in the order of the cores. Each is as that of [`spawn_on`].
///
/// ```
/// use ekiden_reactor::{CoreId, cores, on_every_core, run};
///
/// run(async {
///     let tasks = on_every_core(|| async { CoreId::current() });
///     for (core, task) in cores().zip(tasks) {
///         assert_eq!(task.await.unwrap(), core);
///     }
/// });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn on_every_core<M, F>(make: M) -> Vec<RemoteHandle<F::Output>>
where
    M: Fn() -> F + Send + Sync + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let (place, make, here) = (Location::caller(), Arc::new(make), core::current());
    let spawn = |core| match here.runtime.handle_of(core) {
        Some(handle) => {
            let make = make.clone();
            handle.spawn_from(move || make(), place)
        }
        None => RemoteHandle::aborted(place),
    };
    cores().map(spawn).collect()
}
