//! Any bytes, in any pieces, to our server of typed calls. What an input means and what must hold stand beside its tests.
#![no_main]

#[path = "../../crates/rpc/tests/world/mod.rs"]
mod world;
#[path = "../../crates/http/tests/fuzzed/plan.rs"]
#[allow(dead_code, reason = "nothing here depends on what kind of plan it is")]
mod plan;
#[path = "../../crates/rpc/tests/fuzzed/odd.rs"]
mod odd;
#[path = "../../crates/rpc/tests/fuzzed/checksum.rs"]
mod checksum;
#[path = "../../crates/rpc/tests/fuzzed/mender.rs"]
mod mender;
#[path = "../../crates/rpc/tests/fuzzed/server.rs"]
mod server;

use std::sync::Once;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    BEGIN.call_once(leave_caught_panics_alone);
    server::check(input);
});

static BEGIN: Once = Once::new();

/// A method of the service panics, which its server catches: to the fuzzer's own hook that would be a finding. One that
/// nobody catches it sees all the same.
fn leave_caught_panics_alone() {
    drop(std::panic::take_hook());
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&odd::PANIC) {
            tell(panic);
        }
    }));
}
