//! The counters of each core, read while it runs.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::driver::os;
use crate::handle::Handle;
use crate::inbox::Inbox;
use crate::presence::Life;
use crate::pulse::{self, Beat, PoolGauge};
use crate::task::Origin;
use crate::time::Instant;

/// The counters of every reactor of this process that has not ended, in the order in which they were made.
///
/// From any thread, with or without a reactor. No core is stopped or waited for: it publishes its counters while it
/// runs, and they are read one after the other.
///
/// ```
/// use ekiden_reactor::{inspect, run, yield_now};
///
/// run(async {
///     yield_now().await;
///     let stats = &inspect::stats()[0];
///     assert!(stats.turns >= 2 && stats.polls >= 2);
/// });
/// ```
#[must_use]
pub fn stats() -> Vec<CoreStats> {
    pulse::reactors().iter().map(|reactor| CoreStats::of(reactor)).collect()
}

impl Handle {
    /// The reactor's counters, read from any thread without stopping it; see [`stats`].
    #[must_use]
    pub fn stats(&self) -> CoreStats {
        CoreStats::of(&self.inbox)
    }
}

/// What a core has done, and has.
///
/// ```
/// use ekiden_reactor::{blocking, inspect, run};
///
/// run(async {
///     let files = blocking(|| std::fs::read_dir("/").map(Iterator::count));
///     // From wherever metrics are read, such as another thread.
///     for core in inspect::stats() {
///         println!("{} tasks, {} connections on reactor {}", core.tasks, core.connections, core.reactor);
///         println!("{} ready, {} letters of other cores unread", core.ready, core.letters);
///         println!("{} jobs at work, {} wait", core.blocking.busy, core.blocking.waiting);
///     }
///     assert!(files.await.unwrap().is_ok());
/// });
/// ```
///
/// What goes up only is exact as of the moment of reading, the turn that goes on included. The times are so on the system's
/// driver; elsewhere they are added up when a turn ends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CoreStats {
    /// Which reactor it is, numbered from one in this process.
    pub reactor: u64,
    /// What it is about.
    pub state: CoreState,
    /// When the turn began in which it is, or was last, by its driver's clock. On the system's driver that is the same
    /// clock for every core.
    pub turn_began: Instant,
    /// The task whose poll goes on; `None` between two polls.
    pub running: Option<Spawned>,
    /// Turns of the loop.
    pub turns: u64,
    /// Polls of tasks.
    pub polls: u64,
    /// What the driver has told: a source became ready, a signal came.
    pub events: u64,
    /// How often the thread has slept and woken.
    pub wakeups: u64,
    /// Timers that have fired.
    pub timers_fired: u64,
    /// Panics of tasks that nobody received.
    pub panics: u64,
    /// How many polls have held the core for longer than [`Config::held_max`](crate::Config::held_max).
    pub held: u64,
    /// For how long the worst of them did, as far as the watchdog has seen.
    pub held_worst: Duration,
    /// Time spent on turns: all of it but what is `idle`.
    pub busy: Duration,
    /// Time spent on looking around before a sleep, and on sleep.
    pub idle: Duration,
    /// Tasks that were ready when this turn began; none while the core sleeps.
    pub ready: u64,
    /// Tasks that had not ended when the last turn did.
    pub tasks: u64,
    /// Timers that were set when the last turn ended.
    pub timers: u64,
    /// Sockets and other sources that are registered.
    pub sources: u64,
    /// TCP connections and Unix streams that there are.
    pub connections: u64,
    /// How often other threads have said something to this core since it last read what they say: tasks to wake, tasks to make, connections that
    /// another core accepted for it. It reads them all once a turn, so many of them are those of a core that is held.
    pub letters: u64,
    /// The threads of [`blocking`](fn@crate::blocking) and of files. All cores of a runtime share them, so each of them
    /// shows the same.
    pub blocking: PoolStats,
    /// The threads that look up names; shared in the same way.
    pub lookups: PoolStats,
}

/// What a pool of threads has to do, as of the moment of reading. Nothing on a driver that is not the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Jobs that wait for a thread. At 1,024 of them the next is refused.
    pub waiting: u64,
    /// Threads that do a job: at most 64 for what blocks, and 32 for look-ups.
    pub busy: u64,
}

/// What a core is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoreState {
    /// Nobody runs the reactor.
    Out,
    /// It is in a turn.
    Running,
    /// Its thread sleeps until something happens, or is about to.
    Parked,
}

/// Who a task is: its name, if it has one, and where it was spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spawned {
    /// The name. The future that a reactor was asked to run is `main`.
    pub name: Option<&'static str>,
    /// Where it was spawned.
    pub at: &'static Location<'static>,
}

impl CoreStats {
    pub(super) fn of(reactor: &Inbox) -> Self {
        let (mut beat, counters) = (reactor.beat(), &reactor.pulse.counters);
        let mut times = Times::of(reactor, &beat);
        // A turn may end between two of these looks, and then its time would count twice.
        for _ in 0..LOOKS_MAX {
            let again = reactor.beat();
            if again.turns == beat.turns {
                break;
            }
            (beat, times) = (again, Times::of(reactor, &again));
        }
        Self {
            reactor: reactor.reactor.number(),
            state: beat.life.into(),
            turn_began: beat.turn_began,
            running: beat.poll_of.origin().map(Spawned::from),
            turns: counters.turns.get(),
            polls: beat.polls,
            events: counters.events.get(),
            wakeups: counters.wakeups.get(),
            timers_fired: counters.timers_fired.get(),
            panics: counters.panics.get(),
            held: reactor.watched.held.get(),
            held_worst: Duration::from_nanos(reactor.watched.worst_nanos.get()),
            busy: Duration::from_nanos(times.busy),
            idle: Duration::from_nanos(times.idle),
            ready: counters.ready.get(),
            tasks: counters.tasks.get(),
            timers: counters.timers.get(),
            sources: counters.sources.get(),
            connections: counters.connections.get(),
            letters: reactor.unread.get(),
            blocking: reactor.pools.get().map_or_else(PoolStats::default, |pools| (&*pools.blocking).into()),
            lookups: reactor.pools.get().map_or_else(PoolStats::default, |pools| (&*pools.lookups).into()),
        }
    }

    /// Which part of its time the core was busy, from 0 to 1, between an earlier reading and this one; `None` if no
    /// time has gone by, which on a driver that is not the system's may be said of a turn that has not ended.
    ///
    /// ```
    /// use ekiden_reactor::{Handle, run, sleep};
    /// use std::time::Duration;
    ///
    /// run(async {
    ///     let (core, before) = (Handle::current(), Handle::current().stats());
    ///     sleep(Duration::from_millis(10)).await;
    ///     let share = core.stats().busy_share_since(&before).unwrap();
    ///     println!("{:.0} % busy", 100.0 * share);
    /// #   assert!((0.0..=1.0).contains(&share));
    /// });
    /// ```
    #[must_use]
    pub fn busy_share_since(&self, earlier: &Self) -> Option<f64> {
        let (busy, idle) = (self.busy.saturating_sub(earlier.busy), self.idle.saturating_sub(earlier.idle));
        let all = (busy + idle).as_secs_f64();
        (all > 0.0).then(|| busy.as_secs_f64() / all)
    }
}

/// How long a core has worked and rested, in nanoseconds.
struct Times {
    busy: u64,
    idle: u64,
}

impl Times {
    /// With the turn that goes on, if it is known what time it is.
    fn of(reactor: &Inbox, beat: &Beat) -> Self {
        let pulse = &reactor.pulse;
        let (busy, idle) = (pulse.counters.busy_nanos.get(), pulse.counters.idle_nanos.get());
        if !reactor.time_passes() || beat.life == Life::Out {
            return Self { busy, idle };
        }
        let (began, now) = (beat.turn_began.as_nanos(), os::now().as_nanos());
        let rests_since = if beat.life == Life::Parked { pulse.rest_began.get().max(began) } else { now };
        Self { busy: busy + rests_since.saturating_sub(began), idle: idle + now.saturating_sub(rests_since) }
    }
}

/// A core with short turns may end one during each look; then the last one has to do.
const LOOKS_MAX: usize = 8;

impl From<&PoolGauge> for PoolStats {
    fn from(pool: &PoolGauge) -> Self {
        Self { waiting: pool.waiting.get(), busy: pool.busy.get() }
    }
}

impl From<Life> for CoreState {
    fn from(life: Life) -> Self {
        match life {
            Life::Out => Self::Out,
            Life::Running => Self::Running,
            Life::Parked => Self::Parked,
        }
    }
}

impl From<Origin> for Spawned {
    fn from(origin: Origin) -> Self {
        Self { name: origin.name, at: origin.place }
    }
}

impl Spawned {
    /// `clerk, src/office.rs:7`
    pub(super) fn brief(self) -> impl fmt::Display {
        struct Brief(Spawned);
        impl fmt::Display for Brief {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Spawned { name, at } = self.0;
                name.map_or(Ok(()), |name| write!(f, "{name}, "))?;
                write!(f, "{}:{}", at.file(), at.line())
            }
        }
        Brief(self)
    }
}

/// `clerk, spawned at src/office.rs:7:9`
impl fmt::Display for Spawned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Origin { name: self.name, place: self.at }.fmt(f)
    }
}
