//! The watchdog's judgement: which core is held by one poll, for how long, and when to look again.
//!
//! A [`Watchdog`] is told what the cores publish and what time it is, and answers what is to be reported. It reads no
//! clock, sleeps nowhere and asks no core; a thread of the system's driver does that (`driver::os::watching`).
//!
//! ```text
//!   poll 7 goes on     poll 7      poll 7      poll 7               nothing ran
//!        │ first seen    │           │ limit     │                       │
//!   ─────┴───────────────┴───────────┴───────────┴── … ──────────────────┴── sleeps until a core runs
//!                                    report                            no timer is set
//! ```
//!
//! It goes by what it has seen itself: a poll held the core at least from the first look to the last. So it needs no
//! clock of the core's, and reports nothing of a core that merely is busy.
//!
//! The limit is each reactor's own, [`Config::held_max`](crate::Config::held_max): the reactor leaves it in its inbox when
//! it begins ([`Watch`](crate::watch::Watch)), and each [`Look`] brings it along. It is for telling a person. Whether a core
//! gets new connections is decided elsewhere and ten times sooner, by `STUCK_AFTER` of `net::spread::places`.

use std::time::Duration;

use crate::core::ReactorId;
use crate::pulse::Beat;
use crate::task::OriginId;
use crate::vigil::Life;

/// What is known of the cores from look to look.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    cores: Vec<Seen>,
    /// Whether anything ran at the last look, or since the one before.
    any_ran: bool,
    /// When the last look was, and how soon the next one should have been; `None` if there was no hurry.
    last: Option<(Duration, Duration)>,
}

/// A core at a look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) reactor: ReactorId,
    pub(crate) beat: Beat,
    pub(crate) held_max: Duration,
}

/// A core that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) reactor: ReactorId,
    /// By whose poll; [`OriginId::NONE`] if it is the loop's own work, such as a waker of somebody else's.
    pub(crate) by: OriginId,
    /// For how long, at least.
    pub(crate) time: Duration,
    /// Whether to tell the operator now.
    pub(crate) tells: bool,
    /// Whether it is the first time of this poll.
    pub(crate) is_new: bool,
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

impl Watchdog {
    /// It is `now`, and this is what the cores publish. Answers who is held for longer than the limit.
    pub(crate) fn look(&mut self, now: Duration, cores: &[Look]) -> Vec<Held> {
        let (mut next, mut held, stopped) = (Vec::with_capacity(cores.len()), Vec::new(), self.stopped(now));
        self.any_ran = false;
        for look in cores {
            let Beat { life, polls, turns, poll_of, .. } = look.beat;
            let before = self.cores.iter().find(|seen| seen.reactor == look.reactor);
            let ran = life == Life::Running;
            let new = Seen { reactor: look.reactor, polls, turns, ran, first: now, tell_at: look.held_max };
            let same = before.filter(|seen| (seen.polls, seen.turns) == (polls, turns));
            self.any_ran |= ran || (before.is_some() && same.is_none());
            let goes_on = same.filter(|seen| ran && seen.ran);
            let mut seen = goes_on.map_or(new, |seen| Seen { first: seen.first + stopped, ..*seen });
            let time = now.saturating_sub(seen.first);
            if ran && time >= look.held_max {
                let tells = time >= seen.tell_at;
                let is_new = seen.tell_at == look.held_max;
                if tells {
                    seen.tell_at = time * TOLD_AGAIN;
                }
                held.push(Held { reactor: look.reactor, by: poll_of, time, tells, is_new: tells && is_new });
            }
            next.push(seen);
        }
        self.cores = next;
        self.last = self.next_look(cores).map(|wait| (now, wait));
        held
    }

    /// For how long this thread had no time itself, if that was longer than it meant to wait: the process was stopped, or
    /// the machine was. Then the cores have not run either, as far as anybody knows.
    fn stopped(&self, now: Duration) -> Duration {
        let Some((last, wait)) = self.last else { return Duration::ZERO };
        let late = now.saturating_sub(last + wait);
        if late > wait { late } else { Duration::ZERO }
    }

    /// How long to wait until the next look; `None` when nothing runs, and then until a core does.
    pub(crate) fn next_look(&self, cores: &[Look]) -> Option<Duration> {
        let shortest = cores.iter().map(|look| look.held_max).min()?;
        self.any_ran.then(|| (shortest / LOOKS).max(SHORTEST))
    }
}

/// A poll that goes on is told again when it has gone on for ten times as long.
const TOLD_AGAIN: u32 = 10;

/// So many looks make the limit: a poll is reported at the latest when it is a quarter longer.
const LOOKS: u32 = 4;

/// Not more often than that, whatever the limit is: a look costs some microseconds.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    /// Looks at two cores every 25 ms, with a limit of 100 ms, and says what came of it. For each look and core `7` is
    /// the number of the poll that goes on, a capital letter that of the last one of a core that is parked, `.` says that it
    /// is parked, `-` that nobody runs it. A `!` is told for the
    /// first time, a `?` again, a `_` says that the next look needs no timer.
    fn play(first: &str, second: &str) -> String {
        let mut watchdog = Watchdog::default();
        let mut told = String::new();
        let look = |number: u64, word: char| {
            let (life, polls) = match word {
                '.' => (Life::Parked, 0),
                '-' => (Life::Out, 0),
                'A'..='Z' => (Life::Parked, u64::from(word.to_digit(36).unwrap())),
                poll => (Life::Running, u64::from(poll.to_digit(36).unwrap())),
            };
            let beat =
                Beat { life, turn_began: Instant::ORIGIN, polls, turns: polls, poll_of: OriginId::NONE };
            Look { reactor: ReactorId(number), beat, held_max: Duration::from_millis(100) }
        };
        for (index, (a, b)) in first.chars().zip(second.chars()).enumerate() {
            let cores = [look(1, a), look(2, b)];
            let now = Duration::from_millis(25) * index as u32;
            let held = watchdog.look(now, &cores);
            let is_told = held.iter().find(|held| held.tells);
            let waits = watchdog.next_look(&cores);
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
        let mut watchdog = Watchdog::default();
        let mut looks_at = |millis: u64| {
            let beat = Beat {
                life: Life::Running,
                turn_began: Instant::ORIGIN,
                polls: 7,
                turns: 7,
                poll_of: OriginId::NONE,
            };
            let look = Look { reactor: ReactorId(1), beat, held_max: Duration::from_millis(100) };
            let held = watchdog.look(Duration::from_millis(millis), &[look]);
            held.first().map(|held| held.time.as_millis())
        };
        // A look comes late, as on a busy machine, and one an hour late: of that only what it meant to wait counts.
        for (millis, held) in [
            (0, None),
            (25, None),
            (70, None),
            (3_600_000, None),
            (3_600_025, Some(120)),
            (3_600_050, Some(145)),
        ] {
            assert_eq!(looks_at(millis), held, "at {millis} ms");
        }
    }

    #[test]
    fn no_cores_are_no_reason_to_look() {
        assert_eq!(Watchdog::default().next_look(&[]), None);
    }
}
