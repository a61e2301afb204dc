//! What we hold ourselves to, beside what was measured: met, or missed and why.
//!
//! The figures are those of the tables below on the page, so nobody can forget to look.

use std::fmt::Write;

use crate::results::summary::Summary;
use crate::results::{Figure, Results};
use crate::scenario::Scenario;

/// A figure of ours that is to be at most so much.
#[derive(Clone, Copy)]
struct Target {
    what: &'static str,
    scenario: &'static str,
    case: &'static str,
    measure: Measure,
    at_most: f64,
    /// What the distance is made of, where there is one.
    why: &'static str,
}

#[derive(Clone, Copy)]
enum Measure {
    /// Of one of our programs.
    Of(&'static str, Figure),
    /// How many times as much as another's, within each round.
    Ratio(&'static str, &'static str, Figure),
    /// More than in another case.
    Above(&'static str, &'static str, Figure),
    /// How many times as much as in another case.
    Against(&'static str, &'static str, Figure),
}

use Figure::{Bytes, CpuMicros, CpuNanos, Crates, Instructions, Nanos, P50Micros, PerSecond, Seconds};
use Measure::{Above, Against, Of, Ratio};

const TARGETS: &[Target] = &[
    Target {
        what: "echo, 64 connections: user instructions",
        scenario: "echo",
        case: "64 B, 64 connections",
        measure: Of("ekiden", Instructions),
        at_most: 450.0,
        why: "all of it is safe code. For one echo by itself 1,100 were counted: reading 110, waiting for the next and \
              forgetting that again 90, writing 95, waking by an id that is looked up and running the task 190, the selector \
              and its events 260, the clock 90, the rest of a turn 180, which several requests share where there are many \
              connections; 60 of a poll and 50 of a turn are what it takes to see inside",
    },
    Target {
        what: "the same: CPU against the loop by hand",
        scenario: "echo",
        case: "64 B, 64 connections",
        measure: Ratio("ekiden", "limit", CpuMicros),
        at_most: 1.02,
        why: "the instructions above; the kernel's share is the same",
    },
    Target {
        what: "echo on one connection: p50, µs",
        scenario: "echo",
        case: "64 B, 1 connection",
        measure: Of("ekiden", P50Micros),
        at_most: 20.0,
        why: "a load that sleeps between its requests is itself woken in each",
    },
    Target {
        what: "HTTP/1.1 keep-alive, `http`'s types: user instructions",
        scenario: "http1",
        case: "keep-alive, 64 connections",
        measure: Of("ekiden", Instructions),
        at_most: 5_000.0,
        why: "making and dropping `http`'s types of request and response takes some 2,200, of which validating what the \
              parser has validated can only be left out by `unsafe`; then see below",
    },
    Target {
        what: "the same for a service of the head as parsed",
        scenario: "http1",
        case: "keep-alive, 64 connections",
        measure: Of("ekiden-raw", Instructions),
        at_most: 2_500.0,
        why: "of one request in memory 5,440 were counted, by `guard profile http_raw`: the head parsed, checked and kept 1,000; \
              its framing, order and limits 780; the call 230, and the response that the service makes 280; what becomes of \
              that, encoding and dropping it in `http`'s type included, 1,170; reading and writing 410; the task's turn with \
              its phases and their time limits 1,000; the loop, and whoever asks, 570. The rest is what sockets cost more",
    },
    Target {
        what: "HTTP/1.1 pipelined 16: CPU against what is written by hand",
        scenario: "http1",
        case: "pipelined 16, 64 connections",
        measure: Ratio("ekiden-raw", "limit", CpuMicros),
        at_most: 1.5,
        why: "the kernel's share is small here, so it is the instructions of a request, as above",
    },
    Target {
        what: "an RPC call, 64 in flight on one connection: user instructions",
        scenario: "rpc",
        case: "unary_64_64",
        measure: Of("ekiden", Instructions),
        at_most: 2_000.0,
        why: "",
    },
    Target {
        what: "the same: CPU against tarpc's",
        scenario: "rpc",
        case: "unary_64_64",
        measure: Ratio("ekiden", "tarpc", CpuMicros),
        at_most: 0.50,
        why: "",
    },
    Target {
        what: "Redis GET by 256 tasks: calls a second of a loop by hand against ours",
        scenario: "redis",
        case: "get_256",
        measure: Ratio("raw", "ekiden", PerSecond),
        at_most: 1.18,
        why: "",
    },
    Target {
        what: "an idle connection of framed echo: bytes",
        scenario: "memory",
        case: "framed echo, 1000 idle connections",
        measure: Of("ekiden", Bytes),
        at_most: 450.0,
        why: "",
    },
    Target {
        what: "an idle HTTP connection after a request: bytes",
        scenario: "memory",
        case: "HTTP keep-alive, 1000 idle connections",
        measure: Of("ekiden", Bytes),
        at_most: 900.0,
        why: "",
    },
    Target {
        what: "spawn and join, one at a time: CPU ns",
        scenario: "tasks",
        case: "spawn_join_one",
        measure: Of("ekiden", CpuNanos),
        at_most: 100.0,
        why: BUSY,
    },
    Target {
        what: "spawn and join, a thousand at once: CPU ns",
        scenario: "tasks",
        case: "spawn_join_1000",
        measure: Of("ekiden", CpuNanos),
        at_most: 80.0,
        why: BUSY,
    },
    Target {
        what: "wake another task and run it: CPU ns",
        scenario: "tasks",
        case: "wake",
        measure: Of("ekiden", CpuNanos),
        at_most: 45.0,
        why: BUSY,
    },
    Target {
        what: "there and back between two cores, which spin: ns",
        scenario: "tasks",
        case: "wake_threads",
        measure: Of("ekiden", Nanos),
        at_most: 2_000.0,
        why: "between two looks at the inbox lies a system call that asks for events",
    },
    Target {
        what: "oneshot there and back: CPU ns",
        scenario: "channels",
        case: "oneshot",
        measure: Of("ekiden", CpuNanos),
        at_most: 120.0,
        why: BUSY,
    },
    Target {
        what: "mpsc there and back: CPU ns",
        scenario: "channels",
        case: "mpsc_round_trip",
        measure: Of("ekiden", CpuNanos),
        at_most: 200.0,
        why: BUSY,
    },
    Target {
        what: "mpsc one way: CPU ns",
        scenario: "channels",
        case: "mpsc_throughput",
        measure: Of("ekiden", CpuNanos),
        at_most: 30.0,
        why: BUSY,
    },
    Target {
        what: "a timer set and cancelled among a million: CPU ns",
        scenario: "timers",
        case: "timer_cancel_1e6",
        measure: Of("ekiden", CpuNanos),
        at_most: 400.0,
        why: BUSY,
    },
    Target {
        what: "a `Timeout` around a call: CPU ns",
        scenario: "middleware",
        case: "call_timeout",
        measure: Above("ekiden", "call_bare", CpuNanos),
        at_most: 50.0,
        why: "it looks at the clock before each call and narrows the deadline of its context, so that nothing is begun \
              under one that has passed",
    },
    Target {
        what: "a `ConcurrencyLimit` around a call: CPU ns",
        scenario: "middleware",
        case: "call_concurrency_limit",
        measure: Above("ekiden", "call_bare", CpuNanos),
        at_most: 50.0,
        why: BUSY,
    },
    Target {
        what: "two reactors against one: CPU of a request",
        scenario: "cores",
        case: "two threads",
        measure: Against("ekiden", "one thread", CpuMicros),
        at_most: 1.05,
        why: "the second reactor costs nothing by itself, but sleeping does: on another machine of two cores the CPU of a \
              request was 2.2 µs and 2.9 µs for each time that a thread slept, by one line for one reactor and for two. \
              The load takes one of the cores in a closed loop. A single reactor is hardly ever done with it: it sleeps 0.02 \
              times a request and takes 40 events in a turn. Of two each has time, and they sleep 0.10 times, 0.17 if they do \
              not spin before. Asked at the same pace, 25,000 to 100,000 times a second, two took 0.93 to 1.07 of what one did",
    },
    Target {
        what: "hello built from nothing: time against axum's",
        scenario: "build",
        case: "a cold release build",
        measure: Ratio("ekiden", "axum", Seconds),
        at_most: 0.8,
        why: "it was 0.51 before cores, files, processes, contexts and the table of tasks came: of 29 s of compiling 9 are \
              the program itself, in which the server becomes code for its service, 7 the reactor and 5 the system calls \
              of rustix",
    },
    Target {
        what: "the same: crates against axum's",
        scenario: "build",
        case: "a cold release build",
        measure: Ratio("ekiden", "axum", Crates),
        at_most: 0.99,
        why: "",
    },
];

/// Instructions are the same on any day; nanoseconds are those of a machine and of what else it does.
const BUSY: &str = "met on the machines that it was measured on by itself; here the ratios to tokio's in the tables below tell \
                    whether it is the machine";

/// The table of those that were measured.
pub(super) fn of(all: &[(&Scenario, &Results)]) -> String {
    let mut text = "| what we hold ourselves to | at most | measured | |\n|---|---:|---:|---|\n".to_owned();
    for target in TARGETS {
        if let Some((_, results)) = all.iter().find(|(scenario, _)| scenario.name == target.scenario) {
            let _ = writeln!(text, "{}", target.row(target.measured(results)));
        }
    }
    text
}

impl Target {
    fn measured(&self, results: &Results) -> Option<f64> {
        let of = |case| Summary::of(case, &results.samples);
        let median = |case, peer, figure| Some(of(case).spread(peer, figure)?.median);
        match self.measure {
            Of(peer, figure) => median(self.case, peer, figure),
            Ratio(peer, other, figure) => Some(of(self.case).ratio(peer, other, figure)?.median),
            Above(peer, case, figure) => Some(median(self.case, peer, figure)? - median(case, peer, figure)?),
            Against(peer, case, figure) => {
                Some(median(self.case, peer, figure)? / median(case, peer, figure)?)
            }
        }
    }

    /// Of a scenario that was measured; if this of it was not, that is shown, too.
    fn row(&self, measured: Option<f64>) -> String {
        let verdict = match measured {
            None => "**not measured**".to_owned(),
            Some(measured) if measured <= self.at_most => "met".to_owned(),
            Some(_) => format!("**missed**: {}", self.why),
        };
        let shown = measured.map_or_else(|| "–".to_owned(), Figure::show);
        format!("| {} | {} | {shown} | {verdict} |", self.what, Figure::show(self.at_most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_of_a_scenario_that_there_is() {
        for target in TARGETS {
            let known = crate::scenario::SCENARIOS.iter().any(|scenario| scenario.name == target.scenario);
            assert!(known, "{}", target.what);
        }
    }

    #[test]
    fn what_is_missed_says_why() {
        let target = Target { why: "too slow", ..TARGETS[0] };
        let row = |measured| target.row(measured);
        assert_eq!(row(Some(449.0)), "| echo, 64 connections: user instructions | 450 | 449 | met |");
        assert!(row(Some(451.0)).ends_with("| **missed**: too slow |"));
        assert!(row(None).ends_with("| – | **not measured** |"));
    }
}
