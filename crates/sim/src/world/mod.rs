//! The world: the clock, the network and what the hosts' machines know, as plain data. It runs no program.
//!
//! ```text
//!   programs ── drivers ──► World ──► next: a host's turn, or something outside, at that time
//!                             │
//!            queue of what will happen, hosts, links, connections, chance, journal
//! ```
//!
//! Drivers tell it what programs do; the loop of the [`Sim`](crate::Sim) asks it what is next, and by that time passes. In
//! reading order: `queue` is what will happen, `host` what a machine knows, `seat` what each of its cores, `clock` what it
//! shows, `jobs` what is done for its program elsewhere, `signals` what it is told by its operator, `links` who hears whom, `traffic` how long that
//! takes, `packets` what goes that way, `ports` who has which, `tcp` the connections, `udp` the datagrams, `unix` what stays
//! within a host, `errno` the numbers of their errors.

mod queue;
mod host;
mod seat;
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
use ekiden_reactor::driver::{Event as News, Job, LookupDone, Readiness, Token};

use crate::chance::Chance;
use crate::clocks::DRIFT_PPM_MAX;
use crate::config::{Config, nanos, to_nanos};
use crate::journal::{Event, HostId, Journal, What};
use crate::trace::Trace;

pub(crate) use host::Host;
pub(crate) use links::Links;
pub(crate) use queue::{Happening, Queue};
pub(crate) use seat::Seat;
pub(crate) use traffic::Long;

use tcp::Connections;

/// All of it, but for the programs.
pub(crate) struct World {
    pub(crate) config: Config,
    /// Nanoseconds since the world began.
    pub(crate) now: u64,
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

    /// Whose turn is next, and when. Of two at once the one that was drawn to be first is.
    fn next_turn(&self) -> Option<(u64, Seat)> {
        self.turns.first().map(|(at, _, seat)| (*at, *seat))
    }

    /// When a core takes its next turn, with a drawn number, if its host runs then.
    fn schedule(&mut self, seat: Seat, due: Option<(u64, u64)>) {
        let host = &mut self.hosts[seat.host.index()];
        if let Some((at, tie)) = std::mem::replace(&mut host.core(seat.core).due, due) {
            self.turns.remove(&(at, tie, seat));
        }
        if let Some((at, tie)) = due.filter(|_| host.runs()) {
            self.turns.insert((at, tie, seat));
        }
    }

    /// A core has reason for a turn, as soon as it can.
    pub(crate) fn wake(&mut self, seat: Seat) {
        let at = self.now;
        self.wake_at(seat, at);
    }

    fn wake_at(&mut self, seat: Seat, at: u64) {
        let tie = self.chance.next();
        let core = self.host(seat.host).core(seat.core);
        let at = at.max(core.busy_until);
        if core.due.is_none_or(|(due, _)| at < due) {
            self.schedule(seat, Some((at, tie)));
        }
    }

    /// A core has had a turn: it was busy for a moment, and has to do again at once, or then, or not. How many turns it has
    /// taken without a rest.
    pub(crate) fn end_turn(&mut self, seat: Seat, again: Again) -> u32 {
        let cost = self.chance.within(nanos(&self.config.turn));
        let now = self.now;
        let host = self.host(seat.host);
        let slowness = host.slowness;
        let core = host.core(seat.core);
        core.busy_until = now.saturating_add(cost.saturating_mul(slowness));
        core.turns_busy = if let Again::At(_) = again { 0 } else { core.turns_busy + 1 };
        let (turns_busy, has_news) = (core.turns_busy, !core.news.is_empty());
        let number = u64::from(seat.host.0) | u64::from(seat.core) << u32::BITS;
        self.note(seat.host, number, || format!("ends its turn on core {}: {again:?}", seat.core));
        match again {
            Again::AtOnce => self.wake(seat),
            Again::At(_) if has_news => self.wake(seat),
            Again::At(Some(at)) => {
                let at = self.host(seat.host).clock.when_it_shows(at);
                self.wake_at(seat, at);
            }
            Again::At(None) => {}
        }
        turns_busy
    }

    /// A core of a host is to be told something.
    fn news(&mut self, seat: Seat, news: News) {
        if self.host(seat.host).is_up {
            self.host(seat.host).core(seat.core).news.push(news);
            self.wake(seat);
        }
    }

    /// The core on which a socket is registered is to hear that it is ready for something.
    pub(crate) fn tell_ready(&mut self, host: HostId, token: Option<Token>, readiness: Readiness) {
        if let Some(token) = token {
            let (seat, token) = Seat::local(host, token);
            self.news(seat, News::Ready(token, readiness));
        }
    }

    /// A token of the core whose turn it is, as the world keeps it. If it is nobody's the socket is opened by what is dropped at
    /// the end of a program: nothing is heard on it, whatever its token.
    pub(crate) fn token_here(&self, token: Token) -> Token {
        self.running.map_or(token, |seat| seat.global(token))
    }

    /// A program lets a socket go, and is not to hear of it any more: the next that it opens may be told under the same token.
    pub(crate) fn silence(&mut self, id: HostId, token: Option<Token>) {
        let Some((seat, token)) = token.map(|token| Seat::local(id, token)) else { return };
        let is_of = |news: &News| matches!(news, News::Ready(of, _) if *of == token);
        self.host(id).core(seat.core).news.retain(|news| !is_of(news));
    }

    /// What a core is to hear, in any order.
    pub(crate) fn take_news(&mut self, seat: Seat) -> Vec<News> {
        let mut news = std::mem::take(&mut self.host(seat.host).core(seat.core).news);
        self.chance.shuffle(&mut news);
        self.note(seat.host, news.len() as u64, || format!("hears: {news:?}"));
        news
    }

    /// The program of a host begins.
    pub(crate) fn begin(&mut self, id: HostId) {
        self.host(id).begin();
        self.tell(id, What::Starts);
        self.wake(Seat::first_of(id));
    }

    /// The program of a host has ended, by itself; what it had open it has closed.
    pub(crate) fn end(&mut self, id: HostId) {
        self.tell(id, What::Ends);
        self.each_core(id, |world, seat| world.schedule(seat, None));
        self.host(id).end();
        self.forget_sockets(id);
        self.forget_udp_sockets(id);
        self.forget_unix_sockets(id);
        self.forget_jobs(id);
    }

    /// The program of a host ends at once: what it had open is reset.
    pub(crate) fn crash(&mut self, id: HostId) {
        self.tell(id, What::Crashes);
        self.each_core(id, |world, seat| world.schedule(seat, None));
        self.host(id).end();
        self.forget_sockets(id);
        self.forget_udp_sockets(id);
        self.forget_unix_sockets(id);
        self.forget_jobs(id);
    }

    /// A program takes no turns, or takes them again.
    pub(crate) fn set_paused(&mut self, id: HostId, is_paused: bool) {
        // What has ended cannot be held; what has not begun can.
        if is_paused && self.host(id).has_ended() {
            return;
        }
        self.tell(id, if is_paused { What::Pauses } else { What::Resumes });
        self.host(id).is_paused = is_paused;
        self.each_core(id, |world, seat| {
            let due = world.host(id).core(seat.core).due;
            world.schedule(seat, due);
        });
        if !is_paused {
            self.release(id);
        }
    }

    /// What a host does takes from now on so many times as long.
    pub(crate) fn set_slowness(&mut self, id: HostId, times: u32) {
        self.tell(id, What::IsSlow(times));
        self.host(id).slowness = times.into();
    }

    /// The wall clock of a host is from now on so many nanoseconds ahead of the world's.
    pub(crate) fn set_skew(&mut self, id: HostId, ahead: i64) {
        self.tell(id, What::SetsClock(ahead));
        let now = self.now;
        self.host(id).clock.set_ahead(now, ahead);
    }

    /// The clocks of a host are from now on so many millionths faster than the world's.
    pub(crate) fn set_drift(&mut self, id: HostId, ppm: i32) {
        self.tell(id, What::Drifts(ppm));
        let now = self.now;
        self.host(id).clock.set_drift(now, ppm);
        if self.host(id).is_up {
            // When its timers are due is another time of the world's now.
            self.each_core(id, Self::wake);
        }
    }

    /// Sets the clocks of a new host as the configuration says.
    pub(crate) fn draw_clock(&mut self, id: HostId) {
        let skew_max = to_nanos(self.config.skew_max);
        if skew_max > 0 {
            let (drawn, is_behind) = (self.chance.within((0, skew_max)), self.chance.one_in(2));
            let drawn = i64::try_from(drawn).unwrap_or(i64::MAX);
            self.set_skew(id, if is_behind { -drawn } else { drawn });
        }
        let ppm_max = self.config.drift_ppm_max.min(DRIFT_PPM_MAX);
        if ppm_max > 0 {
            let (drawn, is_slow) = (self.chance.within((0, ppm_max.into())) as i32, self.chance.one_in(2));
            self.set_drift(id, if is_slow { -drawn } else { drawn });
        }
    }

    fn each_core(&mut self, host: HostId, does: impl Fn(&mut Self, Seat)) {
        (0..self.host(host).cores()).for_each(|core| does(self, Seat { host, core }));
    }
}

/// When a core takes its next turn, by its host's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Again {
    AtOnce,
    At(Option<u64>),
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
