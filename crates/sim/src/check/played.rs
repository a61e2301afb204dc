//! A run from its beginning to its end, and what is kept of it: whether it failed, and the events by which it is compared.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::config::Config;
use crate::failure::{Failure, message};
use crate::faults::Faults;
use crate::journal::{Event, Journal, Line};
use crate::sim::Sim;
use crate::trace::Trace;

/// A run that is over.
pub(super) struct Played {
    pub(super) failure: Option<Failure>,
    /// The faults that were drawn.
    pub(super) drawn: Option<Vec<Faults>>,
    /// Whether faults were given in place of those, and nobody drew any.
    pub(super) has_left_faults: bool,
    /// Why it is not traced, if it was to be.
    pub(super) untraced: Option<String>,
    hash: u64,
    count: u64,
    events: Vec<Event>,
    names: Vec<String>,
}

impl Played {
    /// `instead` is taken for what would be drawn of faults.
    pub(super) fn new(
        seed: u64,
        config: &Config,
        instead: Option<Vec<Faults>>,
        trace: Option<Trace>,
        scenario: &impl Fn(Sim),
    ) -> Self {
        let sim = Sim::with_config(seed, config.clone());
        trace.into_iter().for_each(|trace| sim.0.world.lock().trace_to(trace));
        sim.0.is_checked.set(true);
        sim.0.plan.borrow_mut().instead = instead;
        let failure = match catch_unwind(AssertUnwindSafe(|| scenario(sim.clone()))) {
            Ok(()) => None,
            Err(payload) => {
                let known = sim.0.failure.borrow_mut().take();
                Some(known.unwrap_or_else(|| sim.fail(&message(&*payload))))
            }
        };
        // What the programs do while they are dropped is no part of it.
        let mut journal = {
            let mut world = sim.0.world.lock();
            world.trace_drawn();
            std::mem::take::<Journal>(&mut world.journal)
        };
        sim.end();
        let drawn = sim.0.plan.borrow_mut().drawn.take();
        let has_left_faults = sim.0.plan.borrow().instead.is_some();
        let untraced = journal.end_trace().err();
        let (hash, count) = (journal.hash(), journal.count());
        let (events, names) = journal.into_first();
        Self { failure, drawn, has_left_faults, untraced, hash, count, events, names }
    }

    /// Where two runs differ: in what happened, or in what came of it.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        if self.hash == other.hash {
            let outcome = |played: &Self| match &played.failure {
                Some(failure) => format!("it failed: {}", failure.what),
                None => "it passed".to_owned(),
            };
            let (once, then) = (outcome(self), outcome(other));
            return (once != then).then(|| {
                format!("all that happened is alike, and not what came of it\n  once: {once}\n  then: {then}")
            });
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
                "all {} events that were kept are alike: it is the order of tasks, or something later, which two traces show",
                self.events.len()
            ),
        })
    }
}
