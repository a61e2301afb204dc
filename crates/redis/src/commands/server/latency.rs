//! What held the server up, as far as the parameter `latency-monitor-threshold` says to note it; and how long
//! commands take.

use std::collections::BTreeMap;

use crate::commands::table::{commands, records};
use crate::{Error, FromValue, ToArg, ToArgs, Value};

commands! { server_latency_methods;
    /// What the server thinks of it, as a text for people.
    ///
    /// Redis 2.8.13.
    Reads "LATENCY DOCTOR" latency_doctor() -> String;

    /// A picture of an event's last times, as a text for people.
    ///
    /// Redis 2.8.13.
    Reads "LATENCY GRAPH" latency_graph(event: impl ToArg) -> String;

    /// How long commands take: those with these names, or with `()` all that were called.
    ///
    /// Redis 7.0.
    Reads "LATENCY HISTOGRAM" latency_histogram(commands: impl ToArgs) -> BTreeMap<String, LatencyHistogram>;

    /// When an event held the server up, in seconds since 1970, and for how many milliseconds.
    ///
    /// Redis 2.8.13.
    Reads "LATENCY HISTORY" latency_history(event: impl ToArg) -> Vec<(u64, u64)>;

    /// Each event with when it last held the server up, and for how long.
    ///
    /// Redis 2.8.13.
    Reads "LATENCY LATEST" latency_latest() -> Vec<LatencyEvent>;

    /// Forgets these events, or with `()` all. Answers how many there were.
    ///
    /// Redis 2.8.13.
    Writes "LATENCY RESET" latency_reset(events: impl ToArgs) -> u64;
}

records! {
    /// How long a command takes, of [`latency_histogram`].
    LatencyHistogram {
        /// How often it was called.
        calls: u64 = "calls",
        /// Times in microseconds, each with how often it took no longer than that.
        histogram_usec: BTreeMap<u64, u64> = "histogram_usec",
    }
}

/// An event that held the server up, of [`latency_latest`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatencyEvent {
    /// Its name.
    pub name: String,
    /// When last, in seconds since 1970.
    pub unix_seconds: u64,
    /// For how many milliseconds then.
    pub latest_milliseconds: u64,
    /// For how many at most.
    pub max_milliseconds: u64,
}

impl FromValue for LatencyEvent {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (name, unix_seconds, latest_milliseconds, max_milliseconds) = FromValue::from_value(value)?;
        Ok(Self { name, unix_seconds, latest_milliseconds, max_milliseconds })
    }
}
