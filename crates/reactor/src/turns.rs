//! A reactor that is driven from outside, turn by turn: whoever has many of them on one thread says which is next.
//!
//! It is the loop of [`Reactor::run`], cut where that would wait: a turn asks the world first, since time went by, and then
//! runs what is ready. The waiting is the caller's, who knows of all his reactors what each waits for.
//!
//! ```text
//!                   ┌─ turn ──────────────────────────────┐
//!   caller ────────►│ ask the driver · fire timers · work │────► done / ready / idle until then
//!      ▲            └─────────────────────────────────────┘               │
//!      └───────────────────────────────────────────────────────────────────
//! ```
//!
//! What waited within a turn would hold up the caller and all whom he drives, so no reactor is run there.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::Poll;

use crate::context::{self, Context};
use crate::driver::Job;
use crate::inspect::Spawned;
use crate::reactor::{Patience, Reactor, Running};
use crate::task::table::Lists;
use crate::time::Instant;

/// A reactor and the future that it runs, in turns that the caller asks for; made by [`Reactor::start`].
///
/// For a world of many reactors on one thread. Within a turn the reactor is the current one, before and after it is not. No
/// turn waits, whatever the driver, and to [run](Reactor::run) another reactor within one is a panic: it would wait.
///
/// ```
/// use ekiden_reactor::{Config, Instant, Reactor, Turned, driver::hand::Hand, sleep};
/// use std::time::Duration;
///
/// let hour = Duration::from_secs(3600);
/// let (hand, clock) = Hand::new()?;
/// let main = async move {
///     sleep(hour).await;
///     "an hour has passed"
/// };
/// let mut turns = Reactor::with_driver(Config::default(), hand).start(main);
/// assert_eq!(turns.turn(|_ready| 0), Turned::Idle(Some(Instant::ORIGIN + hour)));
/// clock.advance(hour);
/// assert_eq!(turns.turn(|_ready| 0), Turned::Done("an hour has passed"));
/// # std::io::Result::Ok(())
/// ```
///
/// When it is dropped, so are the future and then the reactor, with all its tasks.
pub struct Turns<F: Future> {
    /// `None` when it is over.
    main: Option<Pin<Box<F>>>,
    /// `None` only while it is dropped.
    running: Option<Running>,
    reactor: Reactor,
}

/// The tasks that are ready, for whoever chooses the next; see [`Turns::turn`].
pub struct Ready<'a>(pub(crate) &'a Lists);

impl Ready<'_> {
    /// How many there are: one at least.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.ready()
    }

    /// The number of the task at that place, which is that of [`TaskInfo::id`](crate::inspect::TaskInfo::id), its name and
    /// where it was spawned.
    ///
    /// # Panics
    ///
    /// If there is no such place.
    #[must_use]
    pub fn task(&self, index: usize) -> (u32, Spawned) {
        let (number, origin) = self.0.ready_at(index);
        (number, origin.known().into())
    }
}

impl fmt::Debug for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it says when the next turn is due"]
pub enum Turned<T> {
    /// The future is ready. Its reactor takes no more turns.
    Done(T),
    /// There is more to do at once.
    Ready,
    /// There is nothing to do until then, or, without an instant, until something happens: of which the driver knows, or
    /// which somebody else wakes ([`Unpark`](crate::driver::Unpark)).
    Idle(Option<Instant>),
}

impl<F: Future> Turns<F> {
    pub(crate) fn new(reactor: Reactor, main: F, place: &'static Location<'static>) -> Self {
        let running = reactor.within(|| Running::begin(reactor.core()));
        reactor.core().tasks.begin_main(place);
        Self { main: Some(Box::pin(main)), running: Some(running), reactor }
    }

    /// Takes a turn: hears what has happened, fires the timers that are due, and runs what is ready, some hundred polls at
    /// most.
    ///
    /// Which task is next is for `choose` to say, before each poll: it is given those that are ready, one at least, and
    /// returns the place of one. Zero is the one that is ready for longest, which is the order of [`Reactor::run`]; any
    /// other is as legal, as a task may rely on none. One that has yielded may be among them; it is put off to the next turn,
    /// and another is asked for. It must wake none of them.
    ///
    /// # Panics
    ///
    /// If the future panics or is over, if the driver fails for good, or if `choose` returns too much.
    pub fn turn(&mut self, mut choose: impl FnMut(&Ready<'_>) -> usize) -> Turned<F::Output> {
        let core = self.reactor.core();
        let (_entered, _driven) = (core.enter(), Driven::begin());
        let mut nothing = Context::none();
        let _begins_with = context::swap_in(&mut nothing);
        let main = self.main.as_mut().expect("a future that is over takes no more turns");
        core.look_out(Patience::Look);
        let polled = core.work(main.as_mut(), || core.tasks.bring_forward(&mut choose));
        if let Poll::Ready(output) = polled {
            self.main = None;
            // There is no park in which its last counts would be told.
            core.publish();
            return Turned::Done(output);
        }
        // Who leaves a letter from now on wakes the driver; what has been left is for the next turn.
        if core.tasks.has_ready() || !core.inbox.announce_park() {
            return Turned::Ready;
        }
        // Whatever time goes by before the next turn is rest.
        core.rest_began.set(Some(core.driver.now()));
        Turned::Idle(core.next_deadline())
    }

    /// Wakes a task, or the future, though nothing has happened: all must stand that, and seldom have to.
    ///
    /// `index` says which; beyond the last task it is the future.
    pub fn wake_spuriously(&self, index: usize) {
        self.reactor.core().tasks.wake_spuriously(index);
    }

    /// Panics of tasks that nobody has received, as they are in handles that nobody has asked: of each, in the order in which
    /// they came, who it was and what it said. Whoever waited for one has had its turn when this one has ended
    /// [idle](Turned::Idle); on another core it may be about to be woken.
    ///
    /// ```
    /// use ekiden_reactor::{Config, Reactor, Turned, spawn};
    ///
    /// let mut turns = Reactor::new(Config::default())?.start(async {
    ///     let _never_asked = spawn(async { panic!("no seats left") });
    ///     std::future::pending::<()>().await;
    /// });
    /// assert_eq!(turns.turn(|_ready| 0), Turned::Idle(None));
    /// assert!(turns.unread_panics()[0].ends_with("panicked: no seats left"));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn unread_panics(&self) -> Vec<String> {
        self.reactor.core().tasks.unread.list()
    }

    /// Does something for which the reactor is to be the current one, such as to list its tasks.
    ///
    /// ```
    /// use ekiden_reactor::{Config, Reactor, Turned, inspect};
    ///
    /// let mut turns = Reactor::new(Config::default())?.start(std::future::pending::<()>());
    /// assert_eq!(turns.turn(|_ready| 0), Turned::Idle(None));
    /// assert_eq!(turns.within(inspect::tasks).len(), 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.reactor.within(f)
    }
}

impl<F: Future> Drop for Turns<F> {
    /// In the order in which `run` ends: the future, which belongs to this reactor, then all that is left of it.
    fn drop(&mut self) {
        let (_entered, _driven) = (self.reactor.core().enter(), Driven::begin());
        let mut nothing = Context::none();
        let _ends_with = context::swap_in(&mut nothing);
        self.main = None;
        self.running = None;
    }
}

/// Runs a job here and now, for whoever has reactors take [turns](Turns) and has no other thread for what blocks.
///
/// To run a reactor in it is a panic, as it is in a turn: it would wait, and nobody would drive the others.
///
/// ```
/// use ekiden_reactor::{driver, run};
///
/// let job = || assert!(std::panic::catch_unwind(|| run(async {})).is_err());
/// driver::run_in_line(Box::new(job));
/// ```
pub fn run_in_line(job: Job) {
    let _driven = Driven::begin();
    job();
}

/// For who is about to wait for the world: on a thread on which somebody drives reactors he may not.
#[track_caller]
pub(crate) fn assert_may_wait() {
    assert!(
        !IS_DRIVEN.get(),
        "a reactor cannot be run (`run`, `Runtime::run`, `Reactor::run`) within a turn of another that is driven from \
         outside, as in a simulated world: it would wait for the system, and the world for it. Await the future, or \
         spawn it"
    );
}

/// Within a turn, or what else is done on behalf of those that are driven, until this is dropped.
struct Driven {
    was_driven: bool,
}

impl Driven {
    fn begin() -> Self {
        Self { was_driven: IS_DRIVEN.replace(true) }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        IS_DRIVEN.set(self.was_driven);
    }
}

thread_local! {
    static IS_DRIVEN: Cell<bool> = const { Cell::new(false) };
}

impl<F: Future> fmt::Debug for Turns<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("is_over", &self.main.is_none()).finish_non_exhaustive()
    }
}
