//! Schedules as text, read and written: what a failure prints is what a test says.
//!
//! ```text
//!   at 3 s partition main | server
//!   at 3.5 s heal main | server
//! ```

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ekiden_reactor::Signal;

use super::Faults;
use super::fault::{Fault, Kind};
use crate::clocks::Skew;

/// What is no schedule, and which line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    line: String,
    wrong: &'static str,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no line of a schedule: {}", self.line, self.wrong)
    }
}

impl std::error::Error for ScriptError {}

/// A line for each fault, or several in a line with semicolons between them.
impl FromStr for Faults {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut lines = text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty());
        lines.try_fold(Self::new(), |faults, line| {
            let (time, fault) =
                parse_line(line).map_err(|wrong| ScriptError { line: line.to_owned(), wrong })?;
            Ok(faults.at(time, fault))
        })
    }
}

/// `at 3 s crash server`
fn parse_line(line: &str) -> Result<(Duration, Fault), &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["at", number, unit, rest @ ..] = &words[..] else {
        return Err("it begins with a time, such as `at 3.5 s`");
    };
    let own = str::to_owned;
    let kind = match *rest {
        ["partition", a, "|", b] => Kind::Partition(own(a), own(b)),
        ["partition", from, ">", to] => Kind::PartitionOneWay(own(from), own(to)),
        ["heal", a, "|", b] => Kind::Heal(own(a), own(b)),
        ["reset", a, "|", b] => Kind::Reset(own(a), own(b)),
        ["reset", from, ">", to, "after", bytes, "B"] => {
            Kind::ResetAfter(own(from), own(to), parse_number(bytes)?)
        }
        ["flap", a, "|", b, "whole", a1, a2, "to", b1, b2, "cut", c1, c2, "to", d1, d2] => {
            Kind::Flap(own(a), own(b), parse_times([a1, a2], [b1, b2])?, parse_times([c1, c2], [d1, d2])?)
        }
        ["latency", a, "|", b, a1, a2, "to", b1, b2] => {
            Kind::Latency(own(a), own(b), parse_times([a1, a2], [b1, b2])?)
        }
        ["long", "latency", a, "|", b, "one", "in", one_in, least, "to", most, "times"] => Kind::LongLatency(
            own(a),
            own(b),
            parse_number(one_in)?,
            parse_number(least)?..=parse_number(most)?,
        ),
        ["bandwidth", a, "|", b, bytes, "B/s"] => Kind::Bandwidth(own(a), own(b), parse_number(bytes)?),
        ["slow", "down", host, times, "times"] => Kind::SlowDown(own(host), parse_number(times)?),
        ["skew", host, "ahead", number, unit] => {
            Kind::Skew(own(host), Skew::Ahead(parse_time(number, unit)?))
        }
        ["loss", a, "|", b, "one", "in", one_in] => Kind::Loss(own(a), own(b), parse_number(one_in)?),
        ["skew", host, "behind", number, unit] => {
            Kind::Skew(own(host), Skew::Behind(parse_time(number, unit)?))
        }
        ["loss", a, "|", b, "as", "usual"] => Kind::UsualLoss(own(a), own(b)),
        ["bandwidth", a, "|", b, "as", "usual"] => Kind::UsualBandwidth(own(a), own(b)),
        ["drift", host, ppm, "ppm"] => Kind::Drift(own(host), parse_number(ppm)?),
        ["crash", host] => Kind::Crash(own(host)),
        ["restart", host] => Kind::Restart(own(host)),
        ["pause", host] => Kind::Pause(own(host)),
        ["resume", host] => Kind::Resume(own(host)),
        ["signal", host, name] => {
            let named = Signal::ALL.into_iter().find(|signal| format!("{signal:?}") == name);
            Kind::Signal(own(host), named.ok_or("there is no such signal")?)
        }
        ["lookups", "fail", host] => Kind::FailLookups(own(host)),
        ["lookups", "work", host] => Kind::MendLookups(own(host)),
        ["lookups", host, a1, a2, "to", b1, b2] => Kind::Lookups(own(host), parse_times([a1, a2], [b1, b2])?),
        _ => return Err("there is no such fault, such as `partition a | b` or `crash a`"),
    };
    Ok((parse_time(number, unit)?, Fault(kind).checked()?))
}

/// A time as one writes it, exactly: `1.5 s`, `20 ms`.
pub(super) struct Time(pub(super) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let largest = UNITS.iter().find(|(_, digits)| nanos >= 10u128.pow(*digits as u32));
        let (unit, digits) = *largest.unwrap_or(&UNITS[0]);
        let (whole, part) = (nanos / 10u128.pow(digits as u32), nanos % 10u128.pow(digits as u32));
        let part = format!("{part:0digits$}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole} {unit}"),
            part => write!(f, "{whole}.{part} {unit}"),
        }
    }
}

/// A range of them.
pub(super) struct Times<'a>(pub(super) &'a RangeInclusive<Duration>);

impl fmt::Display for Times<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", Time(*self.0.start()), Time(*self.0.end()))
    }
}

fn parse_number<T: FromStr>(number: &str) -> Result<T, &'static str> {
    number.parse().map_err(|_| "it has something else where a number should be")
}

/// Two times, each in its unit.
fn parse_times(least: [&str; 2], most: [&str; 2]) -> Result<RangeInclusive<Duration>, &'static str> {
    Ok(parse_time(least[0], least[1])?..=parse_time(most[0], most[1])?)
}

fn parse_time(number: &str, unit: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "a time is a number and `s`, `ms`, `us` or `ns`";
    let (_, digits) = *UNITS.iter().find(|(name, _)| *name == unit).ok_or(WRONG)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > digits || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(WRONG);
    }
    let nanos: u64 = format!("{whole}{part:0<digits$}").parse().map_err(|_| WRONG)?;
    Ok(Duration::from_nanos(nanos))
}

/// The largest first, each with how many digits of nanoseconds it has.
const UNITS: [(&str, usize); 4] = [("s", 9), ("ms", 6), ("us", 3), ("ns", 0)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_was_written() {
        for (nanos, text) in [
            (0, "0 s"),
            (1, "1 ns"),
            (1_500, "1.5 us"),
            (20_000_000, "20 ms"),
            (3_000_000_000, "3 s"),
            (3_204_000_001, "3.204000001 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            let time = Duration::from_nanos(nanos);
            assert_eq!(Time(time).to_string(), text);
            let (number, unit) = text.split_once(' ').unwrap();
            assert_eq!(parse_time(number, unit), Ok(time));
        }
    }

    #[test]
    fn every_fault_is_read_as_it_was_written() {
        let script = "at 0 s partition a | b\n\
                      at 10 ms partition a > b\n\
                      at 20 ms heal a | b\n\
                      at 3 s reset a | b\n\
                      at 4 s latency a | b 200 us to 5 ms\n\
                      at 4 s reset a > b after 1000 B\n\
                      at 4 s flap a | b whole 1 s to 2 s cut 100 ms to 1.5 s\n\
                      at 4 s long latency a | b one in 10 5 to 50 times\n\
                      at 4 s loss a | b one in 20\n\
                      at 4 s bandwidth a | b 20000 B/s\n\
                      at 4 s loss a | b as usual\n\
                      at 4 s bandwidth a | b as usual\n\
                      at 4 s slow down a 10 times\n\
                      at 4 s skew a ahead 60 s\n\
                      at 4 s skew a behind 1.5 s\n\
                      at 4 s drift a -100 ppm\n\
                      at 5 s crash a\n\
                      at 6 s restart a\n\
                      at 7 s pause a\n\
                      at 8 s resume a\n\
                      at 9 s signal a Terminate\n\
                      at 9 s lookups fail a\n\
                      at 9 s lookups work a\n\
                      at 9 s lookups a 1 s to 5 s";
        let faults: Faults = script.parse().unwrap();
        assert_eq!(faults.iter().count(), 24);
        assert_eq!(faults.to_string(), script);
        assert_eq!(script.replace('\n', "; ").parse::<Faults>().unwrap(), faults);
    }

    #[test]
    fn what_is_no_schedule_is_told_with_its_line() {
        for (line, wrong) in [
            ("3 s crash a", "begins with a time"),
            ("at 3 min crash a", "a time is"),
            ("at .1234567891 s crash a", "a time is"),
            ("at -1 s crash a", "a time is"),
            ("at 99999999999 s crash a", "a time is"),
            ("at 3 s crash", "no such fault"),
            ("at 3 s partition a b", "no such fault"),
            ("at 3 s signal a Hello", "no such signal"),
            ("at 3 s bandwidth a | b low B/s", "something else where a number"),
            ("at 3 s bandwidth a | b 0 B/s", "carries nothing, 0 B/s,"),
            ("at 3 s slow down a 0 times", "0 times"),
            ("at 3 s drift a 500001 ppm", "500,000 ppm at most"),
            ("at 3 s latency a | b 2 s to 1 s", "ends before it begins"),
            ("at 3 s long latency a | b one in 2 9 to 3 times", "ends before it begins"),
            ("at 3 s lookups a 2 s to 1 s", "ends before it begins"),
            ("at 3 s flap a | b whole 0 s to 1 s cut 0 s to 1 s", "takes time"),
            ("at 3 s flap a | b whole 1 ns to 1 s cut 99 us to 1 s", "100 µs at least"),
            ("at 3 s crash main", "the scenario itself"),
            ("at 3 s signal main Terminate", "the scenario itself"),
        ] {
            let error = format!("at 1 s crash a\n\n{line}\n").parse::<Faults>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{line}` is no line")) && error.contains(wrong), "{error}");
        }
    }
}
