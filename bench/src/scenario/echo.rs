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

const CASES: [(&str, usize, usize); 9] = [
    ("64 B", 64, 1),
    ("64 B", 64, 64),
    ("64 B", 64, 512),
    ("4 KiB", 4096, 1),
    ("4 KiB", 4096, 64),
    ("4 KiB", 4096, 512),
    ("64 KiB", 65_536, 1),
    ("64 KiB", 65_536, 64),
    ("64 KiB", 65_536, 512),
];

fn run(rounds: &mut Rounds) -> Result<()> {
    let peers = rounds.of_kind("echo");
    for (size, bytes, connections) in CASES {
        // For a look, each size and each number of connections once.
        if rounds.pace.is_quick && bytes != 64 && connections != 64 {
            continue;
        }
        let length =
            Length::Seconds { warm_up: rounds.pace.warm_up_seconds, counted: rounds.pace.counted_seconds };
        let echo = Echo { connections, speech: Speech::Echo { bytes }, length };
        rounds.take_turns(&name(size, connections), &peers, |peer| {
            let server = serve(peer)?;
            measure(&server, |watch| echo.run(server.addr, watch))
        });
    }
    super::at_half_pace(rounds, &name("64 B", 64), &peers, SMALL);
    count(rounds, &peers);
    Ok(())
}

fn name(size: &str, connections: usize) -> String {
    format!("{size}, {connections} connection{}", if connections == 1 { "" } else { "s" })
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
