//! Cores: what a second thread of the server costs, and brings.

use std::process::Command;

use anyhow::Result;

use super::Scenario;
use crate::load::echo::{Echo, Length, Speech};
use crate::load::measure;
use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
use crate::process::server::Server;
use crate::rounds::Rounds;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "cores",
    about: "Echo of 64 B by one thread and by two, over 64 connections, with server and load on whatever cores the kernel \
            gives them: on a machine with two cores the load takes from the server, so look at the CPU of a request.",
    kinds: &["echo"],
    programs: &[],
    run,
};

fn run(rounds: &mut Rounds) -> Result<()> {
    let peers = rounds.of_kind("echo");
    let length =
        Length::Seconds { warm_up: rounds.pace.warm_up_seconds, counted: rounds.pace.counted_seconds };
    let echo = Echo { connections: 64, speech: Speech::Echo { bytes: 64 }, length };
    for (threads, case) in [("1", "one thread"), ("2", "two threads")] {
        rounds.take_turns(case, &peers, |peer| {
            let server = serve(peer, threads)?;
            measure(&server, |watch| echo.run(server.addr, watch))
        });
    }
    Ok(())
}

fn serve(peer: &Peer, threads: &str) -> Result<Server> {
    let mut command = Command::new(program(&peer.package));
    Server::start(Place::Anywhere, command.args(["127.0.0.1:0", threads]))
}
