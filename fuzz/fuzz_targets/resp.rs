//! Any bytes, in any pieces, to the decoders of RESP. What must hold stands beside their tests.
#![no_main]

#[path = "../../crates/redis/tests/resp.rs"]
mod resp;

libfuzzer_sys::fuzz_target!(|input: &[u8]| resp::check(input));
