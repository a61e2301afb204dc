//! Echo: what a runtime costs when the work is nothing.

use anyhow::Result;

use super::{Scenario, command, serve};
use crate::load::echo::{Echo, Length};
use crate::load::{Watch, measure};
use crate::peers::Peer;
use crate::results::Figure;
use crate::results::summary::Summary;
use crate::rounds::Rounds;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "echo",
    about: "A message is sent back as it came: what a runtime costs when the work is nothing. The kernel's share of a \
            small message over loopback is the same for all, and by far the greatest.",
    kinds: &["echo"],
    programs: &["valgrind", "strace"],
    run,
};

fn run(rounds: &mut Rounds) -> Result<()> {
    let peers = rounds.of_kind("echo");
    for (bytes, size) in [(64, "64 B"), (4096, "4 KiB"), (65_536, "64 KiB")] {
        for connections in [1, 64, 512] {
            let case = name(size, connections);
            let length = Length::Seconds {
                warm_up: rounds.pace.warm_up_seconds,
                counted: rounds.pace.counted_seconds,
            };
            take_turns(rounds, &case, &peers, Echo { connections, bytes, length });
        }
    }
    at_a_pace(rounds, &peers);
    count(rounds, &peers);
    Ok(())
}

fn name(size: &str, connections: usize) -> String {
    format!("{size}, {connections} connection{}", if connections == 1 { "" } else { "s" })
}

fn take_turns(rounds: &mut Rounds, case: &str, peers: &[Peer], echo: Echo) {
    rounds.take_turns(case, peers, |peer| {
        let server = serve(peer)?;
        measure(&server, |watch| echo.run(server.addr, watch))
    });
}

/// The latency of servers that have time: each is asked half as often as the first of them could answer.
fn at_a_pace(rounds: &mut Rounds, peers: &[Peer]) {
    let Some(first) = peers.first() else { return };
    let full = Summary::of(&name("64 B", 64), &rounds.samples).spread(&first.name, Figure::PerSecond);
    let Some(full) = full else { return };
    let length = Length::Paced {
        per_second: full.median / 2.0,
        warm_up: rounds.pace.warm_up_seconds,
        counted: rounds.pace.counted_seconds,
    };
    let case = format!("{}, asked at half of what {} can answer", name("64 B", 64), first.name);
    take_turns(rounds, &case, peers, Echo { connections: 64, bytes: 64, length });
}

fn count(rounds: &mut Rounds, peers: &[Peer]) {
    let requests = rounds.pace.counted_requests;
    rounds.count(&name("64 B", 64), peers, |peer, counter| {
        counter.per_request(&command(peer), requests, |server, requests| {
            let echo = Echo { connections: 64, bytes: 64, length: Length::Requests(requests) };
            echo.run(server.addr, &mut Watch::of(server)).map(drop)
        })
    });
}
