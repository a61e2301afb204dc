//! Redis against the real thing: our client against `redis-server`, and `redis-cli` and `redis-benchmark` against our
//! server.
//!
//! What a byte means has its tests beside the codec; what is here is here because only the other program can show it.
//! In reading order: `client` is about calls, `lost` about a server that goes away amid them, `blocking` about
//! commands that wait, `messages` about what nobody asked for; `commands` has every command in both versions of the
//! protocol; `kv` is the example that serves, and `proxy` our client, served.
#![forbid(unsafe_code)]

mod client;
mod lost;
mod blocking;
mod messages;
mod commands;
mod kv;
mod proxy;

use std::future::Future;

use ekiden::redis::client::{Config, Protocol};
use ekiden_tests::RedisServer;

/// Runs a test on a reactor of its own.
fn run(test: impl Future<Output = ()>) {
    ekiden::run(test);
}

/// A configuration for each version of RESP.
fn both_versions() -> [Config; 2] {
    [Protocol::Resp3, Protocol::Resp2].map(|protocol| {
        let mut config = Config::default();
        config.protocol = protocol;
        config
    })
}

/// A server that nobody else asks.
fn server() -> RedisServer {
    RedisServer::start(&[])
}
