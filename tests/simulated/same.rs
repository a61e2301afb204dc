//! A seed is the same run in every process, whatever its environment, with the crates of others that we stand on.

use std::env;
use std::process::Command;

use ekiden_sim::Sim;

use crate::http::requests_get_their_own_answers;
use crate::hyper_peers::{Peer, under_faults};

/// Another process with another environment, in another folder, with its memory elsewhere, has the same runs.
#[test]
fn a_seed_is_the_same_run_in_every_process() {
    let hashes: String = (0..10).map(|seed| format!("hash {:016x}\n", hash(seed))).collect();
    if env::var_os(ANOTHER).is_some() {
        return print!("{hashes}");
    }
    for is_bare in [true, false] {
        let mut other = Command::new(env::current_exe().unwrap());
        other.args(["same::a_seed_is_the_same_run_in_every_process", "--exact", "--nocapture"]);
        other.current_dir("/");
        if is_bare {
            other.env_clear();
        } else {
            other.args(["--test-threads", "1"]).env("TZ", "Pacific/Auckland").env("LANG", "de_DE.UTF-8");
        }
        let output = other.env(ANOTHER, "yes").output().unwrap();
        let says = String::from_utf8_lossy(&output.stdout);
        assert!(says.contains(&hashes), "here\n{hashes}and elsewhere\n{says}");
    }
}

/// Said to a process of this test by another.
const ANOTHER: &str = "ANOTHER_PROCESS";

fn hash(seed: u64) -> u64 {
    let sim = Sim::new(seed);
    match seed % 3 {
        0 => requests_get_their_own_answers(sim.clone()),
        1 => under_faults(&sim, Peer::Hyper1, Peer::Ours),
        _ => under_faults(&sim, Peer::Hyper2, Peer::Hyper2),
    }
    sim.hash()
}
