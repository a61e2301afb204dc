//! A world without a system, so that nothing in a scenario is left to chance: streams in memory, a clock that moves by
//! the same step in each turn of the loop, and a way to know that everybody has done what can be done.
//!
//! ```text
//!   scenario ── dial, send ──►┌───────┐◄── park ── reactor ── tasks that are counted
//!            ◄──── quiet ─────│ World │
//!                             └───────┘
//! ```
//!
//! What is counted is the production code down to the driver; the driver's own instructions, which are few, stand in
//! for those of the system's. It makes no system call. Where the system's are to be counted, the world is the system on a
//! `slow` clock.

mod wire;
pub(crate) mod slow;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use ekiden::driver::{
    Driver, Event, Job, ListenOptions, LookupDone, Overloaded, Park, Readiness, TcpListener, TcpStream,
    Token, Unpark,
};
use ekiden::{Config, Instant, Reactor};

pub(crate) use wire::Stream;
use wire::{Backlog, Listener, ready};

/// Runs a scenario in a world of its own.
pub(crate) fn run(scenario: impl AsyncFnOnce(World)) {
    let world = World::default();
    Reactor::with_driver(Config::default(), world.clone()).run(scenario(world));
}

/// The world, and the hand that turns it.
#[derive(Clone, Default)]
pub(crate) struct World(Rc<State>);

#[derive(Default)]
struct State {
    nanos: Cell<u64>,
    /// What became ready since the loop last asked.
    events: Events,
    /// The events that are being told; kept for its memory.
    told: RefCell<Vec<(Token, Readiness)>>,
    /// Connections that the one listener has not accepted yet.
    backlog: Backlog,
    /// The scenario waits until nothing is to be done.
    waits: RefCell<Option<Waker>>,
}

type Events = Arc<Mutex<Vec<(Token, Readiness)>>>;

impl World {
    /// A connection to the listener, by hand: no task of the reactor has this end.
    pub(crate) fn dial(&self) -> Stream {
        let (here, there) = wire::pair(&self.0.events);
        self.0.backlog.offer(there, &self.0.events);
        here
    }

    /// Waits until nobody can do anything before the scenario does something.
    pub(crate) async fn quiet(&self) {
        let mut is_asked = false;
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

    fn tell_events(&self, happened: &mut dyn FnMut(Event)) -> bool {
        let mut told = self.0.told.borrow_mut();
        std::mem::swap(&mut *told, &mut *self.0.events.lock().expect("one thread"));
        let any = !told.is_empty();
        told.drain(..).for_each(|(token, readiness)| happened(Event::Ready(token, readiness)));
        any
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

    fn park(&self, park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        self.0.nanos.update(|nanos| nanos + NANOS_PER_TURN);
        let is_idle = park.until.is_none_or(|until| until > self.now());
        if self.tell_events(happened) || !is_idle {
            return Ok(());
        }
        let waker = self.0.waits.borrow_mut().take();
        match (waker, park.until) {
            (Some(waker), _) => waker.wake(),
            // Everybody sleeps, so time passes at once.
            (None, Some(until)) => self.0.nanos.set(until.as_nanos()),
            (None, None) => return Err(io::Error::other("nobody can ever do anything again")),
        }
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Nobody)
    }

    fn tcp_listen(&self, _: SocketAddr, _: &ListenOptions, token: Token) -> io::Result<TcpListener> {
        self.0.backlog.set_listener(token);
        Ok(TcpListener::Other(Box::new(Listener(self.0.backlog.clone()))))
    }

    fn tcp_connect(&self, _: SocketAddr, token: Token) -> io::Result<TcpStream> {
        let mut stream = self.dial();
        stream.set_reader(token);
        ready(&self.0.events, token);
        Ok(TcpStream::Other(Box::new(stream)))
    }

    fn lookup(&self, _: String, _: u16, done: LookupDone) {
        done(Err(io::ErrorKind::Unsupported.into()));
    }

    fn blocking(&self, _: Job) -> Result<(), Overloaded> {
        Err(Overloaded)
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

/// A tenth of a millisecond, about what a busy loop takes for a turn: timers and dates grow old as they do in life.
const NANOS_PER_TURN: u64 = 100_000;
