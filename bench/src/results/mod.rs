//! What was measured, as lines of JSON: one for the run, then one for each sample.
//!
//! A file holds one scenario of one run, and its name sorts by date. Nothing in it is computed from another line: that
//! is for [`summary`], so that a page can be made again from old results.

pub(crate) mod figure;
pub(crate) mod summary;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

pub(crate) use figure::{Figure, Figures};

use crate::machine::Machine;

/// Where results are kept.
const FOLDER: &str = "results";

/// One scenario of one run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) scenario: String,
    pub(crate) begun: String,
    /// Short rounds, for a look: not for a page.
    pub(crate) is_quick: bool,
    pub(crate) machine: Machine,
    /// The load of the last minute, before and after: what else ran.
    pub(crate) load_average: [f64; 2],
    /// How instructions were counted.
    pub(crate) instructions_by: String,
    /// By package: a name may do several kinds of work.
    pub(crate) peers: BTreeMap<String, About>,
}

/// How a peer was set up.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct About {
    pub(crate) setup: String,
    pub(crate) versions: Vec<String>,
}

/// What one peer did in one round, or in a run of its own.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    pub(crate) case: String,
    pub(crate) peer: String,
    /// None for a count, which is the same in each.
    pub(crate) round: Option<u32>,
    pub(crate) figures: Figures,
    /// The load was full before the server was: its throughput says nothing, its cost does.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) load_saturated: bool,
    /// Why there is no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(Run),
    Sample(Sample),
}

/// A run with all its samples.
pub(crate) struct Results {
    pub(crate) run: Run,
    pub(crate) samples: Vec<Sample>,
}

impl Results {
    /// Writes a file of their own, and says which.
    pub(crate) fn store(&self) -> Result<PathBuf> {
        fs::create_dir_all(FOLDER)?;
        let stamp = self.run.begun.replace(':', "");
        let path = Path::new(FOLDER).join(format!("{stamp}-{}.jsonl", self.run.scenario));
        let samples = self.samples.iter().map(|sample| Line::Sample(sample.clone()));
        let mut text = String::new();
        for line in [Line::Run(self.run.clone())].into_iter().chain(samples) {
            text += &serde_json::to_string(&line)?;
            text.push('\n');
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The newest of each scenario; one that is not quick comes before a newer one that is.
    pub(crate) fn newest() -> Result<BTreeMap<String, Self>> {
        let mut paths: Vec<_> = fs::read_dir(FOLDER).context("there are no results yet")?.flatten().collect();
        paths.sort_by_key(fs::DirEntry::path);
        let mut newest: BTreeMap<String, Self> = BTreeMap::new();
        for path in paths.into_iter().map(|entry| entry.path()) {
            let results = Self::load(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let is_better = newest
                .get(&results.run.scenario)
                .is_none_or(|known| !results.run.is_quick || known.run.is_quick);
            if is_better {
                newest.insert(results.run.scenario.clone(), results);
            }
        }
        Ok(newest)
    }

    fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let (mut run, mut samples) = (None, Vec::new());
        for line in text.lines() {
            match serde_json::from_str(line)? {
                Line::Run(found) => run = Some(found),
                Line::Sample(sample) => samples.push(sample),
            }
        }
        Ok(Self { run: run.context("no line says which run it is")?, samples })
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
