//! Any bytes, in any pieces, to our server of typed calls. What an input means and what must hold stand beside its tests.
#![no_main]

#[path = "../../crates/rpc/tests/world/mod.rs"]
mod world;
#[path = "../../crates/http/tests/fuzzed/plan.rs"]
#[allow(dead_code, reason = "nothing here depends on what kind of plan it is")]
mod plan;
#[path = "../../crates/rpc/tests/fuzzed/odd.rs"]
mod odd;
#[path = "../../crates/rpc/tests/fuzzed/server.rs"]
mod server;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    server::check(input);
});
