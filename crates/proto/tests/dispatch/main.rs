//! What the fuzz targets of both dispatchers do, done with a little chance, so that the targets in `fuzz/` cannot rot; and
//! with what they found.
//!
//! ```text
//!   input ── operations ──► callers, services, peer ──► the end under test ──► judged after each step
//! ```
//!
//! In reading order: `memory` is the world that it is played in, a `pipe` a connection there; an input is a list of `step`s;
//! `pipeline_server` and `pipeline_client` play them, `streamed` both ends with bodies, and in their `frames`,
//! `multiplex_server` and `multiplex_client`.

#[path = "../world/memory.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod memory;
#[path = "../world/pipe.rs"]
#[allow(dead_code, reason = "the same")]
mod pipe;

mod step;
mod pipeline_server;
mod pipeline_client;
mod streamed;
mod frames;
mod multiplex_server;
mod multiplex_client;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pipelined_server_stands_any_schedule(input in any_input()) {
        pipeline_server::check(&input);
    }

    #[test]
    fn a_pipelined_client_stands_any_schedule(input in any_input()) {
        pipeline_client::check(&input);
    }

    #[test]
    fn pipelined_bodies_stand_any_schedule(input in any_input()) {
        streamed::check(&input);
    }

    #[test]
    fn a_multiplexed_server_stands_any_schedule(input in any_input()) {
        multiplex_server::check(&input);
    }

    #[test]
    fn a_multiplexed_client_stands_any_schedule(input in any_input()) {
        multiplex_client::check(&input);
    }
}

fn any_input() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..120)
}
