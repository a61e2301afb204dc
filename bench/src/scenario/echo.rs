//! Echo: what a runtime costs when the work is nothing.

use anyhow::Result;

use super::{Scenario, command, serve};
use crate::load::echo::{Echo, Length, Speech};
use crate::load::{Watch, measure};
use crate::peers::Peer;
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
            take_turns(rounds, &case, &peers, Echo { connections, speech: Speech::Echo { bytes }, length });
        }
    }
    super::at_half_pace(rounds, &name("64 B", 64), &peers, SMALL);
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

fn count(rounds: &mut Rounds, peers: &[Peer]) {
    let requests = rounds.pace.counted_requests;
    rounds.count(&name("64 B", 64), peers, |peer, counter| {
        counter.per_request(&command(peer), requests, |server, requests| {
            let echo = Echo { connections: 64, speech: SMALL, length: Length::Requests(requests) };
            echo.run(server.addr, &mut Watch::of(server))
        })
    });
}

const SMALL: Speech = Speech::Echo { bytes: 64 };
