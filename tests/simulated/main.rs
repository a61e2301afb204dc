//! What our crates promise, in worlds out of a seed: each scenario says its promise in one sentence.
//!
//! They run as their users run them, each on a host of its own; the network between them is slow, cut and reset as the seed
//! has it. `EKIDEN_SEEDS=20000 cargo test -p ekiden-tests --test simulated` looks further.
//!
//! In reading order: `http`, `rpc`, `redis`, and `counting` with the `kv` example; then what holds for any protocol: `draining`,
//! `pipelines`, `timeouts`, `limits`, and `multiplexed` in the protocol of `numbered`. `programs` are more examples.
#![forbid(unsafe_code)]

mod http;
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
mod pipelines;
mod timeouts;
mod limits;
mod multiplexed;
mod numbered;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpStream;

/// How often a server has begun and ended each request, by its name: what only a bystander can know.
#[derive(Clone, Default)]
struct Ledger(Rc<RefCell<BTreeMap<String, (u32, u32)>>>);

impl Ledger {
    fn begin(&self, name: &str) {
        self.0.borrow_mut().entry(name.to_owned()).or_default().0 += 1;
    }

    fn end(&self, name: &str) {
        self.0.borrow_mut().entry(name.to_owned()).or_default().1 += 1;
    }

    /// How often it was begun.
    fn begun(&self, name: &str) -> u32 {
        self.0.borrow().get(name).map_or(0, |times| times.0)
    }

    fn ended(&self, name: &str) -> u32 {
        self.0.borrow().get(name).map_or(0, |times| times.1)
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
