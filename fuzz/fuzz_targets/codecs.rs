//! Any bytes, in any pieces, to the codecs. What must hold stands beside their tests.
#![no_main]

#[path = "../../crates/proto/tests/codecs.rs"]
mod codecs;

libfuzzer_sys::fuzz_target!(|input: &[u8]| codecs::check(input));
