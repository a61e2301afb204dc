//! The world: the clock, the network and what the hosts' machines know, as plain data. It runs no program.
//!
//! ```text
//!   programs ── drivers ──► World ──► next: a host's turn, or something outside, at that time
//!                             │
//!            queue of what will happen, hosts, links, connections, chance, journal
//! ```
//!
//! Drivers tell it what programs do; the loop of the [`Sim`](crate::Sim) asks it what is next, and by that time passes. In
//! reading order: `queue` is what will happen, `host` what a machine knows, `seat` what each of its cores, `turns` when those
//! run and what they hear, `lives` how programs begin, pause and end, `clock` what a machine shows, `jobs` what is done for its
//! program elsewhere, `signals` what it is told by its operator, `links` who hears whom, `traffic` how long that takes and what
//! gets lost, `packets` what goes that way, `ports` who has which, `tcp` the connections, `udp` the datagrams, `unix` what stays
//! within a host, `errno` the numbers of their errors.

mod queue;
mod host;
mod seat;
mod turns;
mod lives;
mod clock;
mod jobs;
mod signals;
mod links;
mod traffic;
mod packets;
pub(crate) mod errno;
mod ports;
pub(crate) mod tcp;
pub(crate) mod udp;
pub(crate) mod unix;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use ekiden_reactor::NewCore;
use ekiden_reactor::driver::{Job, LookupDone};

use crate::chance::Chance;
use crate::config::{Config, to_nanos};
use crate::journal::{Event, HostId, Journal, What};
use crate::trace::Trace;

pub(crate) use host::Host;
pub(crate) use links::Links;
pub(crate) use queue::{Happening, Queue};
pub(crate) use seat::Seat;
pub(crate) use traffic::Long;
pub(crate) use turns::Again;

use tcp::Connections;

/// All of it, but for the programs.
pub(crate) struct World {
    pub(crate) config: Config,
    /// Nanoseconds since the world began.
    pub(crate) now: u64,
    /// How many turns it has given, and how many things have happened besides.
    steps: u64,
    pub(crate) chance: Chance,
    pub(crate) journal: Journal,
    pub(crate) queue: Queue,
    pub(crate) hosts: Vec<Host>,
    /// The next turns of the cores of hosts that run: when, a drawn number for those at the same time, whose.
    turns: BTreeSet<(u64, u64, Seat)>,
    /// Whose turn it is.
    pub(crate) running: Option<Seat>,
    /// Cores that programs asked for in this turn.
    pub(crate) new_cores: Vec<(Seat, NewCore)>,
    pub(crate) links: Links,
    traffic: traffic::Traffic,
    ports: ports::Ports,
    pub(crate) tcp: Connections,
    pub(crate) udp: udp::Sockets,
    unix: unix::Sockets,
    jobs: jobs::Jobs,
    /// What programs told their operators, the last few.
    pub(crate) notices: Vec<String>,
}

/// What is next.
pub(crate) enum Next {
    /// A core takes a turn.
    Turn(Seat),
    /// A job or an answer, to be run where nothing of the world is held.
    Outside(Outside),
    /// Nothing, for ever.
    Never,
    /// Something, but too late.
    TooLate,
    /// Something, but it has taken too many steps to get here.
    TooMuch,
}

/// What runs code that is not the world's.
pub(crate) enum Outside {
    Lookup(LookupDone, std::io::Result<Vec<std::net::SocketAddr>>),
    Job(Job),
    Fault(usize),
    /// Only to be dropped: its host's program is gone.
    Dropped(#[expect(dead_code, reason = "that is all that is done with it")] Box<dyn std::any::Any + Send>),
}

impl World {
    pub(crate) fn new(seed: u64, config: Config) -> Self {
        Self {
            config,
            now: 0,
            steps: 0,
            chance: Chance::new(seed),
            journal: Journal::default(),
            queue: Queue::default(),
            hosts: Vec::new(),
            turns: BTreeSet::new(),
            running: None,
            new_cores: Vec::new(),
            links: Links::default(),
            traffic: traffic::Traffic::default(),
            ports: ports::Ports::default(),
            tcp: Connections::default(),
            udp: udp::Sockets::default(),
            unix: unix::Sockets::default(),
            jobs: jobs::Jobs::default(),
            notices: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, host: HostId, what: What) {
        self.trace_drawn();
        self.journal.tell(Event { nanos: self.now, host, what });
    }

    /// Takes note of something small, by a number; a trace has words for it.
    pub(crate) fn note(&mut self, host: HostId, number: u64, what: impl FnOnce() -> String) {
        self.journal.mix(number);
        if self.journal.is_traced() {
            self.trace_drawn();
            self.journal.trace(self.now, host, format_args!("{}", what()));
        }
    }

    /// A trace has what was drawn since its last line.
    pub(crate) fn trace_drawn(&mut self) {
        if self.journal.is_traced() {
            let drawn: Vec<String> = self.chance.drawn().iter().map(ToString::to_string).collect();
            if !drawn.is_empty() {
                self.journal.trace(self.now, NOBODY, format_args!("drawn: {}", drawn.join(", ")));
            }
        }
    }

    /// Everything is written to a file from now on.
    pub(crate) fn trace_to(&mut self, trace: Trace) {
        self.journal.trace_to(trace);
        self.chance.remember();
    }

    pub(crate) fn host(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.index()]
    }

    /// Time passes until something is to be done outside of the world.
    pub(crate) fn next(&mut self) -> Next {
        loop {
            let turn = self.next_turn();
            let happening = self.queue.next_time();
            let at = match (turn, happening) {
                (Some((at, _)), Some(happens)) => at.min(happens),
                (Some((at, _)), None) => at,
                (None, Some(happens)) => happens,
                (None, None) => return Next::Never,
            };
            if at > to_nanos(self.config.time_max) {
                return Next::TooLate;
            }
            if self.steps >= self.config.steps_max {
                return Next::TooMuch;
            }
            self.steps += 1;
            self.now = self.now.max(at);
            if let Some((due, seat)) = turn
                && happening.is_none_or(|happens| due < happens)
            {
                self.schedule(seat, None);
                return Next::Turn(seat);
            }
            if let Some(happening) = self.queue.pop()
                && let Some(outside) = self.happen(happening)
            {
                return Next::Outside(outside);
            }
        }
    }

    fn happen(&mut self, happening: Happening) -> Option<Outside> {
        match happening {
            Happening::Arrives(packet) => self.handle_packet(packet),
            Happening::Timeout { end } => self.handle_timeout(end),
            Happening::Probe { end, number } => self.handle_probe(end, number),
            Happening::Flaps { between, number } => self.handle_flap(between, number),
            Happening::Fault { number } => return Some(Outside::Fault(number)),
            Happening::Answer { host, .. } => return self.handle_lookup(host, happening),
            Happening::Job { host, life, job } => return self.handle_job(host, life, job),
        }
        None
    }
}

/// What is of no host.
const NOBODY: HostId = HostId(u32::MAX);

/// The world as its drivers and sockets share it. They are `Send`, as drivers' sockets have to be, so it is behind a lock;
/// but there is one thread, so who finds it taken is within it, which is a mistake of ours.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        match self.0.try_lock() {
            Ok(world) => world,
            // A panic of a program's is not one of the world's.
            Err(TryLockError::Poisoned(world)) => world.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("the world is used from within, or from another thread"),
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}
