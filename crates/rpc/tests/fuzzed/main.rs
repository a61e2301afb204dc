//! What the fuzz targets do, done with a few inputs: what the fuzzers begin with, what they found, and a little chance. So
//! the targets in `fuzz/` cannot rot, and what was found stays found.
//!
//! In reading order: `odd` is the trait that is called; a `plan`, which is ekiden-http's, is what an input means, and `mender`
//! gives its frames a `checksum` if there is to be one; `server` and `client` play it in a `world` of memory; `seeds` are what
//! the fuzzers begin with.
#![forbid(unsafe_code)]

#[path = "../world/mod.rs"]
mod world;
#[path = "../../../http/tests/fuzzed/plan.rs"]
#[allow(dead_code, reason = "nothing here depends on what kind of plan it is")]
mod plan;
mod odd;
mod checksum;
mod mender;
mod server;
mod client;
mod seeds;

use proptest::prelude::*;

/// And some calls are answered, or the seeds would show nothing.
#[test]
fn the_server_stands_what_the_fuzzer_begins_with() {
    let answers: usize = seeds::of_server().iter().map(|seed| server::check(seed)).sum();
    assert!(answers >= 16, "{answers}");
}

#[test]
fn the_client_stands_what_the_fuzzer_begins_with() {
    let answers: usize = seeds::of_client().iter().map(|seed| client::check(seed)).sum();
    assert!(answers >= 10, "{answers}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_server_stands_a_little_chance(input in mixed(seeds::of_server())) {
        server::check(&input);
    }

    #[test]
    fn the_client_stands_a_little_chance(input in mixed(seeds::of_client())) {
        client::check(&input);
    }
}

/// Two seeds, one behind the other, with other operations, and a byte that is another.
fn mixed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let seed = prop::sample::select(seeds);
    let operations = prop::collection::vec(any::<u8>(), 0..20);
    let other = (any::<prop::sample::Index>(), any::<u8>());
    (any::<[u8; 2]>(), operations, seed.clone(), seed, other).prop_map(
        |(setup, operations, first, second, (at, byte))| {
            let mut input = vec![setup[0], setup[1], operations.len() as u8];
            input.extend(operations);
            let begin = input.len();
            input.extend(first.get(3..).unwrap_or_default());
            input.push(plan::SEPARATOR);
            input.extend(second.get(3..).unwrap_or_default());
            let at = begin + at.index(input.len() - begin);
            input[at] = byte;
            input
        },
    )
}
