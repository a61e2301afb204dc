//! Results as people read them: `docs/benchmarks.md` with its tables and plots, made by nobody's hand.
//!
//! [`page`] puts the newest results of each scenario one below the other; before them [`targets`] says what was to be
//! reached. [`table`] is a case, and [`plot`] its picture.

mod page;
mod targets;
pub(crate) mod table;
mod plot;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::results::Results;
use crate::results::summary::Summary;
use crate::scenario::SCENARIOS;

/// Where the page is, and its plots.
const PAGE: &str = "../docs/benchmarks.md";
const PLOTS: &str = "../docs/benchmarks";

/// Makes the page anew. What it is made of is all in the results.
pub(crate) fn run() -> Result<()> {
    let newest = Results::newest()?;
    let all: Vec<_> =
        SCENARIOS.iter().filter_map(|scenario| Some((scenario, newest.get(scenario.name)?))).collect();
    ensure!(!all.is_empty(), "there are no results yet: measure something first");
    let _ = fs::remove_dir_all(PLOTS);
    fs::create_dir_all(PLOTS)?;
    for (_, results) in &all {
        for case in Summary::cases(&results.samples) {
            let path = Path::new(PLOTS).join(plot_name(&results.run.scenario, case));
            plot::draw(&path, case, &results.samples)
                .with_context(|| format!("cannot draw {}", path.display()))?;
        }
    }
    fs::write(PAGE, page::of(&all)).context("cannot write the page")?;
    println!("made {PAGE} and the plots in {PLOTS}");
    Ok(())
}

/// A file name of the words of a case.
fn plot_name(scenario: &str, case: &str) -> String {
    let words: Vec<_> =
        case.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{scenario}-{}.svg", words.join("-").to_lowercase())
}
