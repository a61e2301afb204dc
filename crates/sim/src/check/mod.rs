//! The discipline: a scenario is run for many seeds, and what fails can be run again.
//!
//! A run is the same as another of its seed, or something came in that is not of the seed. So failing runs are done twice,
//! and one in ten of those that pass. One that fails with faults that were drawn is done with fewer of them, too.
//!
//! In reading order: `played` is a run of a seed, `shrunk` one that fails, made smaller, `replay` the line that runs it again.

mod played;
mod shrunk;
mod replay;

use std::env;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use crate::config::Config;
use crate::faults::Faults;
use crate::quiet::quietly;
use crate::sim::Sim;
use crate::trace::{self, Trace};

use played::Played;
use replay::Replay;
use shrunk::Shrunk;

/// Runs a scenario for many seeds, each in a world of its own.
///
/// The environment says for which: `EKIDEN_SEED=7` for that one, `EKIDEN_SEEDS=1000` for so many, from zero. By default 250.
///
/// With `EKIDEN_TRACE=file` all that happens in a run is written there, one line each, while it happens: the events, whose turn
/// it was, which task it was given to, and what was drawn; places in sources are named from their crates on, so that it is the same
/// file wherever those are kept. With `EKIDEN_SEED`, that seed is traced, and its second run
/// in `file.again`, so that the two can be compared; without, it is the second run of the first seed that fails, and if none does there is no file.
/// One test can be traced at a time.
///
/// When a run fails whose faults were [drawn](Sim::draw_faults), some of them may be enough. Fewer and fewer are tried with
/// the same seed, each with what undoes it, and what is told is the run with the least schedule that was found to fail, however it
/// failed. That takes 200 more runs at most, or as many as `EKIDEN_SHRINK` says, zero for none; passing runs pay nothing for
/// it. `EKIDEN_FAULTS='at 3 s crash server'` has that schedule in place of what would be drawn.
///
/// What fails is told with a line for a shell that runs it again: `EKIDEN_SEED=7 cargo test -p PACKAGE NAME -- --exact` is that
/// test and no other of its package but those with the same name in another target. A doc test does not know its name, so
/// for one the line runs those of the package; a program that is no test is run as it was.
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
/// differ, by what happens in them or by how they end. And if the environment does not make sense: a seed or a number that is none, no seeds at all, faults that cannot be read or that the scenario has no place for, or an
/// `EKIDEN_TRACE` that cannot be written.
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
    let (begin, count) = match seed {
        Some(seed) => (seed, 1),
        None => (0, from_env("EKIDEN_SEEDS").unwrap_or(SEEDS)),
    };
    assert!(count > 0, "EKIDEN_SEEDS is 0, by which nothing would be checked");
    let shrink_max = from_env("EKIDEN_SHRINK").unwrap_or(shrunk::RUNS_MAX);
    let given: Option<Faults> = from_env("EKIDEN_FAULTS");
    let instead = given.map(|given| vec![given]);
    let replay = Replay::here(&scenario);
    let path = env::var_os("EKIDEN_TRACE").map(|path| trace::claim(path, replay.name()));
    let create = |path: PathBuf| Trace::create(&path);
    let play = |at, trace| Played::new(at, config, instead.clone(), trace, &scenario);
    for at in (0..count).map(|index| begin + index) {
        let first = play(at, path.clone().filter(|_| seed.is_some()).map(create));
        assert!(
            !first.has_left_faults || first.failure.is_some(),
            "EKIDEN_FAULTS is set, and the scenario draws no faults that it could be in place of (`Sim::draw_faults`)"
        );
        let is_repeated = first.failure.is_some() || seed.is_some() || at % REPEATED_ONE_IN == 0;
        let path = match seed {
            Some(_) => path.as_deref().map(trace::again),
            None => path.clone().filter(|_| first.failure.is_some()),
        };
        let repeated = is_repeated.then(|| quietly(|| play(at, path.map(create))));
        let untraced = first.untraced.iter().chain(repeated.iter().flat_map(|second| &second.untraced));
        let untraced: String = untraced.map(|why| format!("{why}\n")).collect();
        if let Some(second) = &repeated
            && let Some(difference) = first.difference(second)
        {
            let traced = replay.line(&[("EKIDEN_SEED", &at), ("EKIDEN_TRACE", &"trace")]);
            panic!(
                "two runs of seed {at} differ, so something came in that is not of the seed: a clock, entropy, a thread, \
                 the order of a std HashMap\n{difference}\n\
                 to hold them against each other: {traced}\n{untraced}"
            );
        }
        if let Some(failure) = first.failure {
            let again = format!("{untraced}to run it again: {}\n", replay.line(&[("EKIDEN_SEED", &at)]));
            let drawn = first.drawn.filter(|drawn| !drawn.is_empty() && instead.is_none());
            let Some(drawn) = drawn else { panic!("{failure}\n{again}") };
            let shrunk = Shrunk::new(failure, &drawn, shrink_max, config, &scenario);
            let least = replay.line(&[("EKIDEN_SEED", &at), ("EKIDEN_FAULTS", &shrunk.line())]);
            panic!("{shrunk}{again}with no more faults: {least}\n");
        }
        assert!(untraced.is_empty(), "{untraced}");
    }
}

fn from_env<T: FromStr<Err: Display>>(name: &str) -> Option<T> {
    let value = env::var_os(name)?;
    let value = value.to_str().unwrap_or_else(|| panic!("{name} is {value:?}, which is no text"));
    Some(value.parse().unwrap_or_else(|error| panic!("{name} is `{value}`: {error}")))
}

/// Enough to find what is not rare, in a second or so.
const SEEDS: u64 = 250;

const REPEATED_ONE_IN: u64 = 10;
