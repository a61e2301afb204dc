//! Any bytes, in any pieces, to our HTTP/1.1 server. What an input means and what must hold stand beside its tests.
#![no_main]

#[path = "../../crates/http/tests/world/mod.rs"]
mod world;
#[path = "../../crates/http/tests/fuzzed/plan.rs"]
mod plan;
#[path = "../../crates/http/tests/fuzzed/server.rs"]
mod server;

libfuzzer_sys::fuzz_target!(|input: &[u8]| server::check(input));
