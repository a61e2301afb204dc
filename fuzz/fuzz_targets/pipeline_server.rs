//! Any schedule to a pipelined server. What an input means and what must hold stand beside its tests.
#![no_main]

#[path = "../../crates/proto/tests/world/memory.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod memory;
#[path = "../../crates/proto/tests/world/pipe.rs"]
#[allow(dead_code, reason = "the same")]
mod pipe;
#[path = "../../crates/proto/tests/dispatch/step.rs"]
mod step;
#[path = "../../crates/proto/tests/dispatch/pipeline_server.rs"]
mod pipeline_server;

libfuzzer_sys::fuzz_target!(|input: &[u8]| pipeline_server::check(input));
