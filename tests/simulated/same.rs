//! A seed is the same run in every process, whatever its environment, with the crates of others that we stand on.

use ekiden_sim::Sim;

use crate::http::requests_get_their_own_answers;
use crate::hyper_peers::{Peer, under_faults};
use crate::processes;

#[test]
fn a_seed_is_the_same_run_in_every_process() {
    processes::check(0..10, hash);
}

fn hash(seed: u64) -> u64 {
    let sim = Sim::new(seed);
    match seed % 3 {
        0 => requests_get_their_own_answers(sim.clone()),
        1 => under_faults(&sim, Peer::Hyper1, Peer::Ours),
        _ => under_faults(&sim, Peer::Hyper2, Peer::Hyper2),
    }
    sim.hash()
}
