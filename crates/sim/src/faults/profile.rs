//! Profiles: how often what goes wrong, and for how long.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use ekiden_reactor::Signal;

use super::{Fault, Faults};
use crate::chance::Chance;
use crate::clocks::Skew;
use crate::config::to_nanos;
use crate::links::FLAP_MIN;
use crate::program::MAIN;

/// How much goes wrong in a [drawn schedule](crate::Sim::draw_faults).
///
/// It is made of incidents: something begins, and by the end of the span it is undone. Their number and length go by the
/// span, so that a scenario of a second has as many as one of an hour.
///
/// | | `Calm` | `Rough` | `Hostile` |
/// |---|---|---|---|
/// | incidents | 0 to 3 | 2 to 6 | 10 to 30 |
/// | the longest, as a part of the span | 1/10 | 1/8 | 1/4 |
/// | of so many incidents | 8 | 26 | 30 |
/// | what is sent over a link takes so long at most, one way | 2, 100 ms | 2, 500 ms | 1, 2 s |
/// | now and then it takes so many times as long as otherwise | 1, 3 | 2, 10 | 1, 20 |
/// | a link carries so little at least, in bytes a second | 1, 100,000 | 2, 20,000 | 1, 5,000 |
/// | of what is sent over a link one in so many at least is lost | | 2, 20 | 2, 3 |
/// | all connections of a link are reset | | 2 | 2 |
/// | so they are after so many bytes at most | | 2, 16 KiB | 2, 16 KiB |
/// | a link is cut | | 2 | 3 |
/// | a link is cut one way | | 2 | 3 |
/// | a link comes and goes | | 1 | 2 |
/// | a host takes so long at most to look up a name | 1, 100 ms | 1, 500 ms | 1, 2 s |
/// | a host finds no names | | 1 | 1 |
/// | a program is so many times as slow at most | 1, 10 | 1, 100 | 1, 1,000 |
/// | a wall clock is set so far off at most | 1, 1 s | 1, 10 s | 1, 1 h |
/// | clocks are so many millionths too fast or slow at most | 1, 100 | 1, 1,000 | 1, 100,000 |
/// | a program is paused | | 2 | 2 |
/// | a program is started again, at once | | 1 | 2 |
/// | a program is told to end, and is started again later | | 1 | 2 |
/// | a program crashes, and is started again later | | | 2 |
///
/// To end, it is sent `Terminate`, `Interrupt` or `Hangup`: a program that asks for it ends in good order, or as it
/// likes, and another at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// A day on which nothing is lost: links, names and hosts are slow now and then, and clocks a little off. For what may
    /// not fail. (A link that carries little may lose datagrams, of who sends more than
    /// [fit its queue](crate::Config::queue_bytes_max).)
    Calm,
    /// A bad day, such as any system has seen: most of the time all is well.
    Rough,
    /// Whatever can go wrong does, often and at once.
    Hostile,
}

/// What begins.
#[derive(Clone, Copy, Debug)]
enum Incident {
    Latency,
    LongLatency,
    Bandwidth,
    Loss,
    Reset,
    ResetAfter,
    Cut,
    CutOneWay,
    Flap,
    Lookups,
    NoLookups,
    SlowDown,
    Skew,
    Drift,
    Pause,
    Restart,
    Signal,
    Crash,
}

/// What a profile says.
struct Rates {
    incidents: (u64, u64),
    /// The longest, as a part of the span.
    longest: u64,
    /// How long a link or a name may take, in milliseconds.
    latency_max: u64,
    lookup_max: u64,
    /// How many times as long something may take.
    long_max: u64,
    slowness_max: u64,
    /// Bytes a second, and one in how many is lost.
    bandwidth: (u64, u64),
    loss: (u64, u64),
    /// How far clocks may be off, in milliseconds, and in millionths.
    skew_max: u64,
    drift_max: u64,
    /// And how many of so many incidents are such.
    sorts: &'static [(Incident, u64)],
}

impl Profile {
    fn rates(self) -> Rates {
        use Incident as I;
        match self {
            Self::Calm => Rates {
                incidents: (0, 3),
                longest: 10,
                latency_max: 100,
                lookup_max: 100,
                long_max: 3,
                slowness_max: 10,
                bandwidth: (100_000, 10_000_000),
                // None is.
                loss: (0, 0),
                skew_max: 1000,
                drift_max: 100,
                sorts: &[
                    (I::Latency, 2),
                    (I::LongLatency, 1),
                    (I::Bandwidth, 1),
                    (I::Lookups, 1),
                    (I::SlowDown, 1),
                    (I::Skew, 1),
                    (I::Drift, 1),
                ],
            },
            Self::Rough => Rates {
                incidents: (2, 6),
                longest: 8,
                latency_max: 500,
                lookup_max: 500,
                long_max: 10,
                slowness_max: 100,
                bandwidth: (20_000, 1_000_000),
                loss: (20, 200),
                skew_max: 10_000,
                drift_max: 1000,
                sorts: &[
                    (I::Latency, 2),
                    (I::LongLatency, 2),
                    (I::Bandwidth, 2),
                    (I::Loss, 2),
                    (I::Reset, 2),
                    (I::ResetAfter, 2),
                    (I::Cut, 2),
                    (I::CutOneWay, 2),
                    (I::Flap, 1),
                    (I::Lookups, 1),
                    (I::NoLookups, 1),
                    (I::SlowDown, 1),
                    (I::Skew, 1),
                    (I::Drift, 1),
                    (I::Pause, 2),
                    (I::Restart, 1),
                    (I::Signal, 1),
                ],
            },
            Self::Hostile => Rates {
                incidents: (10, 30),
                longest: 4,
                latency_max: 2000,
                lookup_max: 2000,
                long_max: 20,
                slowness_max: 1000,
                bandwidth: (5000, 100_000),
                loss: (3, 50),
                skew_max: 3_600_000,
                drift_max: 100_000,
                sorts: &[
                    (I::Latency, 1),
                    (I::LongLatency, 1),
                    (I::Bandwidth, 1),
                    (I::Loss, 2),
                    (I::Reset, 2),
                    (I::ResetAfter, 2),
                    (I::Cut, 3),
                    (I::CutOneWay, 3),
                    (I::Flap, 2),
                    (I::Lookups, 1),
                    (I::NoLookups, 1),
                    (I::SlowDown, 1),
                    (I::Skew, 1),
                    (I::Drift, 1),
                    (I::Pause, 2),
                    (I::Restart, 2),
                    (I::Signal, 2),
                    (I::Crash, 2),
                ],
            },
        }
    }

    /// Draws incidents within a span of time, each with what undoes it, as `undone` says. `programs` are the places of the hosts
    /// that may be ended and paused.
    pub(super) fn draw(
        self,
        chance: &mut Chance,
        hosts: &[String],
        programs: &[usize],
        span: Range<Duration>,
        undone: impl Fn(&Fault) -> Vec<Fault>,
    ) -> Vec<Faults> {
        let rates = self.rates();
        let clock = Clock::new(&span);
        if clock.begin >= clock.end {
            return Vec::new();
        }
        // On `main` is the scenario itself, which goes by its time.
        let machines: Vec<&String> = hosts.iter().filter(|host| *host != MAIN).collect();
        let may_be = |(sort, _): &&(Incident, u64)| !sort.is_of_program() || !programs.is_empty();
        let sorts: Vec<Incident> = (rates.sorts.iter().filter(may_be))
            .flat_map(|(sort, weight)| (0..*weight).map(|_| *sort))
            .collect();
        let longest = ((clock.end - clock.begin) / rates.longest).max(1);
        let incidents = (0..chance.within(rates.incidents)).map(|_| {
            let begins = chance.within((clock.begin, clock.end - 1));
            let ends = chance.within((begins + 1, clock.end.min(begins + longest)));
            let (begins, ends) = (clock.time(begins), clock.time(ends));
            let sort = sorts[chance.index(sorts.len())];
            let first = chance.index(hosts.len());
            // Any but the first.
            let second = (first + 1 + chance.index(hosts.len() - 1)) % hosts.len();
            let of_whom = OfWhom {
                a: &hosts[first],
                b: &hosts[second],
                machine: machines[chance.index(machines.len())],
                program: match programs {
                    [] => &hosts[first],
                    programs => &hosts[programs[chance.index(programs.len())]],
                },
            };
            let fault = rates.fault(chance, sort, &of_whom, ends - begins);
            let undone = undone(&fault);
            undone.into_iter().fold(Faults::new().at(begins, fault), |faults, undoes| faults.at(ends, undoes))
        });
        incidents.collect()
    }
}

/// To whom something may happen: to a link, to any host but `main`, or to a program that is not spared.
struct OfWhom<'a> {
    a: &'a str,
    b: &'a str,
    machine: &'a str,
    program: &'a str,
}

impl Rates {
    /// Draws how bad it is. `length` is how long it goes on.
    fn fault(&self, chance: &mut Chance, sort: Incident, of: &OfWhom<'_>, length: Duration) -> Fault {
        let OfWhom { a, b, machine, program } = *of;
        let upto = |chance: &mut Chance, most: u64| {
            let most = chance.within((1, most));
            chance.within((1, most))..=most
        };
        let millis = |range: RangeInclusive<u64>| {
            Duration::from_millis(*range.start())..=Duration::from_millis(*range.end())
        };
        let either_way = |chance: &mut Chance| if chance.one_in(2) { (a, b) } else { (b, a) };
        match sort {
            Incident::Latency => Fault::latency(a, b, millis(upto(chance, self.latency_max))),
            Incident::LongLatency => {
                let (one_in, times) =
                    (chance.within((2, 20)) as u32, chance.within((2, self.long_max)) as u32);
                Fault::long_latency(a, b, one_in, 2..=times)
            }
            Incident::Bandwidth => Fault::bandwidth(a, b, chance.within(self.bandwidth)),
            Incident::Loss => Fault::loss(a, b, chance.within(self.loss) as u32),
            Incident::Reset => Fault::reset(a, b),
            Incident::ResetAfter => {
                // As likely within a short message as within a long one.
                let most = 1 << chance.within((0, RESET_AFTER_BITS_MAX));
                let (from, to) = either_way(chance);
                Fault::reset_after(from, to, chance.within((1, most)) as usize)
            }
            Incident::Cut => Fault::partition(a, b),
            Incident::CutOneWay => {
                let (from, to) = either_way(chance);
                Fault::partition_one_way(from, to)
            }
            Incident::Flap => {
                // So it is whole and cut twice at least, as a rule.
                let most = (length.as_micros() as u64 / 4).max(1);
                let mut times = || {
                    let times = upto(chance, most);
                    let least = |micros: u64| Duration::from_micros(micros).max(FLAP_MIN);
                    least(*times.start())..=least(*times.end())
                };
                Fault::flap(a, b, times(), times())
            }
            Incident::Lookups => Fault::lookups(a, millis(upto(chance, self.lookup_max))),
            Incident::NoLookups => Fault::fail_lookups(a),
            Incident::SlowDown => Fault::slow_down(machine, chance.within((2, self.slowness_max)) as u32),
            Incident::Skew => {
                let off = Duration::from_millis(chance.within((1, self.skew_max)));
                Fault::skew(machine, if chance.one_in(2) { Skew::Behind(off) } else { Skew::Ahead(off) })
            }
            Incident::Drift => {
                let ppm = chance.within((1, self.drift_max)) as i32;
                Fault::drift(machine, if chance.one_in(2) { -ppm } else { ppm })
            }
            Incident::Pause => Fault::pause(program),
            Incident::Restart => Fault::restart(program),
            Incident::Signal => Fault::signal(program, ENDING[chance.index(ENDING.len())]),
            Incident::Crash => Fault::crash(program),
        }
    }
}

impl Incident {
    fn is_of_program(self) -> bool {
        matches!(self, Self::Pause | Self::Restart | Self::Signal | Self::Crash)
    }
}

/// Times of a schedule are whole milliseconds, as somebody reads them; of a span that is below a second, microseconds.
struct Clock {
    unit: u64,
    begin: u64,
    end: u64,
}

impl Clock {
    fn new(span: &Range<Duration>) -> Self {
        let is_long = span.end - span.start >= Duration::from_secs(1);
        let unit = if is_long { 1_000_000 } else { 1_000 };
        Self { unit, begin: to_nanos(span.start).div_ceil(unit), end: to_nanos(span.end) / unit }
    }

    fn time(&self, units: u64) -> Duration {
        Duration::from_nanos(units * self.unit)
    }
}

/// By what programs are told to end. Most often as whoever deploys another does.
const ENDING: [Signal; 4] = [Signal::Terminate, Signal::Terminate, Signal::Interrupt, Signal::Hangup];

/// 16 KiB: within the first few messages of anybody.
const RESET_AFTER_BITS_MAX: u64 = 14;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::future::pending;

    use ekiden_reactor::sleep;

    use super::*;
    use crate::Sim;
    use crate::journal::HostId;
    use crate::world::World;

    const BEGIN: Duration = Duration::from_millis(1500);
    const SPAN: Duration = Duration::from_secs(10);
    const ALL: [Profile; 3] = [Profile::Calm, Profile::Rough, Profile::Hostile];

    /// A world of `a` and `b`, of which much is said already.
    fn world(seed: u64) -> Sim {
        let sim = Sim::new(seed);
        for host in ["a", "b"] {
            sim.host(host, async || pending::<()>().await);
        }
        sim.latency("a", "b", Duration::from_millis(7)..=Duration::from_millis(8));
        sim.long_latency("a", "b", 17, 3..=4);
        sim.loss("a", "b", 19);
        sim.bandwidth("a", "b", 123_456);
        sim.lookups("a", Duration::from_millis(1)..=Duration::from_millis(2));
        sim.slow_down("a", 3);
        sim.skew("a", Skew::Behind(Duration::from_secs(5)));
        sim
    }

    /// All that faults change.
    fn state(world: &World, ids: [HostId; 3]) -> String {
        let mut text = format!("{:?}\n", world.links);
        for (from, to) in ids.iter().flat_map(|from| ids.iter().map(move |to| (*from, *to))) {
            let (latency, long) = (world.latency(from, to), world.long_latency(from, to));
            let (loss, bandwidth) = (world.said_loss(from, to), world.said_bandwidth(from, to));
            text += &format!("{from:?} {to:?} {latency:?} {long:?} {loss:?} {bandwidth:?}\n");
        }
        for id in ids {
            let (host, lookup) = (&world.hosts[id.index()], (world.lookup_time(id), world.lookups_fail(id)));
            let clock = (host.clock.drift(), host.clock.ahead(world.now));
            text += &format!("{lookup:?} {} {clock:?} {} {}\n", host.slowness, host.is_up, host.is_paused);
        }
        text
    }

    /// What is drawn at `BEGIN` for a world of `a`, `main` and `b`; and what it is like before and after.
    fn drawn(profile: Profile, seed: u64, spared: &[&str]) -> (Vec<Faults>, [String; 2]) {
        let sim = world(seed);
        spared.iter().for_each(|host| sim.spare(host));
        let states = sim.run(async move |sim| {
            sleep(BEGIN - sim.now()).await;
            let ids = ["a", "main", "b"].map(|host| sim.id(host));
            let before = state(&sim.0.world.lock(), ids);
            sim.draw_faults(profile, SPAN);
            // A moment for who begins again at the very end.
            sleep(SPAN + Duration::from_millis(1)).await;
            let after = state(&sim.0.world.lock(), ids);
            [before, after]
        });
        let drawn = sim.0.plan.borrow().drawn.clone().unwrap();
        (drawn, states)
    }

    /// The name of a kind of faults.
    fn kind(fault: &Fault) -> String {
        let text = format!("{:?}", fault.0);
        text.split('(').next().unwrap().to_owned()
    }

    #[test]
    fn by_the_end_all_is_as_it_was() {
        for profile in ALL {
            for seed in 0..200 {
                let (drawn, [before, after]) = drawn(profile, seed, &[]);
                assert_eq!(before, after, "seed {seed}\n{}", Faults::merged(&drawn));
            }
        }
    }

    #[test]
    fn each_incident_is_within_the_span_and_undone() {
        for profile in ALL {
            for seed in 0..200 {
                let (drawn, _) = drawn(profile, seed, &[]);
                let ((least, most), span) = (profile.rates().incidents, BEGIN..=BEGIN + SPAN);
                assert!((least..=most).contains(&(drawn.len() as u64)));
                for incident in drawn {
                    let ((begins, begin), (ends, _)) =
                        (incident.0.first().unwrap(), incident.0.last().unwrap());
                    let is_over_at_once = ["Reset", "Restart"].contains(&&*kind(begin));
                    assert_eq!(incident.0.len() == 1, is_over_at_once, "{incident}");
                    let longest = SPAN / profile.rates().longest as u32;
                    let is_short = *ends - *begins <= longest && (is_over_at_once || begins < ends);
                    assert!(span.contains(begins) && span.contains(ends) && is_short, "{incident}");
                }
            }
        }
    }

    #[test]
    fn everything_of_a_profile_happens_to_everybody() {
        let calm = ["Bandwidth", "Drift", "Latency", "LongLatency", "Lookups", "Skew", "SlowDown"];
        let rough =
            ["FailLookups", "Flap", "Loss", "Partition", "PartitionOneWay", "Pause", "Reset", "ResetAfter"];
        let (rough, hostile) = ([&rough[..], &["Restart", "Signal"]].concat(), ["Crash"]);
        for (profile, kinds) in ALL.into_iter().zip([
            calm.to_vec(),
            [&calm[..], &rough].concat(),
            [&calm[..], &rough, &hostile].concat(),
        ]) {
            let mut of_whom: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
            for (_, begin) in
                (0..400).flat_map(|seed| drawn(profile, seed, &[]).0).map(|incident| incident.0[0].clone())
            {
                let hosts = begin.hosts().into_iter().map(str::to_owned).collect();
                of_whom.entry(kind(&begin)).or_default().insert(hosts);
            }
            let found: BTreeSet<&str> = of_whom.keys().map(|kind| &**kind).collect();
            assert_eq!(found, kinds.into_iter().collect(), "{profile:?}");
            for (kind, of_whom) in of_whom {
                let all = match &*kind {
                    "SlowDown" | "Skew" | "Drift" | "Pause" | "Restart" | "Signal" | "Crash" => 2,
                    "Lookups" | "FailLookups" => 3,
                    // Each with each, the other way round too.
                    _ => 6,
                };
                assert_eq!(of_whom.len(), all, "{profile:?}, {kind}: {of_whom:?}");
                let is_spared = !of_whom.contains(&vec![MAIN.to_owned()]);
                assert_eq!(is_spared, all != 3, "{profile:?}, {kind}");
            }
        }
    }

    #[test]
    fn who_is_spared_is_not_ended_and_never_paused() {
        for seed in 0..100 {
            let (drawn, _) = drawn(Profile::Hostile, seed, &["a", "b"]);
            for incident in drawn {
                let kinds = incident.iter().map(|(_, fault)| kind(fault)).collect::<Vec<_>>();
                let of_programs = ["Pause", "Restart", "Signal", "Crash"];
                assert!(!kinds.iter().any(|kind| of_programs.contains(&&**kind)), "{incident}");
            }
        }
    }
}
