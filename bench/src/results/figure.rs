//! The figures that are measured, and how they are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Values by figure.
pub(crate) type Figures = BTreeMap<Figure, f64>;

/// In the order of their weight: what stays meaningful on a shared machine comes first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    Instructions,
    CpuMicros,
    UserMicros,
    SystemMicros,
    CpuNanos,
    #[serde(alias = "client_micros")]
    OtherEndMicros,
    Busiest,
    SystemCalls,
    Allocations,
    PerSecond,
    P50Micros,
    P90Micros,
    P99Micros,
    P999Micros,
    Nanos,
    Bytes,
    OpenMicros,
    ListMicros,
    WakeMicros,
    DrainMicros,
    CpuSeconds,
    Seconds,
    Crates,
    BinaryBytes,
}

impl Figure {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Instructions => "user instructions",
            Self::CpuMicros => "CPU µs",
            Self::UserMicros => "user µs",
            Self::SystemMicros => "system µs",
            Self::CpuNanos => "CPU ns",
            Self::OtherEndMicros => "other end's CPU µs",
            Self::Busiest => "busiest",
            Self::SystemCalls => "system calls",
            Self::Allocations => "allocations",
            Self::PerSecond => "per second",
            Self::P50Micros => "p50 µs",
            Self::P90Micros => "p90 µs",
            Self::P99Micros => "p99 µs",
            Self::P999Micros => "p99.9 µs",
            Self::Nanos => "ns",
            Self::Bytes => "bytes",
            Self::OpenMicros => "opened, µs",
            Self::ListMicros => "listed, µs",
            Self::WakeMicros => "woken, µs",
            Self::DrainMicros => "drained, µs",
            Self::CpuSeconds => "CPU s",
            Self::Seconds => "s",
            Self::Crates => "crates",
            Self::BinaryBytes => "binary, bytes",
        }
    }

    /// A value with three digits that mean something, and commas between thousands.
    pub(crate) fn show(value: f64) -> String {
        let digits = match value.abs() {
            value if value >= 100.0 => 0,
            value if value >= 10.0 => 1,
            _ => 2,
        };
        // Adding nothing turns -0 into 0.
        let shown = format!("{:.digits$}", (value * 100.0).round() / 100.0 + 0.0);
        let (whole, fraction) = shown.split_once('.').map_or((shown.as_str(), None), |(a, b)| (a, Some(b)));
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0
                && (whole.len() - at).is_multiple_of(3)
                && digit.is_ascii_digit()
                && !grouped.ends_with('-')
            {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        fraction.map_or(grouped.clone(), |fraction| format!("{grouped}.{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_to_three_digits() {
        let check = |value, want| assert_eq!(Figure::show(value), want);
        check(0.5, "0.50");
        check(12.345, "12.3");
        check(930.4, "930");
        check(21_600.0, "21,600");
        check(1_000_000.0, "1,000,000");
        check(-100.0, "-100");
        check(-0.001, "0.00");
    }
}
