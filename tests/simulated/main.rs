//! What our crates promise, in worlds out of a seed: each scenario says its promise in one sentence.
//!
//! They run as their users run them, each on a host of its own; the network between them is slow, cut and reset as the seed
//! has it. `EKIDEN_SEEDS=20000 cargo test -p ekiden-tests --test simulated` looks further.
//!
//! In reading order: `http`, `hyper_peers` with hyper at either end, `rpc`, `redis`, and `counting` with the `kv` example; then
//! what holds for any protocol: `draining`, `reconnecting`, `pipelines`, `timeouts`, `limits`, and `multiplexed` in the protocol of
//! `numbered`; `weather` has faults that a profile draws. `programs` are more examples. `leaks` and `same` are about the
//! simulation itself, with crates of others in it. README.md says which bugs were planted, and which scenario has found each.
#![forbid(unsafe_code)]

mod http;
mod hyper_peers;
mod rpc;
mod redis;
mod counting;
#[path = "../../examples/kv.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is a program, whose `main` is not of a world")]
mod kv;
mod programs;
#[path = "../../examples/hello.rs"]
#[expect(dead_code, unreachable_pub, reason = "as above")]
mod hello;
#[path = "../../examples/client.rs"]
#[expect(dead_code, unreachable_pub, reason = "as above")]
mod client;
#[path = "../../examples/cores.rs"]
#[expect(dead_code, unreachable_pub, reason = "as above")]
mod cores;
#[path = "../../examples/lines.rs"]
#[expect(dead_code, unreachable_pub, reason = "as above")]
mod lines;
#[path = "../../examples/rpc.rs"]
#[expect(dead_code, unreachable_pub, reason = "as above")]
mod rpc_example;
mod draining;
mod reconnecting;
mod pipelines;
mod timeouts;
mod limits;
mod multiplexed;
mod numbered;
mod weather;
mod leaks;
mod same;
#[path = "../../crates/sim/tests/world/processes.rs"]
mod processes;

use std::io;
use std::time::Duration;

use ekiden::net::TcpStream;
use ekiden::{Begun, Failure};
use ekiden_sim::oracle::{Ledger, Told};

/// What a caller was told, as a ledger has it.
fn told<T, E: Failure>(answer: &Result<T, E>) -> Told {
    match answer.as_ref().map_err(Failure::begun) {
        Ok(_) => Told::Answer,
        Err(Begun::Yes) => Told::Begun,
        Err(Begun::No) => Told::NotBegun,
        Err(Begun::Unknown) => Told::Unknown,
    }
}

/// A connection to a server, which may have to begin first.
async fn connect(addr: &str) -> io::Result<TcpStream> {
    for _ in 0..3 {
        match TcpStream::connect(addr).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            connected => return connected,
        }
    }
    TcpStream::connect(addr).await
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
