//! The watchdog's thread: one a process, which samples what the cores publish while any of them runs, prints the dump
//! when `SIGQUIT` comes, and relieves the listeners all of whose accepting cores are held.
//!
//! While every core is parked there is no time limit to its sleep, so an idle process has no wake-ups; a core that begins to
//! run looks at one flag, and wakes the thread only if it sleeps so.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::arming::Arming;
use super::detector::{Detector, Sample};
use super::quit;
use super::report::report;
use crate::driver::os::parker::{self, Parker, Unparker};
use crate::driver::os::{self, threads};
use crate::inbox::Inbox;
use crate::inspect;
use crate::net::relieve;
use crate::presence::Life;
use crate::pulse;
use crate::time::Instant;

/// Whether the thread looks from time to time.
static ARMING: Arming = Arming::new();

/// What wakes it, once the thread was begun.
static THREAD: OnceLock<Option<Unparker>> = OnceLock::new();

/// Begins to watch, if nobody does yet. If the system gives no thread or no pipe, nobody is watched.
pub(crate) fn begin() -> bool {
    THREAD.get_or_init(|| start().ok()).is_some()
}

/// A core begins to run, after it was parked: one load while the thread looks.
#[inline]
pub(crate) fn wake() {
    if ARMING.arm() {
        unpark();
    }
}

/// A reactor begins that is to be watched: its limit may be shorter than those of which the thread knows, and the next look
/// too late for it. So the thread looks now.
pub(crate) fn look_now() {
    ARMING.demand();
    unpark();
}

/// What wakes the thread, if there is one.
pub(super) fn unparker() -> Option<&'static Unparker> {
    THREAD.get()?.as_ref()
}

#[cold]
fn unpark() {
    if let Some(unparker) = unparker() {
        unparker.unpark();
    }
}

fn start() -> io::Result<Unparker> {
    let (parker, unparker) = parker::pair()?;
    // The system shows fifteen bytes of it.
    threads::start_beside("ekiden-watchdog", move || watch(&parker))?;
    Ok(unparker)
}

fn watch(parker: &Parker) {
    let mut detector = Detector::default();
    let mut until_next = None;
    while parker.park(until_next).is_ok() {
        if quit::has_come() {
            inspect::dump();
        }
        if ARMING.is_armed() {
            until_next = look(&mut detector);
        }
    }
}

/// Looks at all cores, tells what is to be told, has others accept where that is needed, and says when to look again.
fn look(detector: &mut Detector) -> Option<Duration> {
    let reactors = pulse::reactors();
    let sample = |reactor: &Arc<Inbox>| {
        let held_max = reactor.watched.held_max()?;
        Some(Sample { reactor: reactor.reactor, beat: reactor.beat(), held_max })
    };
    let samples: Vec<Sample> = reactors.iter().filter_map(sample).collect();
    for held in detector.handle_samples(os::now() - Instant::ORIGIN, &samples) {
        if let Some(reactor) = reactors.iter().find(|reactor| reactor.reactor == held.reactor) {
            report(reactor, &held);
        }
    }
    let relief = relieve(os::now());
    let next = detector.next_samples(&samples).map(|next| relief.map_or(next, |relief| next.min(relief)));
    if next.is_none() && !ARMING.disarm(any_runs) {
        return Some(AGAIN);
    }
    next
}

/// Whether a core runs that is to be watched.
fn any_runs() -> bool {
    let runs = |reactor: &Arc<Inbox>| reactor.watched.held_max().is_some() && reactor.life() == Life::Running;
    pulse::reactors().iter().any(runs)
}

/// When a core began to run in the moment in which the thread wanted to sleep.
const AGAIN: Duration = Duration::from_millis(1);
