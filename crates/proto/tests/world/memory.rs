//! A world without a system, for tests that play many connections: a clock that moves when told, and a way to know that
//! everybody has done what can be done. Its connections are pipes.
//!
//! ```text
//!   test ── send, pass ──►┌───────┐◄── park ── reactor ── tasks under test
//!        ◄──── quiet ─────│ World │
//!                         └───────┘
//! ```
//!
//! It makes no system call, so that ten thousand connections take a second, and nothing in it is left to chance: what
//! failed once fails again. Whoever spins instead of waiting is found out by [`World::quiet`], which fails.
//!
//! It knows no crate under test and no protocol; tests and fuzz targets of several crates take it by its path.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use ekiden_reactor::driver::{
    Driver, Event, Job, ListenOptions, LookupDone, Overloaded, Park, TcpListener, TcpStream, Token, Unpark,
};
use ekiden_reactor::{Config, Instant, Reactor};

/// Runs a test in a world of its own. What the tasks in it have to tell an operator is dropped.
pub(crate) fn run<T>(test: impl AsyncFnOnce(World) -> T) -> T {
    let world = World::default();
    let mut config = Config::default();
    config.on_notice = Rc::new(|_| {});
    Reactor::with_driver(config, world.clone()).run(test(world))
}

/// The world, and the hand that turns it.
#[derive(Clone, Default)]
pub(crate) struct World(Rc<State>);

#[derive(Default)]
struct State {
    nanos: Cell<u64>,
    /// The next moment that a timer waits for, as of the last time that nothing was to be done.
    deadline: Cell<Option<Instant>>,
    /// How many turns the loop has made since something was last changed from outside.
    turns: Cell<u32>,
    /// The test waits until nothing is to be done.
    waits: RefCell<Option<Waker>>,
}

/// A connection that yields goes on in the next turn, and half a megabyte that comes byte by byte makes it yield some
/// thirty thousand times. No test gives more work than this.
const TURNS_MAX: u32 = 100_000;

impl World {
    /// Waits until nobody can do anything before time passes or the test does something.
    ///
    /// # Panics
    ///
    /// If that does not come about: somebody is woken again and again.
    pub(crate) async fn quiet(&self) {
        let mut is_asked = false;
        self.0.turns.set(0);
        poll_fn(|cx| {
            let mut waits = self.0.waits.borrow_mut();
            if is_asked && waits.is_none() {
                return Poll::Ready(());
            }
            is_asked = true;
            *waits = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Lets time pass, and whatever follows from it.
    pub(crate) async fn pass(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.0.nanos.set(self.0.nanos.get().saturating_add(nanos));
        self.quiet().await;
    }

    /// Lets time pass up to the next moment that somebody waits for. `false` if nobody waits for any.
    pub(crate) async fn pass_to_deadline(&self) -> bool {
        let Some(deadline) = self.0.deadline.get() else { return false };
        self.pass(deadline.duration_since(self.now())).await;
        true
    }
}

impl Driver for World {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.nanos.get())
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.0.nanos.get())
    }

    fn entropy(&self, buf: &mut [u8]) -> io::Result<()> {
        buf.fill(4); // chosen by fair dice roll
        Ok(())
    }

    fn park(&self, park: Park, _happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        let turns = self.0.turns.get() + 1;
        self.0.turns.set(turns);
        if turns > TURNS_MAX {
            return Err(io::Error::other("somebody spins: the world does not come to rest"));
        }
        // There are tasks to run, or timers to fire.
        if park.until.is_some_and(|until| until <= self.now()) {
            return Ok(());
        }
        self.0.deadline.set(park.until);
        let waker = self.0.waits.borrow_mut().take();
        match waker {
            Some(waker) => waker.wake(),
            None => return Err(io::Error::other("the test waits for something else than quiet")),
        }
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Nobody)
    }

    fn tcp_listen(&self, _: SocketAddr, _: &ListenOptions, _: Token) -> io::Result<TcpListener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tcp_connect(&self, _: SocketAddr, _: Token) -> io::Result<TcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn lookup(&self, _: String, _: u16, done: LookupDone) {
        done(Err(io::ErrorKind::Unsupported.into()));
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        job();
        Ok(())
    }

    fn watch_signals(&self) -> io::Result<()> {
        Ok(())
    }
}

/// There is one thread, and it does not sleep.
struct Nobody;

impl Unpark for Nobody {
    fn unpark(&self) {}
}
