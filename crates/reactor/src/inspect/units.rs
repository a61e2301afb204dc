//! Times as they are read best: three figures at most, and a unit.

use std::fmt;
use std::time::Duration;

/// `4 s`, `1.25 ms`, `31 min`.
#[derive(Clone, Copy)]
pub(crate) struct Brief(pub(crate) Duration);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, name) = UNITS.into_iter().rfind(|(unit, _)| nanos >= *unit).unwrap_or(UNITS[0]);
        let (whole, hundredths) = (nanos / unit, nanos % unit * 100 / unit);
        let number = match (whole, hundredths) {
            (_, 0) | (100.., _) => format!("{whole} {name}"),
            (10.., _) if hundredths < 10 => format!("{whole} {name}"),
            (10.., _) => format!("{whole}.{} {name}", hundredths / 10),
            _ if hundredths.is_multiple_of(10) => format!("{whole}.{} {name}", hundredths / 10),
            _ => format!("{whole}.{hundredths:02} {name}"),
        };
        f.pad(&number)
    }
}

const SECOND: u128 = 1_000_000_000;

const UNITS: [(u128, &str); 7] = [
    (1, "ns"),
    (1_000, "µs"),
    (1_000_000, "ms"),
    (SECOND, "s"),
    (60 * SECOND, "min"),
    (3600 * SECOND, "h"),
    (24 * 3600 * SECOND, "d"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_to_read() {
        for (nanos, read) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_250, "1.25 µs"),
            (1_200, "1.2 µs"),
            (12_300_000, "12.3 ms"),
            (12_030_000, "12 ms"),
            (123_456_789, "123 ms"),
            (4_000_000_000, "4 s"),
            (90_000_000_000, "1.5 min"),
            (2 * 24 * 3600 * 1_000_000_000, "2 d"),
        ] {
            assert_eq!(Brief(Duration::from_nanos(nanos)).to_string(), read);
        }
        assert_eq!(format!("{:>8}", Brief(Duration::from_secs(4))), "     4 s");
    }
}
