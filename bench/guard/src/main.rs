//! Runs fixed scenarios of so many operations, for whoever counts their instructions: `guard run SCENARIO COUNT`.
//!
//! Nothing in a scenario is left to chance, so the same code takes the same instructions. It reads no clock.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", "spawn_join", count] if let Ok(count) = count.parse() => spawn_join(count),
        _ => {
            eprintln!("usage: guard run spawn_join COUNT");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn spawn_join(count: u64) {
    ekiden::run(async {
        for n in 0..count {
            drop(ekiden::spawn(async move { n }).await);
        }
    });
}
