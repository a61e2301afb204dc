//! Any schedule to both ends of a pipelined protocol with bodies. What an input means and what must hold stand beside its
//! tests.
#![no_main]

#[path = "../../crates/proto/tests/world/memory.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod memory;
#[path = "../../crates/proto/tests/world/pipe.rs"]
#[allow(dead_code, reason = "the same")]
mod pipe;
#[path = "../../crates/proto/tests/dispatch/step.rs"]
mod step;
#[path = "../../crates/proto/tests/dispatch/streamed.rs"]
mod streamed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| streamed::check(input));
