//! Faults that come by a schedule: one that a test writes, or one that a profile draws from the seed.
//!
//! ```text
//!   a test:  builder or script ─────────────────► Faults ──► the world's queue ──► then: a method of Sim
//!                                                   ▲
//!   the seed: profile ──► incidents ────────────────┘
//!                             └─► when the run fails: fewer of them, by the same seed
//! ```
//!
//! Here is the schedule and what a world does with it. In reading order: `fault` is one of them, `script` a schedule as text,
//! `undone` says what undoes one, `profile` draws a schedule, and `shrink` makes what fails smaller.

mod fault;
mod script;
mod undone;
mod profile;
mod shrink;

use std::fmt;
use std::time::Duration;

pub use fault::Fault;
pub use profile::Profile;
pub use script::ScriptError;
pub(crate) use shrink::shrink;

use crate::chance::Chance;
use crate::config::to_nanos;
use crate::failure::Failure;
use crate::journal::HostId;
use crate::program::MAIN;
use crate::sim::Sim;
use crate::world::Happening;

/// A schedule of faults, in the order of their times; of two at the same time the one that was added first is first.
///
/// It is made by hand, or of a text, which is what its `Display` writes:
///
/// ```
/// use ekiden_sim::{Fault, Faults};
/// use std::time::Duration;
///
/// let by_hand = Faults::new()
///     .at(Duration::from_secs(3), Fault::partition("main", "server"))
///     .at(Duration::from_millis(3500), Fault::heal("main", "server"));
/// let by_text = Faults::script(
///     "at 3 s partition main | server
///      at 3.5 s heal main | server",
/// );
/// assert_eq!(by_hand, by_text);
/// assert_eq!(by_hand.to_string(), "at 3 s partition main | server\nat 3.5 s heal main | server");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(Duration, Fault)>);

impl Faults {
    /// A schedule without faults.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The schedule, and a fault at that time, counted from the beginning of the world.
    #[must_use]
    pub fn at(mut self, time: Duration, fault: Fault) -> Self {
        let place = self.0.partition_point(|(before, _)| *before <= time);
        self.0.insert(place, (time, fault));
        self
    }

    /// A schedule of a text: a line for each fault, or several in one line with semicolons between them.
    ///
    /// ```text
    /// at 3 s partition a | b                      neither hears the other
    /// at 3.25 s partition a > b                   what a sends is not heard by b
    /// at 4 s heal a | b
    /// at 4 s flap a | b whole 1 s to 2 s cut 100 ms to 500 ms
    /// at 4 s reset a | b
    /// at 4 s reset a > b after 1000 B             of what a sends
    /// at 5 s latency a | b 20 ms to 200 ms        one way, drawn anew each time
    /// at 5 s long latency a | b one in 10 5 to 50 times
    /// at 5 s loss a | b one in 20
    /// at 5 s bandwidth a | b 20000 B/s
    /// at 6 s loss a | b as usual                  as the configuration has it, or bandwidth
    /// at 6 s crash a
    /// at 7 s restart a
    /// at 8 s pause a
    /// at 9 s resume a
    /// at 9 s slow down a 10 times
    /// at 9 s skew a ahead 60 s                    or behind
    /// at 9 s drift a -100 ppm
    /// at 10 s signal a Terminate
    /// at 11 s lookups fail a                      or work
    /// at 11 s lookups a 1 s to 5 s
    /// ```
    ///
    /// Times are in `s`, `ms`, `us` or `ns`. A host whose name has spaces in it can be named by hand only.
    ///
    /// # Panics
    ///
    /// If it is no such text, or a fault in it cannot be, such as a bandwidth of 0 B/s. To be told of that in another way, `parse` it.
    #[must_use]
    #[track_caller]
    pub fn script(text: &str) -> Self {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The faults and their times.
    pub fn iter(&self) -> impl Iterator<Item = &(Duration, Fault)> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Several schedules in one.
    pub(crate) fn merged(all: &[Self]) -> Self {
        let entries = all.iter().flat_map(Self::iter).cloned();
        entries.fold(Self::new(), |merged, (time, fault)| merged.at(time, fault))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (time, fault)) in self.iter().enumerate() {
            let before = if at == 0 { "" } else { "\n" };
            write!(f, "{before}at {} {fault}", script::Time(*time))?;
        }
        Ok(())
    }
}

/// What a world has to do with schedules.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Everything that was scheduled; the world's queue has their places.
    scheduled: Vec<(Duration, Fault)>,
    spared: Vec<HostId>,
    /// What was drawn, each incident with what undoes it.
    pub(crate) drawn: Option<Vec<Faults>>,
    /// What is taken in place of what would be drawn.
    pub(crate) instead: Option<Vec<Faults>>,
}

/// # Schedules of faults
impl Sim {
    /// Lets faults happen at their times. What lies in the past happens next.
    ///
    /// It takes nothing of the seed: but for what the faults do, the run is the same with them or without.
    ///
    /// ```
    /// use ekiden_reactor::{sleep, timeout};
    /// use ekiden_reactor::net::TcpStream;
    /// use ekiden_sim::{Faults, Sim};
    /// use std::time::Duration;
    ///
    /// let sim = Sim::new(7);
    /// sim.host("server", async || std::future::pending::<()>().await);
    /// sim.faults(Faults::script("at 3 s partition main | server; at 4 s heal main | server"));
    /// sim.run(async |sim| {
    ///     // Nobody listens there, which a host that hears it says at once.
    ///     assert!(TcpStream::connect("server:80").await.is_err() && sim.now() < Duration::from_secs(1));
    ///     sleep(Duration::from_secs(3)).await;
    ///     let tried = timeout(Duration::from_millis(500), TcpStream::connect("server:80")).await;
    ///     assert!(tried.is_err());
    ///     sleep(Duration::from_secs(1)).await;
    ///     assert!(TcpStream::connect("server:80").await.is_err() && sim.now() < Duration::from_secs(5));
    /// });
    /// ```
    ///
    /// A run in which one names a host that there is not, by its time, has failed.
    pub fn faults(&self, faults: Faults) {
        let (mut plan, mut world) = (self.0.plan.borrow_mut(), self.0.world.lock());
        for (time, fault) in faults.0 {
            let (at, number) = (to_nanos(time), plan.scheduled.len());
            // Before whatever else happens then, with no number drawn for it.
            world.queue.push(at, 0, Happening::Fault { number });
            plan.scheduled.push((time, fault));
        }
    }

    /// Draws a schedule of faults from the seed for all hosts that there are, lets it happen, and returns it.
    ///
    /// They come between now and the end of `span`, by which everything is whole again: links hear and are as fast as they
    /// were and lose no more, names are found, clocks stand and go as they did, programs run that have ended, and go on that
    /// were paused or slow. So what is promised to come in the end can be asked for
    /// after it. (What TCP has lost it sends again ever later, so it may come as long after a link is healed as it was
    /// cut.) `main` is never ended, paused or slowed down, and its clocks are left alone, as the scenario is on it; nor is
    /// who is [spared](Self::spare) ended or paused. Their links and look-ups are as good as others.
    ///
    /// The numbers are not those that the world draws of, so that the schedule given by [`faults`](Self::faults) is the same
    /// run. [`check`](crate::check()) makes use of that when a run fails: it looks for a part of the schedule that suffices, and
    /// tells of that, in the words of a [script](Faults::script).
    ///
    /// ```
    /// use ekiden_reactor::sleep;
    /// use ekiden_sim::Profile;
    /// use std::time::Duration;
    ///
    /// ekiden_sim::check(|sim| {
    ///     sim.host("server", async || std::future::pending::<()>().await);
    ///     sim.draw_faults(Profile::Hostile, Duration::from_secs(10));
    ///     sim.run(async |sim| {
    ///         sleep(Duration::from_secs(10)).await;
    ///         assert!(sim.is_up("server"));
    ///     });
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If this world has drawn one before, or there is no host but `main`.
    #[track_caller]
    pub fn draw_faults(&self, profile: Profile, span: Duration) -> Faults {
        let instead = {
            let mut plan = self.0.plan.borrow_mut();
            assert!(plan.drawn.is_none(), "this world has drawn its faults already");
            plan.instead.take()
        };
        let drawn = instead.unwrap_or_else(|| self.drawn(profile, span));
        let faults = Faults::merged(&drawn);
        self.0.plan.borrow_mut().drawn = Some(drawn);
        self.faults(faults.clone());
        faults
    }

    /// A host's program is never ended or paused by what is drawn from now on: for one that may forget what it was told.
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[track_caller]
    pub fn spare(&self, host: &str) {
        let id = self.id(host);
        self.0.plan.borrow_mut().spared.push(id);
    }

    fn drawn(&self, profile: Profile, span: Duration) -> Vec<Faults> {
        let now = self.now();
        let world = self.0.world.lock();
        let mut hosts: Vec<String> = world.hosts.iter().map(|host| host.name.clone()).collect();
        if !hosts.iter().any(|host| host == MAIN) {
            hosts.push(MAIN.to_owned());
        }
        assert!(
            hosts.len() > 1,
            "there is no host yet that could have faults: they are drawn after hosts are added"
        );
        let spared = &self.0.plan.borrow().spared;
        let is_program = |at: &usize| hosts[*at] != MAIN && !spared.contains(&HostId(*at as u32));
        let programs: Vec<usize> = (0..hosts.len()).filter(is_program).collect();
        let undone = |fault: &Fault| fault.undone_by(&world);
        profile.draw(
            &mut Chance::new(self.0.seed ^ STREAM),
            &hosts,
            &programs,
            now..now.saturating_add(span),
            undone,
        )
    }

    /// It is time for a fault of the schedule.
    pub(crate) fn strike(&self, number: usize) -> Result<(), Failure> {
        let (time, fault) = self.0.plan.borrow().scheduled[number].clone();
        match fault.hosts().into_iter().find(|host| self.find(host).is_none()) {
            Some(host) => Err(self.fail(&format!(
                "there is no host `{host}`, of which the schedule says: at {} {fault}",
                script::Time(time)
            ))),
            None => {
                fault.strike(self);
                Ok(())
            }
        }
    }

    /// Everything that was scheduled.
    pub(crate) fn scheduled(&self) -> Faults {
        Faults::merged(&[Faults(self.0.plan.borrow().scheduled.clone())])
    }
}

/// Makes a stream of numbers of its own out of a seed. Any number that no seed is likely to differ by.
const STREAM: u64 = 0x6661_756c_7473_2121;
