//! Runs of a seed held against those of other processes.

use std::env;
use std::process::Command;

/// Fails if another process has other hashes for these seeds, with another environment, in another folder, with its memory
/// elsewhere. To be all that the test `same::a_seed_is_the_same_run_in_every_process` does: that is what the other runs.
pub(crate) fn check(seeds: std::ops::Range<u64>, hash: impl Fn(u64) -> u64) {
    let hashes: String = seeds.map(|seed| format!("hash {:016x}\n", hash(seed))).collect();
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

/// Said to a process of this test by another, or by `./test`.
const ANOTHER: &str = "ANOTHER_PROCESS";
