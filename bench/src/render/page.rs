//! The page: what was measured, how, on what, and what came out.

use std::fmt::Write;

use super::{plot_name, table, targets};
use crate::results::summary::Summary;
use crate::results::{Results, Run};
use crate::scenario::Scenario;

const HEAD: &str = "\
# Benchmarks

Made by `cargo run --release -- all` in [bench](../bench), and by `render` from the results kept there; not written by
hand. How each figure is taken, and how each peer is set up, stands in [bench/README.md](../bench/README.md), with an
invitation to correct what is unfair.

Read the first columns first. **User instructions** are counted, and mean the same on a busy machine. **CPU** is what the
server used of its core for a request; *user* and *system* are how the kernel's clock tick sampled it, so small ones are
rough. Throughput and latency depend on everything. A value is the median of its rounds with the least and the most; a
ratio is taken within each round, where both met the same weather. Rows are ranked by the first figure that was taken in
rounds.
";

/// All scenarios that have results, one below the other.
pub(crate) fn of(all: &[(&Scenario, &Results)]) -> String {
    let mut text = HEAD.to_owned();
    let _ = write!(text, "\n## Targets\n\n{}", targets::of(all));
    for (scenario, results) in all {
        let _ = write!(text, "\n## {}\n\n{}\n\n", scenario.name, scenario.about);
        let _ = writeln!(text, "{}\n", origin(&results.run));
        for case in Summary::cases(&results.samples) {
            let plot = plot_name(scenario.name, case);
            let _ =
                writeln!(text, "![{case}](benchmarks/{plot})\n\n{}", table::of_case(case, &results.samples));
        }
        text += &setups(&results.run);
    }
    text
}

/// When and where it was measured, and what else ran.
fn origin(run: &Run) -> String {
    let machine = &run.machine;
    let quick = if run.is_quick { ", in short rounds, which are for a look only" } else { "" };
    format!(
        "Measured {} at commit {}{quick}, on {} ({} cores, {} GiB), {}, {}; load average {} before and {} after; \
         instructions by {}.",
        run.begun,
        machine.commit,
        machine.processor,
        machine.cores,
        machine.memory_gib,
        machine.kernel,
        machine.rustc,
        run.load_average[0],
        run.load_average[1],
        run.instructions_by,
    )
}

fn setups(run: &Run) -> String {
    if run.peers.is_empty() {
        return String::new();
    }
    let mut text = "| package | how it is set up | versions |\n|---|---|---|\n".to_owned();
    for (package, about) in &run.peers {
        let _ = writeln!(text, "| {package} | {} | {} |", about.setup, about.versions.join(", "));
    }
    text
}
