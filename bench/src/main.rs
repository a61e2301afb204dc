//! The bench: runs our programs and our peers' side by side, and renders what came out.
//!
//! ```text
//!   peers ──► packages ──► scenario ── rounds: a turn for each peer ──► results ──► render
//!                             │                                          (JSON)      (page)
//!                  process: servers, cores, what they use
//!                  load: who asks             counts: what a request costs, in runs of their own
//! ```
//!
//! In reading order: [`scenario`] is what is measured, [`rounds`] how peers take turns, [`load`] and [`counts`] where
//! figures come from, [`results`] what is kept of them, [`render`] what is shown.
#![forbid(unsafe_code)]

mod arguments;
mod peers;
mod packages;
mod programs;
mod machine;
mod process;
mod load;
mod counts;
mod rounds;
mod scenario;
mod results;
mod render;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use arguments::{Arguments, What};
use counts::Counter;
use machine::{Machine, load_average};
use peers::Peer;
use results::summary::Summary;
use results::{About, Results, Run};
use rounds::{Pace, Rounds};
use scenario::{SCENARIOS, Scenario};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = Arguments::of_this_program()?;
    match &arguments.what {
        What::List => list(&peers::discover()?),
        What::Render => render::run()?,
        What::Measure(name) => {
            measure(&scenarios(name)?, &arguments)?;
            if name == "all" {
                render::run()?;
            }
        }
    }
    Ok(())
}

fn list(peers: &[Peer]) {
    for scenario in SCENARIOS {
        println!("{}: {}", scenario.name, scenario.about);
        for peer in peers.iter().filter(|peer| takes_part(scenario, peer)) {
            println!("    {:14} {} ({})", peer.name, peer.setup, peer.versions.join(", "));
        }
    }
}

fn scenarios(name: &str) -> Result<Vec<&'static Scenario>> {
    let chosen: Vec<_> = SCENARIOS.iter().filter(|scenario| name == "all" || scenario.name == name).collect();
    let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    ensure!(
        !chosen.is_empty(),
        "there is no `{name}`: it is list, render, all, or one of {}",
        names.join(", ")
    );
    Ok(chosen)
}

/// Builds all that is needed, then measures one scenario after the other.
fn measure(scenarios: &[&Scenario], arguments: &Arguments) -> Result<()> {
    let mut peers = peers::discover()?;
    peers.retain(|peer| arguments.wants(&peer.name));
    for scenario in scenarios {
        programs::need(scenario.programs)?;
    }
    peers.retain(|peer| scenarios.iter().any(|scenario| takes_part(scenario, peer)));
    ensure!(!peers.is_empty(), "no peer of that name: see `list`");
    packages::build_all(&peers)?;
    let mut failed = Vec::new();
    for scenario in scenarios.iter().filter(|scenario| peers.iter().any(|peer| takes_part(scenario, peer))) {
        if let Err(error) = run_one(scenario, &peers, arguments.pace()).and_then(|results| show(&results)) {
            eprintln!("{}: {error:#}", scenario.name);
            failed.push(scenario.name);
        }
    }
    ensure!(failed.is_empty(), "failed: {}; what the others gave is kept", failed.join(", "));
    Ok(())
}

fn takes_part(scenario: &Scenario, peer: &Peer) -> bool {
    scenario.kinds.contains(&peer.kind.as_str())
}

fn show(results: &Results) -> Result<()> {
    for case in Summary::cases(&results.samples) {
        println!("{}", render::table::of_case(case, &results.samples));
    }
    println!("kept in {}", results.store()?.display());
    Ok(())
}

fn run_one(scenario: &Scenario, peers: &[Peer], pace: Pace) -> Result<Results> {
    let begun = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    // Now, since a long run may outlive the commit that it was built of.
    let machine = Machine::this()?;
    let load_before = load_average();
    let counter = Counter::of_instructions();
    let peers: Vec<_> = peers.iter().filter(|peer| takes_part(scenario, peer)).cloned().collect();
    let about = |peer: &Peer| About { setup: peer.setup.clone(), versions: peer.versions.clone() };
    let abouts: BTreeMap<_, _> = peers.iter().map(|peer| (peer.package.clone(), about(peer))).collect();
    let mut rounds = Rounds { pace, peers, counter_of_instructions: counter, samples: Vec::new() };
    (scenario.run)(&mut rounds)?;
    let run = Run {
        scenario: scenario.name.into(),
        begun,
        is_quick: pace.is_quick,
        machine,
        load_average: [load_before, load_average()],
        instructions_by: counter.program().into(),
        peers: abouts,
    };
    Ok(Results { run, samples: rounds.samples })
}
