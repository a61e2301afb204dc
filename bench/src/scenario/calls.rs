//! Calls: protocols whose clients are the peers' own, and clients of a server that we did not write.

use std::convert::identity;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use anyhow::Result;

use super::Scenario;
use crate::load::{Measured, Watch, client, measure};
use crate::packages::program;
use crate::peers::Peer;
use crate::process::Place;
use crate::process::server::Server;
use crate::rounds::Rounds;

pub(crate) const RPC: Scenario = Scenario {
    name: "rpc",
    about: "A call takes bytes, and its answer brings them back, over one connection: so many in flight, of so many bytes \
            (`unary_IN-FLIGHT_BYTES`). The CPU is the server's, and beside it the client's.",
    kinds: &["rpc"],
    programs: &["valgrind", "strace"],
    run: run_rpc,
};

pub(crate) const REDIS: Scenario = Scenario {
    name: "redis",
    about: "`GET` of a small value by many tasks that share one connection, from a real `redis-server`, against a client \
            by hand that pipelines. The CPU is the client's, which is what differs, and beside it redis's.",
    kinds: &["redis"],
    programs: &["redis-server"],
    run: |rounds| take_turns(rounds, "redis", |_| serve_redis(), Measured::of_the_client),
};

fn run_rpc(rounds: &mut Rounds) -> Result<()> {
    take_turns(rounds, "rpc", |peer| Server::start(Place::Serving, &mut rpc_server(peer)), identity)?;
    let peers = rounds.of_kind("rpc");
    let requests = rounds.pace.counted_requests;
    rounds.count(COUNTED, &peers, |peer, counter| {
        counter.per_request(&rpc_server(peer), requests, |server, requests| {
            client::run(peer, COUNTED, requests, server.addr, &mut Watch::of(server))
        })
    });
    Ok(())
}

/// The scenario whose calls are counted.
const COUNTED: &str = "unary_64_64";

/// `of` says whose the figures are.
fn take_turns(
    rounds: &mut Rounds,
    kind: &str,
    serve: impl Fn(&Peer) -> Result<Server>,
    of: fn(Measured) -> Measured,
) -> Result<()> {
    let mut able = Vec::new();
    for peer in rounds.of_kind(kind) {
        able.extend(client::scenarios(&peer)?.into_iter().map(|name| (name, peer.clone())));
    }
    for (name, peers) in super::by_name(able) {
        let seconds = rounds.pace.counted_seconds;
        rounds.take_turns(&name, &peers, |peer| {
            let server = serve(peer)?;
            let few = client::run(peer, &name, FEW, server.addr, &mut Watch::of(&server))?;
            let calls = (few.per_second * seconds) as u64;
            measure(&server, |watch| client::run(peer, &name, calls.max(FEW), server.addr, watch)).map(of)
        });
    }
    Ok(())
}

const FEW: u64 = 1_000;

fn rpc_server(peer: &Peer) -> Command {
    let mut command = Command::new(program(&peer.package));
    command.args(["server", "127.0.0.1:0"]);
    command
}

/// A redis that keeps nothing.
fn serve_redis() -> Result<Server> {
    // It cannot be told to let the kernel choose: a port that was free a moment ago will do.
    let addr: SocketAddr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = Command::new("redis-server");
    command.args([
        "--port",
        &addr.port().to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]);
    Server::start_until(Place::Serving, &mut command, |line| line.contains("Ready to accept").then_some(addr))
}
