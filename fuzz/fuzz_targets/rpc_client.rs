//! Any bytes, in any pieces, to our client of typed calls. What an input means and what must hold stand beside its tests.
#![no_main]

#[path = "../../crates/rpc/tests/world/mod.rs"]
mod world;
#[path = "../../crates/http/tests/fuzzed/plan.rs"]
#[allow(dead_code, reason = "nothing here depends on what kind of plan it is")]
mod plan;
#[path = "../../crates/rpc/tests/fuzzed/odd.rs"]
#[allow(dead_code, reason = "nobody serves here")]
mod odd;
#[path = "../../crates/rpc/tests/fuzzed/checksum.rs"]
#[allow(dead_code, reason = "nobody reads here")]
mod checksum;
#[path = "../../crates/rpc/tests/fuzzed/mender.rs"]
mod mender;
#[path = "../../crates/rpc/tests/fuzzed/client.rs"]
mod client;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    client::check(input);
});
