//! Memory: what a connection costs that says nothing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{Scenario, serve};
use crate::load::Measured;
use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
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
    // A server has some files of its own, and the limit is for each process.
    let (_, files_max) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, files_max, files_max)?;
    let most = if rounds.pace.is_quick { 4_000 } else { CONNECTIONS_MAX };
    let most = most.min((files_max as usize).saturating_sub(200));
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
    let mut command = Command::new(program("load"));
    command.args(["hold", &server.addr.to_string(), "--connections", &connections.to_string()]);
    if peer.kind == "http1" {
        command.arg("--http");
    }
    let mut child = Place::Asking.spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output is piped")).read_line(&mut line)?;
    let resident = resident(server.pid());
    drop(child.stdin.take());
    child.wait()?;
    ensure!(line == format!("held {connections}\n"), "the connections could not be held");
    resident.context("the server ended")
}

const FIRST: usize = 50;

/// What a server of ours takes by default: ask for more, and some would wait.
const CONNECTIONS_MAX: usize = 16_000;
