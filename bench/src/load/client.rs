//! Drives a peer's own client: where a protocol is a peer's own, or a client is what is measured.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Outcome, Watch};
use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
use crate::results::Figure;

/// The scenarios that a peer knows.
pub(crate) fn scenarios(peer: &Peer) -> Result<Vec<String>> {
    let known = Place::Asking.run(Command::new(program(&peer.package)).arg("list"))?.printed;
    Ok(known.lines().map(str::to_owned).collect())
}

/// Has the client make that many calls, and some before to warm up.
pub(crate) fn run(
    peer: &Peer,
    scenario: &str,
    calls: u64,
    addr: SocketAddr,
    watch: &mut Watch,
) -> Result<Outcome> {
    let mut command = Command::new(program(&peer.package));
    command.args(["client", &addr.to_string(), scenario, &calls.to_string()]);
    watch.begin()?;
    let printed = Place::Asking.run(&mut command)?.printed;
    watch.end()?;
    let report: Report = serde_json::from_str(&printed).context("a client's report is not as it was")?;
    let cpu_seconds = report.user_seconds + report.system_seconds;
    Ok(Outcome {
        requests: (calls + calls / WARM_UP) as f64,
        per_second: report.calls / report.seconds,
        busy: Some(cpu_seconds / report.seconds),
        more: [(Figure::OtherEndMicros, cpu_seconds * 1e6 / report.calls)].into(),
    })
}

/// A call in so many is made once more, before: to warm up.
const WARM_UP: u64 = 10;

#[derive(Deserialize)]
struct Report {
    calls: f64,
    seconds: f64,
    user_seconds: f64,
    system_seconds: f64,
}
