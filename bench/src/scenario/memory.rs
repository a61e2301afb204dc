//! Memory: what a connection costs that says nothing.

use anyhow::{Context, Result};

use super::{Scenario, serve};
use crate::load::Measured;
use crate::load::hold::{Held, connections_at_most};
use crate::peers::Peer;
use crate::process::server::Server;
use crate::process::usage::resident;
use crate::results::Figure;
use crate::rounds::Rounds;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "memory",
    about: "Connections are opened, each is used once, and then they are idle: what the server's resident memory grew \
            by, over their number. What the kernel holds for a socket is the same for all, and not in it.",
    kinds: &["memory", "echo", "http1"],
    programs: &[],
    run,
};

fn run(rounds: &mut Rounds) -> Result<()> {
    // What is resident hardly differs between two rounds: for a look, one is enough.
    if rounds.pace.is_quick {
        rounds.pace.rounds = 1;
    }
    let most = connections_at_most(if rounds.pace.is_quick { 4_000 } else { CONNECTIONS_MAX })?;
    let mut framed = rounds.of_kind("memory");
    // By hand, a frame is as good as any bytes.
    framed.extend(rounds.of_kind("echo").into_iter().filter(|peer| peer.name == "limit"));
    for (what, peers) in [("framed echo", framed), ("HTTP keep-alive", rounds.of_kind("http1"))] {
        for connections in [1_000, most] {
            let case = format!("{what}, {connections} idle connections");
            rounds.take_turns(&case, &peers, |peer| hold(peer, connections));
        }
    }
    Ok(())
}

/// What an idle connection costs, with a thousand more or less of them.
fn hold(peer: &Peer, connections: usize) -> Result<Measured> {
    let server = serve(peer)?;
    // What the first connections bring into being is not theirs alone.
    let before = with_connections(peer, &server, FIRST)?;
    let after = with_connections(peer, &server, FIRST + connections)?;
    let bytes = (after as f64 - before as f64) / connections as f64;
    Ok(Measured::of([(Figure::Bytes, bytes)].into()))
}

/// What is resident while that many connections are idle.
fn with_connections(peer: &Peer, server: &Server, connections: usize) -> Result<u64> {
    let held = Held::open(server, connections, peer.kind == "http1")?;
    let resident = resident(server.pid());
    held.close()?;
    resident.context("the server ended")
}

const FIRST: usize = 50;

/// What a server of ours takes by default: ask for more, and some would wait.
const CONNECTIONS_MAX: usize = 16_000;
