//! What a runtime's own parts cost, without a socket: tasks, channels, timers; and what a middleware adds to a call.
//!
//! Each peer's program knows its scenarios by name, and leaves out what its runtime has not.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Scenario;
use crate::load::Measured;
use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
use crate::results::{Figure, Figures};
use crate::rounds::Rounds;

pub(crate) const TASKS: Scenario = Scenario {
    name: "tasks",
    about: "Spawning and joining, one at a time and a thousand at once; yielding; waking a task of the same core, and \
            one of another; and waking one of very many that wait, with the bytes of each.",
    kinds: &["micro"],
    programs: &[],
    run: |rounds| run(rounds, &["spawn_", "yield", "wake"]),
};

pub(crate) const CHANNELS: Scenario = Scenario {
    name: "channels",
    about: "A value there and one back, between two tasks of one core; and values one way, as many as go.",
    kinds: &["micro"],
    programs: &[],
    run: |rounds| run(rounds, &["oneshot", "mpsc_"]),
};

pub(crate) const TIMERS: Scenario = Scenario {
    name: "timers",
    about: "A timer is set and cancelled, as by a time-out of a call in time, while so many others are pending, of which \
            each holds so many bytes.",
    kinds: &["micro"],
    programs: &[],
    run: |rounds| run(rounds, &["timer_"]),
};

pub(crate) const MIDDLEWARE: Scenario = Scenario {
    name: "middleware",
    about: "What a call takes through a service, and through the same service with a middleware around it.",
    kinds: &["micro"],
    programs: &[],
    run: |rounds| run(rounds, &["call_"]),
};

/// Runs what begins with one of these words, scenario by scenario.
fn run(rounds: &mut Rounds, begins: &[&str]) -> Result<()> {
    let mut able = Vec::new();
    for peer in rounds.of_kind("micro") {
        let known = Place::Serving.run(Command::new(program(&peer.package)).arg("list"))?.printed;
        let wanted = |name: &&str| begins.iter().any(|begin| name.starts_with(begin));
        able.extend(known.lines().filter(wanted).map(|name| (name.to_owned(), peer.clone())));
    }
    for (name, peers) in super::by_name(able) {
        let seconds = rounds.pace.counted_seconds / 4.0;
        let mut operations = BTreeMap::new();
        rounds.take_turns(&name, &peers, |peer| {
            let operations = match operations.get(&peer.name) {
                Some(known) => *known,
                None => *operations.entry(peer.name.clone()).or_insert(as_many_as(seconds, peer, &name)?),
            };
            Ok(Measured::of(report(peer, &name, operations)?.figures(&name)))
        });
    }
    Ok(())
}

/// How many operations take about that long, by a try with few.
fn as_many_as(seconds: f64, peer: &Peer, scenario: &str) -> Result<u64> {
    let guess = report(peer, scenario, FEW)?.ns_per_op;
    Ok(((seconds * 1e9 / guess.max(1.0)) as u64).clamp(FEW, MANY))
}

/// What one operation took, of so many.
fn report(peer: &Peer, scenario: &str, operations: u64) -> Result<Report> {
    // Between threads there are two cores to use.
    let place = if is_threaded(scenario) { Place::Anywhere } else { Place::Serving };
    let mut command = Command::new(program(&peer.package));
    let printed = place.run(command.args([scenario, &operations.to_string()]))?.printed;
    serde_json::from_str(&printed).context("a peer's report is not as it was")
}

fn is_threaded(scenario: &str) -> bool {
    scenario.ends_with("_threads")
}

#[derive(Deserialize)]
struct Report {
    ns_per_op: f64,
    cpu_ns_per_op: f64,
    /// A peer that works on other threads than its first cannot count its own.
    allocs_per_op: Option<f64>,
    /// What each of the things holds among which it was done.
    bytes_each: Option<f64>,
}

impl Report {
    fn figures(&self, scenario: &str) -> Figures {
        let mut figures = Figures::from([(Figure::Nanos, self.ns_per_op)]);
        // A thread has its work or the machine's other programs to wait for; two have each other, and that counts.
        if !is_threaded(scenario) {
            figures.insert(Figure::CpuNanos, self.cpu_ns_per_op);
        }
        figures.extend(self.bytes_each.map(|bytes| (Figure::Bytes, bytes)));
        figures.extend(self.allocs_per_op.map(|count| (Figure::Allocations, count)));
        figures
    }
}

const FEW: u64 = 1_000;
const MANY: u64 = 10_000_000;
