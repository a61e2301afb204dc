//! Profiles: how often what goes wrong, and for how long.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use super::{Fault, Faults};
use crate::chance::Chance;
use crate::config::to_nanos;

/// How much goes wrong in a [drawn schedule](crate::Sim::draw_faults).
///
/// It is made of incidents: something begins, and by the end of the span it is undone. Their number and length go by the
/// span, so that a scenario of a second has as many as one of an hour.
///
/// | | `Calm` | `Rough` | `Hostile` |
/// |---|---|---|---|
/// | incidents | 0 to 3 | 2 to 6 | 10 to 30 |
/// | the longest, as a part of the span | 1/10 | 1/8 | 1/4 |
/// | of so many incidents | 1 | 10 | 12 |
/// | a link is slow, so long at most one way | 1, 100 ms | 2, 500 ms | 1, 2 s |
/// | all connections of a link are reset | | 2 | 2 |
/// | a link is cut | | 2 | 2 |
/// | a link is cut one way | | 2 | 2 |
/// | a program is paused | | 1 | 1 |
/// | a program is started again, at once | | 1 | 2 |
/// | a program crashes, and is started again later | | | 2 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// A day on which nothing is lost: links are slow now and then. For what may not fail.
    Calm,
    /// A bad day, such as any system has seen: most of the time all is well.
    Rough,
    /// Whatever can go wrong does, often and at once.
    Hostile,
}

/// What begins.
#[derive(Clone, Copy, Debug)]
enum Incident {
    Slow,
    Reset,
    Cut,
    CutOneWay,
    Pause,
    Restart,
    Crash,
}

/// What a profile says.
struct Rates {
    incidents: (u64, u64),
    /// The longest, as a part of the span.
    longest: u64,
    /// How slow a link may become, in milliseconds one way.
    slow_max: u64,
    /// Each is as likely.
    sorts: &'static [Incident],
}

impl Profile {
    fn rates(self) -> Rates {
        use Incident::{Crash, Cut, CutOneWay, Pause, Reset, Restart, Slow};
        match self {
            Self::Calm => Rates { incidents: (0, 3), longest: 10, slow_max: 100, sorts: &[Slow] },
            Self::Rough => Rates {
                incidents: (2, 6),
                longest: 8,
                slow_max: 500,
                sorts: &[Slow, Slow, Reset, Reset, Cut, Cut, CutOneWay, CutOneWay, Pause, Restart],
            },
            Self::Hostile => Rates {
                incidents: (10, 30),
                longest: 4,
                slow_max: 2000,
                sorts: &[
                    Slow, Reset, Reset, Cut, Cut, CutOneWay, CutOneWay, Pause, Restart, Restart, Crash, Crash,
                ],
            },
        }
    }

    /// Draws incidents within a span of time, each with what undoes it. `programs` are the places of the hosts that may be
    /// ended and paused; `usual` says how long what is sent between two takes otherwise.
    pub(super) fn draw(
        self,
        chance: &mut Chance,
        hosts: &[String],
        programs: &[usize],
        span: Range<Duration>,
        usual: impl Fn(usize, usize) -> RangeInclusive<Duration>,
    ) -> Vec<Faults> {
        let rates = self.rates();
        let clock = Clock::new(&span);
        if hosts.len() < 2 || clock.begin >= clock.end {
            return Vec::new();
        }
        let may_be = |sort: &Incident| sort.is_of_link() || !programs.is_empty();
        let sorts: Vec<Incident> = rates.sorts.iter().copied().filter(may_be).collect();
        let longest = ((clock.end - clock.begin) / rates.longest).max(1);
        let incidents = (0..chance.within(rates.incidents)).map(|_| {
            let begins = chance.within((clock.begin, clock.end - 1));
            let ends = chance.within((begins + 1, clock.end.min(begins + longest)));
            let (begins, ends) = (clock.time(begins), clock.time(ends));
            let sort = sorts[chance.index(sorts.len())];
            let first = chance.index(hosts.len());
            // Any but the first.
            let second = (first + 1 + chance.index(hosts.len() - 1)) % hosts.len();
            let (a, b) = (&*hosts[first], &*hosts[second]);
            let program =
                if programs.is_empty() { a } else { &*hosts[programs[chance.index(programs.len())]] };
            let faults = Faults::new();
            match sort {
                Incident::Slow => {
                    let most = chance.within((1, rates.slow_max));
                    let least = chance.within((1, most));
                    let slow = Duration::from_millis(least)..=Duration::from_millis(most);
                    let usual = usual(first, second);
                    faults.at(begins, Fault::latency(a, b, slow)).at(ends, Fault::latency(a, b, usual))
                }
                Incident::Reset => faults.at(begins, Fault::reset(a, b)),
                Incident::Cut => faults.at(begins, Fault::partition(a, b)).at(ends, Fault::heal(a, b)),
                Incident::CutOneWay => {
                    let (from, to) = if chance.one_in(2) { (a, b) } else { (b, a) };
                    faults.at(begins, Fault::partition_one_way(from, to)).at(ends, Fault::heal(a, b))
                }
                Incident::Pause => faults.at(begins, Fault::pause(program)).at(ends, Fault::resume(program)),
                Incident::Restart => faults.at(begins, Fault::restart(program)),
                Incident::Crash => faults.at(begins, Fault::crash(program)).at(ends, Fault::restart(program)),
            }
        });
        incidents.collect()
    }
}

impl Incident {
    fn is_of_link(self) -> bool {
        matches!(self, Self::Slow | Self::Reset | Self::Cut | Self::CutOneWay)
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

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Range<Duration> = Duration::from_millis(1500)..Duration::from_millis(11_500);

    fn draw(profile: Profile, seed: u64, hosts: &[&str]) -> Vec<Faults> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let usual = |_, _| Duration::ZERO..=Duration::from_millis(1);
        let programs: Vec<usize> = (0..hosts.len()).filter(|at| hosts[*at] != "main").collect();
        profile.draw(&mut Chance::new(seed), &hosts, &programs, SPAN, usual)
    }

    #[test]
    fn each_incident_is_within_the_span_and_undone() {
        for profile in [Profile::Calm, Profile::Rough, Profile::Hostile] {
            for seed in 0..300 {
                let drawn = draw(profile, seed, &["a", "main", "b"]);
                let (least, most) = profile.rates().incidents;
                assert!((least..=most).contains(&(drawn.len() as u64)));
                for incident in drawn {
                    let (begins, ends) = match &incident.0[..] {
                        [(begins, begin), (ends, end)] => {
                            let undone = begin.to_string().replace(" > ", " | ");
                            let (of, by) = (undone.split_once(' ').unwrap(), end.to_string());
                            let by = by.split_once(' ').unwrap();
                            let undoes = [
                                ("partition", "heal"),
                                ("pause", "resume"),
                                ("crash", "restart"),
                                ("latency", "latency"),
                            ];
                            assert!(undoes.contains(&(of.0, by.0)), "{incident}");
                            let of_whom = |words: &str| {
                                let mut hosts: Vec<String> =
                                    words.split(' ').take(3).map(str::to_owned).collect();
                                hosts.sort();
                                hosts
                            };
                            assert_eq!(of_whom(of.1), of_whom(by.1), "{incident}");
                            assert!(of.0 != "latency" || by.1.ends_with(" 0 s to 1 ms"), "{incident}");
                            (*begins, *ends)
                        }
                        [(time, fault)] => {
                            let word = fault.to_string();
                            assert!(word.starts_with("reset") || word.starts_with("restart"), "{incident}");
                            (*time, *time)
                        }
                        _ => panic!("{incident}"),
                    };
                    let longest = (SPAN.end - SPAN.start) / profile.rates().longest as u32;
                    assert!(
                        SPAN.start <= begins && ends <= SPAN.end && ends - begins <= longest,
                        "{incident}"
                    );
                    let ended = ["crash main", "restart main", "pause main"];
                    assert!(!ended.iter().any(|ended| incident.to_string().contains(ended)), "{incident}");
                }
            }
        }
    }

    #[test]
    fn everything_of_a_profile_happens_to_everybody() {
        let texts = |profile| -> String {
            let drawn = (0..300).flat_map(|seed| draw(profile, seed, &["a", "main", "b"]));
            drawn.map(|incident| format!("{incident}\n")).collect()
        };
        let (calm, rough, hostile) = (texts(Profile::Calm), texts(Profile::Rough), texts(Profile::Hostile));
        assert!(calm.lines().all(|line| line.contains(" latency ")));
        for (a, b) in [("main", "a"), ("main", "b"), ("a", "b"), ("b", "a")] {
            for word in ["latency", "partition", "reset"] {
                let said = format!(" {word} {a} | {b}");
                assert!(rough.contains(&said) && hostile.contains(&said), "{said}");
            }
            let one_way = format!(" partition {a} > {b}");
            assert!(rough.contains(&one_way) && hostile.contains(&one_way));
        }
        assert!(hostile.contains(" partition a > main"));
        for host in ["a", "b"] {
            for word in ["pause", "restart"] {
                assert!(rough.contains(&format!(" {word} {host}\n")));
            }
            assert!(hostile.contains(&format!(" crash {host}\n")) && !rough.contains(" crash "));
        }
    }

    #[test]
    fn who_is_alone_or_spared_has_little_to_fear() {
        assert!(draw(Profile::Hostile, 1, &["main"]).is_empty());
        for seed in 0..100 {
            for incident in draw(Profile::Hostile, seed, &["main", "main"]) {
                let words = ["latency", "reset", "partition", "heal"];
                let of_links = |line: &str| words.iter().any(|word| line.contains(word));
                assert!(incident.to_string().lines().all(of_links), "{incident}");
            }
        }
    }
}
