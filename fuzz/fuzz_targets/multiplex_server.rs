//! Any schedule to a multiplexed server. What an input means and what must hold stand beside its tests.
#![no_main]

#[path = "../../crates/proto/tests/world/memory.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod memory;
#[path = "../../crates/proto/tests/world/pipe.rs"]
#[allow(dead_code, reason = "the same")]
mod pipe;
#[path = "../../crates/proto/tests/dispatch/step.rs"]
mod step;
#[path = "../../crates/proto/tests/dispatch/frames.rs"]
mod frames;
#[path = "../../crates/proto/tests/dispatch/multiplex_server.rs"]
mod multiplex_server;

libfuzzer_sys::fuzz_target!(|input: &[u8]| multiplex_server::check(input));
