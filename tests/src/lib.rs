//! What the test programs beside this crate share: starting programs that we did not write, waiting for them, ending
//! them.
//!
//! In reading order: a `program` is somebody else's while a test needs it, in a `scratch` folder; an `example` is one of
//! our own; `nginx`, `redis_server`, `curl` and `wrk` are peers that we did not write, on an `addr` of ours; a `proxy` stands
//! between two peers and does to them what networks do.
//!
//! Nothing here waits by sleeping: a program is ready when it says so, and has ended when its output has. Every wait
//! has a limit that only a hanging program meets.
#![forbid(unsafe_code)]

mod program;
mod scratch;
mod example;
mod addr;
mod nginx;
mod redis_server;
mod curl;
mod wrk;
mod proxy;

pub use curl::curl;
pub use example::example;
pub use nginx::{Logged, Nginx};
pub use program::{Program, output};
pub use proxy::{Counts, Event, Plan, Proxy, Way};
pub use redis_server::RedisServer;
pub use scratch::Scratch;
pub use wrk::{Load, wrk};

use addr::free_addr;

/// The code in README.md compiles as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
