//! The guard: what one operation of each of a few fixed scenarios costs in instructions, held against a baseline.
//!
//! ```console
//! $ cargo run --release -p guard                   # counts, and fails where a scenario is off by more than 5 %
//! $ cargo run --release -p guard -- renew          # counts, and writes guard/baseline.txt
//! $ cargo run --release -p guard -- profile http   # says where the instructions of a scenario go
//! $ cargo run --release -p guard -- list
//! ```
//!
//! Time on a shared machine says little, and instructions say nearly the same each time: nothing in a
//! [scenario](scenarios) is left to chance, and `callgrind` counts it in a process of its own. Only user space counts,
//! so a system call more is not seen here; the tests on system calls see that.
//!
//! What a baseline holds for is written in it. With another compiler, C library or processor the same code costs some
//! per cent more or less, so only what is plain is a failure then: see `baseline`.
#![forbid(unsafe_code)]

mod scenarios;
mod world;
mod callgrind;
mod baseline;
mod profile;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use baseline::Figures;
use scenarios::{SCENARIOS, Scenario};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => compare(),
        ["renew"] => renew(),
        ["list"] => list(),
        ["profile", name] => profile(name),
        // What callgrind is given.
        ["run", name, count] => run(name, count),
        _ => Err("usage: guard [renew | list | profile SCENARIO | run SCENARIO COUNT]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("guard: {complaint}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), String>;

fn compare() -> Done {
    let text = std::fs::read_to_string(baseline_path()).map_err(|error| format!("{BASELINE}: {error}"))?;
    let kept = text.parse::<Figures>()?;
    let comparison = kept.compare(&count_all()?);
    say(&comparison.table)?;
    comparison.verdict
}

fn renew() -> Done {
    let now = count_all()?;
    std::fs::write(baseline_path(), now.to_string()).map_err(|error| format!("{BASELINE}: {error}"))?;
    say(&format!("{now}\n{BASELINE} is renewed; say in the commit what changed and why\n"))
}

fn count_all() -> Result<Figures, String> {
    let mut figures = Figures::new(callgrind::setting()?);
    for scenario in &SCENARIOS {
        figures.add(scenario.name, callgrind::count(scenario)?);
    }
    Ok(figures)
}

fn list() -> Done {
    let line = |scenario: &Scenario| format!("{:<18} {}\n", scenario.name, scenario.what);
    say(&SCENARIOS.iter().map(line).collect::<String>())
}

fn profile(name: &str) -> Done {
    say(&profile::report(scenario(name)?)?)
}

fn run(name: &str, count: &str) -> Done {
    let count = count.parse().map_err(|_| format!("{count} is no count"))?;
    (scenario(name)?.run)(count);
    Ok(())
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    scenarios::named(name).ok_or_else(|| format!("there is no scenario {name}; see `guard list`"))
}

/// Writes to standard output; an error if nobody reads it to the end.
fn say(text: &str) -> Done {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))
}

fn baseline_path() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.txt"))
}

const BASELINE: &str = "bench/guard/baseline.txt";
