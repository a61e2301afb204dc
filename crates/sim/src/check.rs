//! The discipline: a scenario is run for many seeds, and what fails can be run again.
//!
//! A run is the same as another of its seed, or something came in that is not of the seed. So failing runs are done twice,
//! and one in ten of those that pass.

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::config::Config;
use crate::failure::{Failure, message};
use crate::journal::{Event, Journal, Line};
use crate::sim::Sim;

/// Runs a scenario for many seeds, each in a world of its own.
///
/// The environment says for which: `EKIDEN_SEED=7` for that one, `EKIDEN_SEEDS=1000` for so many, from zero. By default a
/// hundred. With `EKIDEN_TRACE=file` the events of the last run (the first quarter million of them) are written there, one
/// line each, that two runs can be compared.
///
/// The scenario fails by panicking, within the world or after it ran. What it uses besides the world must be the same each
/// time: no clock or entropy but the reactor's, and nothing that the order of a `HashMap` of std's decides.
///
/// ```
/// use ekiden_reactor::{Instant, sleep};
/// use std::time::Duration;
///
/// ekiden_sim::check(|sim| {
///     let day = Duration::from_secs(24 * 60 * 60);
///     sim.run(async move |_sim| {
///         let began = Instant::now();
///         sleep(day / 48).await;
///         assert!(Instant::now() - began >= day / 48);
///     });
/// });
/// ```
///
/// # Panics
///
/// If the scenario fails for a seed, with what there is to say about it and how to run it again; or if two runs of a seed
/// differ.
pub fn check(scenario: impl Fn(Sim)) {
    check_with(&Config::default(), scenario);
}

/// The same, with a configuration of the worlds.
///
/// # Panics
///
/// As [`check`].
pub fn check_with(config: &Config, scenario: impl Fn(Sim)) {
    let seed: Option<u64> = from_env("EKIDEN_SEED");
    let seeds = match seed {
        Some(seed) => seed..seed + 1,
        None => 0..from_env("EKIDEN_SEEDS").unwrap_or(SEEDS),
    };
    for at in seeds {
        let first = Played::new(at, config, &scenario);
        let is_repeated = first.failure.is_some() || seed.is_some() || at % REPEATED_ONE_IN == 0;
        let repeated = is_repeated.then(|| Played::new(at, config, &scenario));
        first.trace();
        if let Some(second) = &repeated
            && let Some(difference) = first.difference(second)
        {
            panic!(
                "two runs of seed {at} differ, so something came in that is not of the seed: a clock, entropy, a thread, \
                 the order of a std HashMap\n{difference}"
            );
        }
        if let Some(failure) = first.failure {
            let test = thread::current().name().unwrap_or("the test").to_owned();
            panic!("{failure}\nto run it again: EKIDEN_SEED={at} cargo test {test}\n");
        }
    }
}

fn from_env(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is `{value}`, which is no number")))
}

/// A run.
struct Played {
    failure: Option<Failure>,
    hash: u64,
    count: u64,
    events: Vec<Event>,
    names: Vec<String>,
}

impl Played {
    fn new(seed: u64, config: &Config, scenario: &impl Fn(Sim)) -> Self {
        let sim = Sim::with_config(seed, config.clone());
        sim.0.is_checked.set(true);
        let failure = match catch_unwind(AssertUnwindSafe(|| scenario(sim.clone()))) {
            Ok(()) => None,
            Err(payload) => {
                let known = sim.0.failure.borrow_mut().take();
                Some(known.unwrap_or_else(|| sim.fail(&message(&*payload))))
            }
        };
        // What the programs do while they are dropped is no part of it.
        let (journal, names) = {
            let mut world = sim.0.world.lock();
            let names = world.hosts.iter().map(|host| host.name.clone()).collect();
            (std::mem::take::<Journal>(&mut world.journal), names)
        };
        sim.end();
        let (hash, count) = (journal.hash(), journal.count());
        Self { failure, hash, count, events: journal.into_first(), names }
    }

    /// Where two runs differ.
    fn difference(&self, other: &Self) -> Option<String> {
        if self.hash == other.hash {
            return None;
        }
        let line = |played: &Self, at: usize| {
            let event = played.events.get(at).map(|event| Line(event, &played.names).to_string());
            event.unwrap_or_else(|| format!("{:>16} nothing more, after {} events", "", played.count))
        };
        let differ = (0..self.events.len().max(other.events.len()))
            .find(|at| self.events.get(*at) != other.events.get(*at));
        Some(match differ {
            Some(at) => {
                let before = at.checked_sub(1).map(|before| format!("\n  both: {}", line(self, before)));
                format!(
                    "event {at} is the first that differs{}\n  once: {}\n  then: {}",
                    before.unwrap_or_default(),
                    line(self, at),
                    line(other, at)
                )
            }
            None => format!(
                "all {} events that were kept are alike: it is the order of tasks, or something later",
                self.events.len()
            ),
        })
    }

    /// Writes the events where the environment says.
    fn trace(&self) {
        let Some(path) = env::var_os("EKIDEN_TRACE") else { return };
        let lines: String =
            self.events.iter().map(|event| format!("{}\n", Line(event, &self.names))).collect();
        if let Err(error) = fs::write(&path, lines) {
            panic!("cannot write EKIDEN_TRACE={}: {error}", path.display());
        }
    }
}

/// Enough to find what is not rare, in a second or so.
const SEEDS: u64 = 100;

const REPEATED_ONE_IN: u64 = 10;
