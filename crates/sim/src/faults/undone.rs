//! What undoes a fault, as a fault too: what a world was before is what it is told to be again.

use std::time::Duration;

use super::fault::{Fault, Kind};
use crate::clocks::Skew;
use crate::journal::HostId;
use crate::world::{Host, World};

impl Fault {
    /// What is to be done later to have a world as it is now, if this is done to it. Nothing, if it is over at once.
    pub(super) fn undone_by(&self, world: &World) -> Vec<Self> {
        match &self.0 {
            Kind::Partition(a, b)
            | Kind::PartitionOneWay(a, b)
            | Kind::Flap(a, b, ..)
            | Kind::ResetAfter(a, b, _) => vec![Self::heal(a, b)],
            Kind::Latency(a, b, _) => {
                let (least, most) = world.latency(id(world, a), id(world, b));
                vec![Self::latency(a, b, Duration::from_nanos(least)..=Duration::from_nanos(most))]
            }
            Kind::LongLatency(a, b, ..) => {
                let usual = world.long_latency(id(world, a), id(world, b));
                vec![Self::long_latency(a, b, usual.one_in, usual.times.0..=usual.times.1)]
            }
            Kind::Loss(a, b, _) => vec![match world.said_loss(id(world, a), id(world, b)) {
                Some(one_in) => Self::loss(a, b, one_in),
                None => Self::usual_loss(a, b),
            }],
            Kind::Bandwidth(a, b, _) => vec![match world.said_bandwidth(id(world, a), id(world, b)) {
                Some(bytes_per_second) => Self::bandwidth(a, b, bytes_per_second),
                None => Self::usual_bandwidth(a, b),
            }],
            Kind::Crash(host) | Kind::Signal(host, _) => vec![Self::restart(host)],
            Kind::Pause(host) => vec![Self::resume(host)],
            Kind::SlowDown(host, _) => vec![Self::slow_down(host, of(world, host).slowness as u32)],
            Kind::Skew(host, _) => vec![clock_as_set(world, host)],
            // What the wall clock has gained by then is taken from it; of a monotonic one nothing is.
            Kind::Drift(host, _) => {
                vec![Self::drift(host, of(world, host).clock.drift()), clock_as_set(world, host)]
            }
            Kind::FailLookups(host) => vec![Self::mend_lookups(host)],
            Kind::Lookups(host, _) => {
                let (least, most) = world.lookup_time(id(world, host));
                vec![Self::lookups(host, Duration::from_nanos(least)..=Duration::from_nanos(most))]
            }
            Kind::Heal(..)
            | Kind::Reset(..)
            | Kind::UsualLoss(..)
            | Kind::UsualBandwidth(..)
            | Kind::Restart(_)
            | Kind::Resume(_)
            | Kind::MendLookups(_) => Vec::new(),
        }
    }
}

/// Who is not there yet is `main`, and will be the next.
fn id(world: &World, name: &str) -> HostId {
    let at = world.hosts.iter().position(|host| host.name == name);
    HostId(at.unwrap_or(world.hosts.len()) as u32)
}

fn of<'a>(world: &'a World, name: &str) -> &'a Host {
    &world.hosts[id(world, name).index()]
}

fn clock_as_set(world: &World, host: &str) -> Fault {
    let ahead = of(world, host).clock.ahead(world.now);
    let off = Duration::from_nanos(ahead.unsigned_abs());
    Fault::skew(host, if ahead < 0 { Skew::Behind(off) } else { Skew::Ahead(off) })
}
