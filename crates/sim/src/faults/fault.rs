//! One fault: what it does to the world, and its words in a script.
//!
//! A fault is a method of [`Sim`], as data.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use ekiden_reactor::Signal;

use super::script::Time;
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
    Latency(String, String, RangeInclusive<Duration>),
    Crash(String),
    Restart(String),
    Pause(String),
    Resume(String),
    Signal(String, Signal),
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

    /// How long what is sent between two hosts takes, one way: [`Sim::latency`].
    #[must_use]
    pub fn latency(a: &str, b: &str, latency: RangeInclusive<Duration>) -> Self {
        Self(Kind::Latency(a.to_owned(), b.to_owned(), latency))
    }
}

/// # Hosts
impl Fault {
    /// A host's program ends at once: [`Sim::crash`].
    #[must_use]
    pub fn crash(host: &str) -> Self {
        Self(Kind::Crash(host.to_owned()))
    }

    /// A host's program is started again, and ended before if it runs: [`Sim::restart`].
    #[must_use]
    pub fn restart(host: &str) -> Self {
        Self(Kind::Restart(host.to_owned()))
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

    /// A host's program gets a signal: [`Sim::signal`].
    #[must_use]
    pub fn signal(host: &str, signal: Signal) -> Self {
        Self(Kind::Signal(host.to_owned(), signal))
    }
}

impl Fault {
    /// The hosts that it is about.
    pub(super) fn hosts(&self) -> Vec<&str> {
        match &self.0 {
            Kind::Partition(a, b)
            | Kind::PartitionOneWay(a, b)
            | Kind::Heal(a, b)
            | Kind::Reset(a, b)
            | Kind::Latency(a, b, _) => vec![a, b],
            Kind::Crash(host)
            | Kind::Restart(host)
            | Kind::Pause(host)
            | Kind::Resume(host)
            | Kind::Signal(host, _) => vec![host],
        }
    }

    /// Does it now.
    pub(super) fn strike(&self, sim: &Sim) {
        match &self.0 {
            Kind::Partition(a, b) => sim.partition(a, b),
            Kind::PartitionOneWay(from, to) => sim.partition_one_way(from, to),
            Kind::Heal(a, b) => sim.heal(a, b),
            Kind::Reset(a, b) => sim.reset(a, b),
            Kind::Latency(a, b, latency) => sim.latency(a, b, latency.clone()),
            Kind::Crash(host) => sim.crash(host),
            Kind::Restart(host) => sim.restart(host),
            Kind::Pause(host) => sim.pause(host),
            Kind::Resume(host) => sim.resume(host),
            Kind::Signal(host, signal) => sim.signal(host, *signal),
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
            Kind::Latency(a, b, latency) => {
                write!(f, "latency {a} | {b} {} to {}", Time(*latency.start()), Time(*latency.end()))
            }
            Kind::Crash(host) => write!(f, "crash {host}"),
            Kind::Restart(host) => write!(f, "restart {host}"),
            Kind::Pause(host) => write!(f, "pause {host}"),
            Kind::Resume(host) => write!(f, "resume {host}"),
            Kind::Signal(host, signal) => write!(f, "signal {host} {signal:?}"),
        }
    }
}
