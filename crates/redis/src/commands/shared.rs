//! What the commands of several groups ask: how long to [`Wait`], which [`End`] of a list or [`Extreme`] of a sorted
//! set, how to [`Flush`].

use std::time::Duration;

use crate::commands::table::options;
use crate::{Command, ToArg, ToArgs};

/// How long a blocking command waits. A `Duration` is one: `blpop("queue", Duration::from_secs(5))`.
///
/// On the wire 0 means for ever, which has to be written out here: the shortest wait is a millisecond, and the longest a
/// hundred years.
///
/// It is the server that waits: give the connection's owner no time-out that is shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Until there is something.
    Forever,
    /// No longer than that.
    For(Duration),
}

impl Wait {
    /// As most commands want it. Rounded up, so that a wait is never shorter than was asked for.
    pub(super) fn milliseconds(self) -> u64 {
        match self {
            Self::Forever => 0,
            Self::For(time) => {
                let milliseconds = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
                milliseconds.clamp(1, MILLISECONDS_MAX)
            }
        }
    }

    /// As the commands of lists and sorted sets want it, with a fraction.
    pub(super) fn seconds(self) -> f64 {
        self.milliseconds() as f64 / 1000.0
    }
}

/// A hundred years: a server adds it to its clock, and calls it negative, or no integer, where that overflows.
const MILLISECONDS_MAX: u64 = 100 * 365 * 24 * 3600 * 1000;

impl From<Duration> for Wait {
    fn from(time: Duration) -> Self {
        Self::For(time)
    }
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The first element's.
    Left,
    /// The last element's.
    Right,
}

/// An end of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extreme {
    /// That of the lowest score.
    Min,
    /// That of the highest score.
    Max,
}

impl ToArgs for End {
    fn push_to(&self, command: &mut Command) {
        command.push(match self {
            Self::Left => &b"LEFT"[..],
            Self::Right => &b"RIGHT"[..],
        });
    }
}

impl ToArg for End {}

impl ToArgs for Extreme {
    fn push_to(&self, command: &mut Command) {
        command.push(match self {
            Self::Min => &b"MIN"[..],
            Self::Max => &b"MAX"[..],
        });
    }
}

impl ToArg for Extreme {}

options! {
    /// A command that clears something, with its options. Unless said, the server's configuration says which.
    Flush -> () {
        /// Has it all done before the answer.
        sync() = "SYNC";
        /// Frees the memory in the background.
        lazily() = "ASYNC";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_says_for_ever_waits_for_ever() {
        for (wait, milliseconds) in [
            (Wait::Forever, 0),
            (Duration::ZERO.into(), 1),
            (Duration::from_nanos(1).into(), 1),
            (Duration::from_millis(1500).into(), 1500),
            (Duration::from_micros(1500).into(), 2),
            (Duration::MAX.into(), 3_153_600_000_000),
        ] {
            assert_eq!(wait.milliseconds(), milliseconds, "{wait:?}");
        }
        assert_eq!(Wait::For(Duration::from_millis(1500)).seconds(), 1.5);
    }
}
