//! Build: what a greeting costs before it runs.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::Scenario;
use crate::load::Measured;
use crate::peers::Peer;
use crate::process::Place;
use crate::programs::output_of;
use crate::results::Figure;
use crate::rounds::Rounds;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "build",
    about: "The HTTP/1.1 programs of above, from nothing to a release build, with cargo's own release profile: wall time, \
            time of processor, crates that are compiled, and what the program weighs.",
    kinds: &["http1"],
    programs: &[],
    run,
};

fn run(rounds: &mut Rounds) -> Result<()> {
    // A build is long enough to be its own mean.
    rounds.pace.rounds = rounds.pace.rounds.div_ceil(3);
    let peers: Vec<_> =
        rounds.of_kind("http1").into_iter().filter(|peer| HELLOS.contains(&peer.name.as_str())).collect();
    rounds.take_turns("a cold release build", &peers, build);
    Ok(())
}

const HELLOS: [&str; 2] = ["ekiden", "axum"];

fn build(peer: &Peer) -> Result<Measured> {
    let target = tempfile::tempdir()?;
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--offline", "--package", &peer.package, "--target-dir"]);
    // The profile of this workspace is made for measuring; a user's is cargo's.
    command.arg(target.path()).env("CARGO_PROFILE_RELEASE_LTO", "false");
    command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    let begun = Instant::now();
    let finished = Place::Anywhere.run(&mut command)?;
    let seconds = begun.elapsed().as_secs_f64();
    let program = fs::metadata(target.path().join("release").join(&peer.package))?;
    let figures = [
        (Figure::CpuSeconds, finished.cpu_seconds),
        (Figure::Seconds, seconds),
        (Figure::Crates, crates(peer)? as f64),
        (Figure::BinaryBytes, program.len() as f64),
    ];
    Ok(Measured::of(figures.into()))
}

/// How many crates are compiled, for the program itself and for the build.
fn crates(peer: &Peer) -> Result<usize> {
    let arguments = [
        "tree",
        "--locked",
        "--offline",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--package",
        &peer.package,
    ];
    let tree = output_of("cargo", &arguments)?;
    // A crate that was shown before has a mark behind it.
    let mut crates: Vec<_> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    crates.sort();
    crates.dedup();
    Ok(crates.len())
}
