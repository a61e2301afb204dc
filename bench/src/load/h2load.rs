//! Drives `h2load`, which asks by HTTP/2, and by HTTP/1.1 where a number of requests is wanted.
//!
//! Its latencies are those of a closed loop: a stall counts once, however many requests it held up.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Outcome, Watch};
use crate::process::Place;
use crate::results::{Figure, Figures};

#[derive(Clone, Copy)]
pub(crate) struct H2load {
    pub(crate) connections: u64,
    /// How many requests are on their way at once on each.
    pub(crate) streams: u64,
    pub(crate) version: Version,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

impl H2load {
    /// Asks this many times.
    pub(crate) fn run(&self, addr: SocketAddr, requests: u64, watch: &mut Watch) -> Result<Outcome> {
        let log = tempfile::NamedTempFile::new()?;
        let mut command = Command::new("h2load");
        command.args(["--threads", "1", "--requests", &requests.to_string()]);
        command.args(["--clients", &self.connections.min(requests).to_string()]);
        command.args(["--max-concurrent-streams", &self.streams.to_string()]);
        command.arg("--log-file").arg(log.path());
        if self.version == Version::Http1 {
            command.arg("--h1");
        }
        command.arg(format!("http://{addr}/"));
        watch.begin()?;
        let finished = Place::Asking.run(&mut command)?;
        watch.end()?;
        let (seconds, succeeded) = read(&finished.printed).context("h2load's report is not as it was")?;
        ensure!(succeeded == requests, "h2load saw {} of {requests} requests fail", requests - succeeded);
        Ok(Outcome {
            requests: requests as f64,
            per_second: requests as f64 / seconds,
            busy: Some(finished.cpu_seconds / seconds),
            more: latencies(&fs::read_to_string(log.path())?),
        })
    }
}

/// How long it took, and how many requests were answered as they should be.
fn read(report: &str) -> Option<(f64, u64)> {
    let field = |begin: &str, end: &str| {
        let (_, rest) = report.split_once(begin)?;
        Some(rest.split_once(end)?.0)
    };
    let succeeded = field("status codes: ", " 2xx")?.parse().ok()?;
    Some((seconds(field("finished in ", ", ")?)?, succeeded))
}

/// A time as `1.23s`, `211.15ms` or `97us`.
fn seconds(time: &str) -> Option<f64> {
    let number = time.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &time[number.len()..] {
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

/// Percentiles of its log: a line a request, with the start, the status and the microseconds it took.
fn latencies(log: &str) -> Figures {
    let took = |line: &str| line.split('\t').nth(2)?.parse::<f64>().ok();
    let mut took: Vec<_> = log.lines().filter_map(took).collect();
    took.sort_by(f64::total_cmp);
    let figures = [
        (Figure::P50Micros, 0.5),
        (Figure::P90Micros, 0.9),
        (Figure::P99Micros, 0.99),
        (Figure::P999Micros, 0.999),
    ];
    let at = |quantile: f64| took.get((took.len() as f64 * quantile) as usize).copied();
    figures.into_iter().filter_map(|(figure, quantile)| Some((figure, at(quantile)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_report_is_read() {
        let report = "finished in 211.15ms, 47360.18 req/s, 1.2MB/s\n\
                      requests: 10000 total, 10000 started, 10000 done, 9999 succeeded, 1 failed\n\
                      status codes: 9999 2xx, 0 3xx, 0 4xx, 1 5xx\n";
        let (seconds, succeeded) = read(report).unwrap();
        assert!((seconds - 0.21115).abs() < 1e-9);
        assert_eq!(succeeded, 9999);
        assert_eq!(read("nothing"), None);
    }

    #[test]
    fn percentiles_are_those_of_its_log() {
        let log: String = (1..=100).map(|micros| format!("1700000000\t200\t{micros}\n")).collect();
        let latencies = latencies(&log);
        assert_eq!(latencies[&Figure::P50Micros], 51.0);
        assert_eq!(latencies[&Figure::P99Micros], 100.0);
    }
}
