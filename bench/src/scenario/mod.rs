//! What is measured: a scenario is a kind of work, with its cases, and the peers that can do it.

mod echo;
mod http;
mod memory;
mod idle;
mod calls;
mod micro;
mod cores;
mod build;

use std::process::Command;

use anyhow::Result;

use crate::load::echo::{Echo, Length, Speech};
use crate::load::measure;
use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
use crate::process::server::Server;
use crate::results::Figure;
use crate::results::summary::Summary;
use crate::rounds::Rounds;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// For the page: what it is, and what to look at.
    pub(crate) about: &'static str,
    /// The folders of `peers` that take part.
    pub(crate) kinds: &'static [&'static str],
    pub(crate) programs: &'static [&'static str],
    pub(crate) run: fn(&mut Rounds) -> Result<()>,
}

/// All of them, in the order of the page.
pub(crate) static SCENARIOS: &[Scenario] = &[
    echo::SCENARIO,
    http::HTTP1,
    http::HTTP2,
    calls::RPC,
    calls::REDIS,
    micro::TASKS,
    micro::CHANNELS,
    micro::TIMERS,
    micro::MIDDLEWARE,
    memory::SCENARIO,
    idle::SCENARIO,
    cores::SCENARIO,
    build::SCENARIO,
];

/// The command that serves with one thread at a port that the kernel chooses.
fn command(peer: &Peer) -> Command {
    let mut command = Command::new(program(&peer.package));
    command.args(["127.0.0.1:0", "1"]);
    command
}

/// Starts a peer's server on its core.
fn serve(peer: &Peer) -> Result<Server> {
    Server::start(Place::Serving, &mut command(peer))
}

/// What each peer is able to do, turned round: who is able to do each, in the order in which it was first named.
fn by_name(able: Vec<(String, Peer)>) -> Vec<(String, Vec<Peer>)> {
    let mut named: Vec<(String, Vec<Peer>)> = Vec::new();
    for (name, peer) in able {
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, peers)) => peers.push(peer),
            None => named.push((name, vec![peer])),
        }
    }
    named
}

/// The latency of servers that have time: each is asked half as often as the first of them could answer in that case.
fn at_half_pace(rounds: &mut Rounds, case: &str, peers: &[Peer], speech: Speech) {
    let Some(first) = peers.first() else { return };
    let full = Summary::of(case, &rounds.samples).spread(&first.name, Figure::PerSecond);
    let Some(full) = full else { return };
    let length = Length::Paced {
        per_second: full.median / 2.0,
        warm_up: rounds.pace.warm_up_seconds,
        counted: rounds.pace.counted_seconds,
    };
    let echo = Echo { connections: 64, speech, length };
    rounds.take_turns(&format!("{case}, asked at half of what {} can answer", first.name), peers, |peer| {
        let server = serve(peer)?;
        measure(&server, |watch| echo.run(server.addr, watch))
    });
}
