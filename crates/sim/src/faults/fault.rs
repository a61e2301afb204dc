//! One fault: what it does to the world, and its words in a script.
//!
//! A fault is a method of [`Sim`], as data.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use ekiden_reactor::Signal;

use super::script::{Time, Times};
use crate::clocks::{DRIFT_PPM_MAX, Skew};
use crate::links::{FLAPS_TOO_FAST, flaps_too_fast};
use crate::program::MAIN;
use crate::sim::Sim;

/// Something that a schedule does to the world: what the methods of [`Sim`] of the same names do at once.
///
/// Its `Display` is how a [script](super::Faults::script) says it.
///
/// ```
/// use ekiden_sim::Fault;
///
/// assert_eq!(Fault::partition("main", "server").to_string(), "partition main | server");
/// assert_eq!(Fault::partition_one_way("main", "server").to_string(), "partition main > server");
/// assert_eq!(Fault::pause("server").to_string(), "pause server");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub(super) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Partition(String, String),
    PartitionOneWay(String, String),
    Heal(String, String),
    Reset(String, String),
    ResetAfter(String, String, usize),
    Flap(String, String, RangeInclusive<Duration>, RangeInclusive<Duration>),
    Latency(String, String, RangeInclusive<Duration>),
    LongLatency(String, String, u32, RangeInclusive<u32>),
    Loss(String, String, u32),
    UsualLoss(String, String),
    Bandwidth(String, String, u64),
    UsualBandwidth(String, String),
    Crash(String),
    Restart(String),
    Pause(String),
    Resume(String),
    SlowDown(String, u32),
    Skew(String, Skew),
    Drift(String, i32),
    Signal(String, Signal),
    FailLookups(String),
    MendLookups(String),
    Lookups(String, RangeInclusive<Duration>),
}

/// # Links
impl Fault {
    /// Two hosts do not hear each other any more: [`Sim::partition`].
    #[must_use]
    pub fn partition(a: &str, b: &str) -> Self {
        Self(Kind::Partition(a.to_owned(), b.to_owned()))
    }

    /// What one sends is not heard by the other any more: [`Sim::partition_one_way`].
    #[must_use]
    pub fn partition_one_way(from: &str, to: &str) -> Self {
        Self(Kind::PartitionOneWay(from.to_owned(), to.to_owned()))
    }

    /// Two hosts hear each other again: [`Sim::heal`].
    #[must_use]
    pub fn heal(a: &str, b: &str) -> Self {
        Self(Kind::Heal(a.to_owned(), b.to_owned()))
    }

    /// All connections between two hosts are reset: [`Sim::reset`].
    #[must_use]
    pub fn reset(a: &str, b: &str) -> Self {
        Self(Kind::Reset(a.to_owned(), b.to_owned()))
    }

    /// The same once so many bytes more have arrived of what one sends to the other: [`Sim::reset_after`].
    #[must_use]
    pub fn reset_after(from: &str, to: &str, bytes: usize) -> Self {
        Self(Kind::ResetAfter(from.to_owned(), to.to_owned(), bytes))
    }

    /// Two hosts hear each other for a time, then do not for a time, and so on: [`Sim::flap`].
    ///
    /// # Panics
    ///
    /// If a range ends before it begins, or no time would pass.
    #[must_use]
    #[track_caller]
    pub fn flap(a: &str, b: &str, whole: RangeInclusive<Duration>, cut: RangeInclusive<Duration>) -> Self {
        Self::made(Kind::Flap(a.to_owned(), b.to_owned(), whole, cut))
    }

    /// How long what is sent between two hosts takes, one way: [`Sim::latency`].
    ///
    /// # Panics
    ///
    /// If the range ends before it begins.
    #[must_use]
    #[track_caller]
    pub fn latency(a: &str, b: &str, latency: RangeInclusive<Duration>) -> Self {
        Self::made(Kind::Latency(a.to_owned(), b.to_owned(), latency))
    }

    /// Once in so many times it takes so many times as long: [`Sim::long_latency`].
    ///
    /// # Panics
    ///
    /// If the range ends before it begins.
    #[must_use]
    #[track_caller]
    pub fn long_latency(a: &str, b: &str, one_in: u32, times: RangeInclusive<u32>) -> Self {
        Self::made(Kind::LongLatency(a.to_owned(), b.to_owned(), one_in, times))
    }

    /// Once in so many times what is sent between two hosts is lost: [`Sim::loss`].
    #[must_use]
    pub fn loss(a: &str, b: &str, one_in: u32) -> Self {
        Self(Kind::Loss(a.to_owned(), b.to_owned(), one_in))
    }

    /// As much is lost between two hosts as the configuration says: [`Sim::usual_loss`].
    #[must_use]
    pub fn usual_loss(a: &str, b: &str) -> Self {
        Self(Kind::UsualLoss(a.to_owned(), b.to_owned()))
    }

    /// How many bytes a second go from one of two hosts to the other, each way: [`Sim::bandwidth`].
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn bandwidth(a: &str, b: &str, bytes_per_second: u64) -> Self {
        Self::made(Kind::Bandwidth(a.to_owned(), b.to_owned(), bytes_per_second))
    }

    /// As many go as the configuration says: [`Sim::usual_bandwidth`].
    #[must_use]
    pub fn usual_bandwidth(a: &str, b: &str) -> Self {
        Self(Kind::UsualBandwidth(a.to_owned(), b.to_owned()))
    }
}

/// # Hosts
impl Fault {
    /// A host's program ends at once: [`Sim::crash`].
    ///
    /// # Panics
    ///
    /// If it is `main`.
    #[must_use]
    #[track_caller]
    pub fn crash(host: &str) -> Self {
        Self::made(Kind::Crash(host.to_owned()))
    }

    /// A host's program is started again, and ended before if it runs: [`Sim::restart`].
    ///
    /// # Panics
    ///
    /// If it is `main`.
    #[must_use]
    #[track_caller]
    pub fn restart(host: &str) -> Self {
        Self::made(Kind::Restart(host.to_owned()))
    }

    /// A host's program does nothing any more: [`Sim::pause`].
    #[must_use]
    pub fn pause(host: &str) -> Self {
        Self(Kind::Pause(host.to_owned()))
    }

    /// A host's program goes on: [`Sim::resume`].
    #[must_use]
    pub fn resume(host: &str) -> Self {
        Self(Kind::Resume(host.to_owned()))
    }

    /// What a host's program does takes so many times as long: [`Sim::slow_down`].
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn slow_down(host: &str, times: u32) -> Self {
        Self::made(Kind::SlowDown(host.to_owned(), times))
    }

    /// A host's wall clock is set: [`Sim::skew`].
    #[must_use]
    pub fn skew(host: &str, skew: Skew) -> Self {
        Self(Kind::Skew(host.to_owned(), skew))
    }

    /// A host's clocks run faster, or slower: [`Sim::drift`].
    ///
    /// # Panics
    ///
    /// If it is more than 500,000 either way.
    #[must_use]
    #[track_caller]
    pub fn drift(host: &str, ppm: i32) -> Self {
        Self::made(Kind::Drift(host.to_owned(), ppm))
    }

    /// A host's program gets a signal: [`Sim::signal`].
    ///
    /// # Panics
    ///
    /// If it is `main`, the host of the scenario itself.
    #[must_use]
    #[track_caller]
    pub fn signal(host: &str, signal: Signal) -> Self {
        Self::made(Kind::Signal(host.to_owned(), signal))
    }

    /// A host finds no names any more: [`Sim::fail_lookups`].
    #[must_use]
    pub fn fail_lookups(host: &str) -> Self {
        Self(Kind::FailLookups(host.to_owned()))
    }

    /// It finds them again: [`Sim::fail_lookups`].
    #[must_use]
    pub fn mend_lookups(host: &str) -> Self {
        Self(Kind::MendLookups(host.to_owned()))
    }

    /// How long a host takes to find a name: [`Sim::lookups`].
    ///
    /// # Panics
    ///
    /// If the range ends before it begins.
    #[must_use]
    #[track_caller]
    pub fn lookups(host: &str, time: RangeInclusive<Duration>) -> Self {
        Self::made(Kind::Lookups(host.to_owned(), time))
    }
}

impl Fault {
    #[track_caller]
    fn made(kind: Kind) -> Self {
        Self(kind).checked().unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    /// Itself, unless it cannot be: then why.
    pub(super) fn checked(self) -> Result<Self, &'static str> {
        const BACKWARDS: &str = "it has a range that ends before it begins";
        let wrong = match &self.0 {
            Kind::Flap(_, _, whole, cut) if whole.is_empty() || cut.is_empty() => BACKWARDS,
            Kind::Flap(_, _, whole, cut) if flaps_too_fast(whole, cut) => FLAPS_TOO_FAST,
            Kind::Latency(_, _, time) | Kind::Lookups(_, time) if time.is_empty() => BACKWARDS,
            Kind::LongLatency(.., times) if times.is_empty() => BACKWARDS,
            Kind::Bandwidth(_, _, 0) => "a link that carries nothing, 0 B/s, is one that is cut",
            Kind::SlowDown(_, 0) => "what a program does takes some time, and not none: 0 times",
            Kind::Drift(_, ppm) if ppm.unsigned_abs() > DRIFT_PPM_MAX => {
                "a clock drifts by 500,000 ppm at most"
            }
            Kind::Crash(host) | Kind::Restart(host) if host == MAIN => {
                "`main` is the host of the scenario itself, which cannot crash or begin again"
            }
            Kind::Signal(host, _) if host == MAIN => {
                "`main` is the host of the scenario itself, which sends itself its signals (`Sim::signal`)"
            }
            _ => return Ok(self),
        };
        Err(wrong)
    }

    /// The hosts that it is about.
    pub(super) fn hosts(&self) -> Vec<&str> {
        match &self.0 {
            Kind::Partition(a, b)
            | Kind::PartitionOneWay(a, b)
            | Kind::Heal(a, b)
            | Kind::Reset(a, b)
            | Kind::ResetAfter(a, b, _)
            | Kind::Flap(a, b, ..)
            | Kind::Latency(a, b, _)
            | Kind::LongLatency(a, b, ..)
            | Kind::Loss(a, b, _)
            | Kind::UsualLoss(a, b)
            | Kind::Bandwidth(a, b, _)
            | Kind::UsualBandwidth(a, b) => vec![a, b],
            Kind::Crash(host)
            | Kind::Restart(host)
            | Kind::Pause(host)
            | Kind::Resume(host)
            | Kind::SlowDown(host, _)
            | Kind::Skew(host, _)
            | Kind::Drift(host, _)
            | Kind::Signal(host, _)
            | Kind::FailLookups(host)
            | Kind::MendLookups(host)
            | Kind::Lookups(host, _) => vec![host],
        }
    }

    /// Does it now.
    pub(super) fn strike(&self, sim: &Sim) {
        match &self.0 {
            Kind::Partition(a, b) => sim.partition(a, b),
            Kind::PartitionOneWay(from, to) => sim.partition_one_way(from, to),
            Kind::Heal(a, b) => sim.heal(a, b),
            Kind::Reset(a, b) => sim.reset(a, b),
            Kind::ResetAfter(from, to, bytes) => sim.reset_after(from, to, *bytes),
            Kind::Flap(a, b, whole, cut) => sim.flap(a, b, whole.clone(), cut.clone()),
            Kind::Latency(a, b, latency) => sim.latency(a, b, latency.clone()),
            Kind::LongLatency(a, b, one_in, times) => sim.long_latency(a, b, *one_in, times.clone()),
            Kind::Loss(a, b, one_in) => sim.loss(a, b, *one_in),
            Kind::Bandwidth(a, b, bytes_per_second) => sim.bandwidth(a, b, *bytes_per_second),
            Kind::UsualLoss(a, b) => sim.usual_loss(a, b),
            Kind::UsualBandwidth(a, b) => sim.usual_bandwidth(a, b),
            Kind::Crash(host) => sim.crash(host),
            Kind::Restart(host) => sim.restart(host),
            Kind::Pause(host) => sim.pause(host),
            Kind::Resume(host) => sim.resume(host),
            Kind::SlowDown(host, times) => sim.slow_down(host, *times),
            Kind::Skew(host, skew) => sim.skew(host, *skew),
            Kind::Drift(host, ppm) => sim.drift(host, *ppm),
            Kind::Signal(host, signal) => sim.signal(host, *signal),
            Kind::FailLookups(host) => sim.fail_lookups(host, true),
            Kind::MendLookups(host) => sim.fail_lookups(host, false),
            Kind::Lookups(host, time) => sim.lookups(host, time.clone()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Partition(a, b) => write!(f, "partition {a} | {b}"),
            Kind::PartitionOneWay(from, to) => write!(f, "partition {from} > {to}"),
            Kind::Heal(a, b) => write!(f, "heal {a} | {b}"),
            Kind::Reset(a, b) => write!(f, "reset {a} | {b}"),
            Kind::ResetAfter(from, to, bytes) => write!(f, "reset {from} > {to} after {bytes} B"),
            Kind::Flap(a, b, whole, cut) => {
                write!(f, "flap {a} | {b} whole {} cut {}", Times(whole), Times(cut))
            }
            Kind::Latency(a, b, latency) => write!(f, "latency {a} | {b} {}", Times(latency)),
            Kind::LongLatency(a, b, one_in, times) => {
                write!(f, "long latency {a} | {b} one in {one_in} {} to {} times", times.start(), times.end())
            }
            Kind::Loss(a, b, one_in) => write!(f, "loss {a} | {b} one in {one_in}"),
            Kind::Bandwidth(a, b, bytes) => write!(f, "bandwidth {a} | {b} {bytes} B/s"),
            Kind::UsualLoss(a, b) => write!(f, "loss {a} | {b} as usual"),
            Kind::UsualBandwidth(a, b) => write!(f, "bandwidth {a} | {b} as usual"),
            Kind::Crash(host) => write!(f, "crash {host}"),
            Kind::Restart(host) => write!(f, "restart {host}"),
            Kind::Pause(host) => write!(f, "pause {host}"),
            Kind::Resume(host) => write!(f, "resume {host}"),
            Kind::SlowDown(host, times) => write!(f, "slow down {host} {times} times"),
            Kind::Skew(host, Skew::Ahead(ahead)) => write!(f, "skew {host} ahead {}", Time(*ahead)),
            Kind::Skew(host, Skew::Behind(behind)) => write!(f, "skew {host} behind {}", Time(*behind)),
            Kind::Drift(host, ppm) => write!(f, "drift {host} {ppm} ppm"),
            Kind::Signal(host, signal) => write!(f, "signal {host} {signal:?}"),
            Kind::FailLookups(host) => write!(f, "lookups fail {host}"),
            Kind::MendLookups(host) => write!(f, "lookups work {host}"),
            Kind::Lookups(host, time) => write!(f, "lookups {host} {}", Times(time)),
        }
    }
}
