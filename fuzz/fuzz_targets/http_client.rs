//! Any bytes, in any pieces, to our HTTP/1.1 client. What an input means and what must hold stand beside its tests.
#![no_main]

#[path = "../../crates/http/tests/world/mod.rs"]
mod world;
#[path = "../../crates/http/tests/fuzzed/plan.rs"]
#[allow(dead_code, reason = "the server's target needs more of it")]
mod plan;
#[path = "../../crates/http/tests/fuzzed/client.rs"]
mod client;

libfuzzer_sys::fuzz_target!(|input: &[u8]| client::check(input));
