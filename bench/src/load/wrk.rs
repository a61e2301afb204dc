//! Drives `wrk`, which asks by HTTP/1.1.
//!
//! Its latencies are those of a closed loop: a stall counts once, however many requests it held up.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Outcome, Watch};
use crate::process::Place;
use crate::results::Figure;

#[derive(Clone, Copy)]
pub(crate) struct Wrk {
    pub(crate) connections: usize,
    /// How many requests are sent at once.
    pub(crate) depth: usize,
    /// Whether each request has a connection of its own.
    pub(crate) closes: bool,
}

impl Wrk {
    /// Asks for this many seconds, of which wrk knows whole ones.
    pub(crate) fn run(&self, addr: SocketAddr, seconds: f64, watch: &mut Watch) -> Result<Outcome> {
        let mut command = Command::new("wrk");
        command.args(["--threads", "1", "--connections", &self.connections.to_string()]);
        command.args(["--duration", &format!("{}s", seconds.ceil()), "--script", "wrk.lua"]);
        if self.closes {
            command.args(["--header", "Connection: close"]);
        }
        command.args([&format!("http://{addr}/"), "--", &self.depth.to_string()]);
        watch.begin()?;
        let finished = Place::Asking.run(&mut command)?;
        watch.end()?;
        let report = finished.printed.lines().last().unwrap_or_default();
        let report: Report = serde_json::from_str(report).context("wrk's report is not as it was")?;
        ensure!(report.failed == 0, "wrk saw {} requests fail", report.failed);
        let latencies = [
            (Figure::P50Micros, report.p50_us),
            (Figure::P90Micros, report.p90_us),
            (Figure::P99Micros, report.p99_us),
            (Figure::P999Micros, report.p999_us),
        ];
        let seconds = report.micros / 1e6;
        Ok(Outcome {
            requests: report.requests,
            per_second: report.requests / seconds,
            busy: Some(finished.cpu_seconds / seconds),
            // It says 0 where its own correction left it no sample.
            more: latencies.into_iter().filter(|(_, micros)| *micros > 0.0).collect(),
        })
    }
}

#[derive(Deserialize)]
struct Report {
    requests: f64,
    micros: f64,
    failed: u64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p999_us: f64,
}
