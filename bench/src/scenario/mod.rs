//! What is measured: a scenario is a kind of work, with its cases, and the peers that can do it.

mod echo;
mod http;
mod memory;
mod micro;

use std::process::Command;

use anyhow::Result;

use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
use crate::process::server::Server;
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
    micro::TASKS,
    micro::CHANNELS,
    micro::TIMERS,
    micro::MIDDLEWARE,
    memory::SCENARIO,
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
