//! What the fuzz targets do, done with a few inputs: the cases of the differential test, what the fuzzers found, and a
//! little chance. So the targets in `fuzz/` cannot rot, and what was found stays found.
//!
//! In reading order: a `plan` is what an input means; `server` and `client` play it; `seeds` are what the fuzzers begin
//! with, `found` is what they found.

#[path = "../world/mod.rs"]
mod world;

#[path = "../differential/cases/mod.rs"]
#[allow(dead_code, reason = "only the bytes of the cases matter here")]
mod cases;

mod plan;
mod server;
mod client;
mod seeds;
mod found;

use proptest::prelude::*;

#[test]
fn the_server_stands_what_the_fuzzer_begins_with() {
    seeds::of_server().iter().for_each(|seed| server::check(seed));
}

#[test]
fn the_client_stands_what_the_fuzzer_begins_with() {
    seeds::of_client().iter().for_each(|seed| client::check(seed));
}

#[test]
fn what_was_found_stays_found() {
    found::IN_SERVER.iter().for_each(|(_, input)| server::check(input));
    found::IN_CLIENT.iter().for_each(|(_, input)| client::check(input));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_server_stands_a_little_chance(input in mixed(seeds::of_server())) {
        server::check(&input);
    }

    #[test]
    fn the_client_stands_a_little_chance(input in mixed(seeds::of_client())) {
        client::check(&input);
    }
}

/// Two seeds, one behind the other, with other operations.
fn mixed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let seed = prop::sample::select(seeds);
    let operations = prop::collection::vec(any::<u8>(), 0..20);
    (any::<[u8; 2]>(), operations, seed.clone(), seed).prop_map(|(setup, operations, first, second)| {
        let mut input = vec![setup[0], setup[1], operations.len() as u8];
        input.extend(operations);
        input.extend(first.get(3..).unwrap_or_default());
        input.push(plan::SEPARATOR);
        input.extend(second.get(3..).unwrap_or_default());
        input
    })
}
