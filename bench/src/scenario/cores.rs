//! Cores: what a second thread of the server costs, and brings, and what one does when the other is loaded.

use std::process::Command;

use anyhow::Result;

use super::Scenario;
use crate::load::echo::{Echo, Length, Speech};
use crate::load::{Measured, measure};
use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
use crate::process::server::Server;
use crate::rounds::Rounds;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "cores",
    about: "Echo of 64 B by one thread and by two, over 64 connections, with the server on whatever cores the kernel gives it \
            and the load on the second: on a machine with two cores the load takes from the server, so look at the CPU of \
            a request, which is more for a server that has time to sleep. *Busiest* is the share of the busiest thread in \
            what all used of the processor. Then two threads, loaded unevenly: of 64 connections every fourth asks for \
            200 µs of work in each request, at a pace that keeps a core busy to four fifths, and the latency is that of \
            the others. Connections were opened one after the other, so to runtimes that place them by turns and leave \
            them there the heavy ones are all on one core.",
    kinds: &["echo", "cores"],
    programs: &[],
    run,
};

fn run(rounds: &mut Rounds) -> Result<()> {
    let peers = rounds.of_kind("echo");
    let length =
        Length::Seconds { warm_up: rounds.pace.warm_up_seconds, counted: rounds.pace.counted_seconds };
    let echo = Echo { connections: 64, speech: Speech::Echo { bytes: 64 }, length };
    for (threads, case) in [("1", "one thread"), ("2", "two threads")] {
        rounds.take_turns(case, &peers, |peer| ask(peer, threads, &echo));
    }
    let length = Length::Paced {
        per_second: UNEVEN_PER_SECOND,
        warm_up: rounds.pace.warm_up_seconds,
        counted: rounds.pace.counted_seconds,
    };
    let speech = Speech::Uneven { heavy_every: 4, heavy_micros: 200 };
    let uneven = Echo { connections: 64, speech, length };
    let peers = rounds.of_kind("cores");
    rounds.take_turns("two threads, one of them loaded", &peers, |peer| ask(peer, "2", &uneven));
    Ok(())
}

fn ask(peer: &Peer, threads: &str, echo: &Echo) -> Result<Measured> {
    let server = serve(peer, threads)?;
    measure(&server, |watch| echo.run(server.addr, watch)).map(Measured::with_balance)
}

fn serve(peer: &Peer, threads: &str) -> Result<Server> {
    let mut command = Command::new(program(&peer.package));
    Server::start(Place::Anywhere, command.args(["127.0.0.1:0", threads]))
}

/// A fourth of it is heavy: 4,000 times 200 µs a second.
const UNEVEN_PER_SECOND: f64 = 16_000.0;
