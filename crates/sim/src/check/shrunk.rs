//! A run that fails by faults that were drawn, made smaller: fewer faults, the same seed.
//!
//! Each incident goes with what undoes it, so that the world is whole in the end, whatever is left out.

use std::fmt::{self, Display};

use super::played::Played;
use crate::config::Config;
use crate::failure::Failure;
use crate::faults::{Faults, shrink};
use crate::quiet::quietly;
use crate::sim::Sim;

/// A run that failed with as few of the faults that were drawn as possible.
pub(super) struct Shrunk {
    failure: Failure,
    faults: Faults,
    incidents: usize,
    drawn: usize,
    runs: u32,
}

impl Shrunk {
    /// Of one that failed with these incidents, by no more than so many other runs.
    pub(super) fn new(
        failure: Failure,
        drawn: &[Faults],
        runs_max: u32,
        config: &Config,
        scenario: &impl Fn(Sim),
    ) -> Self {
        let (seed, mut runs, mut least) = (failure.seed(), 0, failure);
        let left = shrink(drawn, runs_max, |fewer| {
            runs += 1;
            let failure = quietly(|| Played::new(seed, config, Some(fewer.to_vec()), None, scenario)).failure;
            let has_failed = failure.is_some();
            failure.into_iter().for_each(|failure| least = failure);
            has_failed
        });
        let (incidents, drawn) = (left.len(), drawn.len());
        Self { failure: least, faults: Faults::merged(&left), incidents, drawn, runs }
    }
}

impl Shrunk {
    /// The schedule in one line, which `check` takes from the environment.
    pub(super) fn line(&self) -> String {
        self.faults.to_string().replace('\n', "; ")
    }
}

impl Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, faults, incidents, drawn, runs } = self;
        writeln!(
            f,
            "{failure}\n{incidents} of the {drawn} incidents that were drawn suffice ({runs} more runs)"
        )?;
        if !faults.is_empty() {
            let lines = faults.to_string().replace('\n', "\n         ");
            writeln!(
                f,
                "in place of them:\n\n    sim.faults(Faults::script(\n        \"{lines}\",\n    ));\n"
            )?;
        }
        Ok(())
    }
}

/// More than the thirty incidents of the worst profile ever took, and some seconds of most scenarios.
pub(super) const RUNS_MAX: u32 = 200;
