//! The detector: which core is held by one poll, for how long, and when to sample again.
//!
//! A [`Detector`] is told what the cores publish and what time it is, and answers what is to be reported. It reads no
//! clock, sleeps nowhere and asks no core; the `thread` does that.
//!
//! ```text
//!   poll 7 goes on     poll 7      poll 7      poll 7               nothing ran
//!        │ first seen    │           │ limit     │                       │
//!   ─────┴───────────────┴───────────┴───────────┴── … ──────────────────┴── sleeps until a core runs
//!                                    report                            no timer is set
//! ```
//!
//! It goes by what it has seen itself: a poll held the core at least from the first sample to the last. So it needs no
//! clock of the core's, and reports nothing of a core that merely is busy.
//!
//! The limit is each reactor's own, [`Config::held_max`](crate::Config::held_max): each [`Sample`] brings it along, from
//! what the reactor has [left](super::watched) when it began. It is for telling a person. Whether a core
//! gets new connections is decided elsewhere and ten times sooner, by `STUCK_AFTER` of `net::spread::places`.

use std::time::Duration;

use crate::core::ReactorId;
use crate::presence::Life;
use crate::pulse::Beat;
use crate::task::OriginId;

/// What is known of the cores from sample to sample.
#[derive(Debug, Default)]
pub(super) struct Detector {
    cores: Vec<Seen>,
    /// Whether anything ran when the last samples were taken, or since the ones before.
    any_ran: bool,
    /// When the last samples were taken, and how soon the next should have been; `None` if there was no hurry.
    last: Option<(Duration, Duration)>,
}

/// A core as it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) reactor: ReactorId,
    pub(super) beat: Beat,
    pub(super) held_max: Duration,
}

/// A core that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) reactor: ReactorId,
    /// By whose poll; [`OriginId::NONE`] if it is the loop's own work, such as a waker of somebody else's.
    pub(super) by: OriginId,
    /// For how long, at least.
    pub(super) time: Duration,
    /// Whether to tell the operator now.
    pub(super) tells: bool,
    /// Whether it is the first time of this poll.
    pub(super) is_new: bool,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    reactor: ReactorId,
    polls: u64,
    turns: u64,
    /// Whether it ran then: the poll after which a core went to sleep is still its last when it wakes.
    ran: bool,
    /// When this poll was seen first.
    first: Duration,
    /// For how long it has to go on to be told next.
    tell_at: Duration,
}

impl Detector {
    /// It is `now`, and this is what the cores publish. Answers who is held for longer than the limit.
    pub(super) fn handle_samples(&mut self, now: Duration, samples: &[Sample]) -> Vec<Held> {
        let (mut next, mut held, stopped) =
            (Vec::with_capacity(samples.len()), Vec::new(), self.stopped(now));
        self.any_ran = false;
        for sample in samples {
            let Beat { life, polls, turns, poll_of, .. } = sample.beat;
            let before = self.cores.iter().find(|seen| seen.reactor == sample.reactor);
            let ran = life == Life::Running;
            let new =
                Seen { reactor: sample.reactor, polls, turns, ran, first: now, tell_at: sample.held_max };
            let same = before.filter(|seen| (seen.polls, seen.turns) == (polls, turns));
            self.any_ran |= ran || (before.is_some() && same.is_none());
            let goes_on = same.filter(|seen| ran && seen.ran);
            let mut seen = goes_on.map_or(new, |seen| Seen { first: seen.first + stopped, ..*seen });
            let time = now.saturating_sub(seen.first);
            if ran && time >= sample.held_max {
                let tells = time >= seen.tell_at;
                let is_new = seen.tell_at == sample.held_max;
                if tells {
                    seen.tell_at = time * TOLD_AGAIN;
                }
                held.push(Held {
                    reactor: sample.reactor,
                    by: poll_of,
                    time,
                    tells,
                    is_new: tells && is_new,
                });
            }
            next.push(seen);
        }
        self.cores = next;
        self.last = self.next_samples(samples).map(|wait| (now, wait));
        held
    }

    /// For how long this thread had no time itself, if that was longer than it meant to wait: the process was stopped, or
    /// the machine was. Then the cores have not run either, as far as anybody knows.
    fn stopped(&self, now: Duration) -> Duration {
        let Some((last, wait)) = self.last else { return Duration::ZERO };
        let late = now.saturating_sub(last + wait);
        if late > wait { late } else { Duration::ZERO }
    }

    /// How long to wait until the next samples; `None` when nothing runs, and then until a core does.
    pub(super) fn next_samples(&self, samples: &[Sample]) -> Option<Duration> {
        let shortest = samples.iter().map(|sample| sample.held_max).min()?;
        self.any_ran.then(|| (shortest / SAMPLES).max(SHORTEST))
    }
}

/// A poll that goes on is told again when it has gone on for ten times as long.
const TOLD_AGAIN: u32 = 10;

/// So many samples make the limit: a poll is reported at the latest when it is a quarter longer.
const SAMPLES: u32 = 4;

/// Not more often than that, whatever the limit is: to sample costs some microseconds.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    /// Samples two cores every 25 ms, with a limit of 100 ms, and says what came of it. Of each sample `7` is the number of
    /// the poll that goes on, a capital letter that of the last one of a core that is parked, `.` says that it is parked,
    /// `-` that nobody runs it. A `!` is told for the first time, a `?` again, a `_` says that the next needs no timer.
    fn play(first: &str, second: &str) -> String {
        let mut detector = Detector::default();
        let mut told = String::new();
        let sample = |number: u64, word: char| {
            let (life, polls) = match word {
                '.' => (Life::Parked, 0),
                '-' => (Life::Out, 0),
                'A'..='Z' => (Life::Parked, u64::from(word.to_digit(36).unwrap())),
                poll => (Life::Running, u64::from(poll.to_digit(36).unwrap())),
            };
            let beat =
                Beat { life, turn_began: Instant::ORIGIN, polls, turns: polls, poll_of: OriginId::NONE };
            Sample { reactor: ReactorId::of(number), beat, held_max: Duration::from_millis(100) }
        };
        for (index, (a, b)) in first.chars().zip(second.chars()).enumerate() {
            let samples = [sample(1, a), sample(2, b)];
            let now = Duration::from_millis(25) * index as u32;
            let held = detector.handle_samples(now, &samples);
            let is_told = held.iter().find(|held| held.tells);
            let waits = detector.next_samples(&samples);
            assert!(waits.is_none_or(|time| time == Duration::from_millis(25)));
            told.push(match is_told {
                Some(held) if held.is_new => '!',
                Some(_) => '?',
                None if waits.is_none() => '_',
                None => ' ',
            });
        }
        told
    }

    #[track_caller]
    fn check(first: &str, second: &str, expected: &str) {
        assert_eq!(play(first, second), expected, "{first:?} {second:?}");
    }

    #[test]
    fn a_poll_that_goes_on_is_told_when_it_has_for_the_limit() {
        check("77777777", "........", "    !   ");
        check("........", "77777777", "    !   ");
    }

    #[test]
    fn polls_that_follow_each_other_are_not_told() {
        check("7778889999", "..........", "          ");
        check("123456789a", "b----cccdd", "          ");
    }

    #[test]
    fn it_is_told_again_when_it_has_gone_on_for_ten_times_as_long() {
        let (long, parked) = ("7".repeat(45), ".".repeat(45));
        check(&long, &parked, &format!("    !{}?    ", " ".repeat(35)));
    }

    #[test]
    fn two_that_are_held_at_different_times_are_told_each() {
        check("7777777777", "1233333333", "    ! !   ");
    }

    #[test]
    fn who_was_held_and_goes_on_is_watched_anew() {
        check("777778888888", "............", "    !    !  ");
    }

    #[test]
    fn a_core_that_wakes_after_a_long_sleep_has_not_been_held() {
        check("aAAAAAAAAAaab", "-------------", " _________   ");
        check("AAAAAAAAaaaaa", "-------------", "________    !");
    }

    #[test]
    fn where_nothing_runs_nobody_looks() {
        check("....", "....", "____");
        check("----", "..--", "____");
        check("..77.", ".....", "__   ");
        check("77...", ".....", "   __");
    }

    #[test]
    fn while_the_process_is_stopped_nobody_holds_a_core() {
        let mut detector = Detector::default();
        let mut held_at = |millis: u64| {
            let beat = Beat {
                life: Life::Running,
                turn_began: Instant::ORIGIN,
                polls: 7,
                turns: 7,
                poll_of: OriginId::NONE,
            };
            let sample = Sample { reactor: ReactorId::of(1), beat, held_max: Duration::from_millis(100) };
            let held = detector.handle_samples(Duration::from_millis(millis), &[sample]);
            held.first().map(|held| held.time.as_millis())
        };
        // A sample comes late, as on a busy machine, and one an hour late: of that only what it meant to wait counts.
        for (millis, held) in [
            (0, None),
            (25, None),
            (70, None),
            (3_600_000, None),
            (3_600_025, Some(120)),
            (3_600_050, Some(145)),
        ] {
            assert_eq!(held_at(millis), held, "at {millis} ms");
        }
    }

    #[test]
    fn no_cores_are_no_reason_to_look() {
        assert_eq!(Detector::default().next_samples(&[]), None);
    }
}
