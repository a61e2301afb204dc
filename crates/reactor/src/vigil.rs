//! The vigil: as long as a core runs somebody looks at it from time to time, and when none does nobody need.
//!
//! A [`Presence`] is what a core announces of itself, a [`Vigil`] whether the watchdog's thread looks. A core that begins
//! to run announces it and then looks whether anybody watches; the thread that wants to sleep announces it and then looks
//! whether any core runs. One of the two always sees the other, so no core that runs is left alone; and while the thread
//! looks, to begin costs a core one load and no system call.
//!
//! ```text
//!   a core:      announce that it runs, then begin ───► "wake the thread" / "it looks"
//!   the thread:  wants to sleep, then looks again ────► "sleep" / "one runs: look again"
//! ```
//!
//! It wakes nobody, sleeps nowhere and reads no clock. That it keeps its word in every order of events is checked by a
//! model of the memory below.

use std::sync::atomic::AtomicBool;

use crate::atomics::Flag;
use crate::bell::Bell;

/// What a core is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nobody runs it.
    Out,
    Running,
    /// It sleeps in its driver, or is about to.
    Parked,
}

/// What a core announces of itself, to whoever looks at it from another thread.
#[derive(Debug)]
pub(crate) struct Presence<F = AtomicBool> {
    /// Rung by whoever left something for the core; it knows whether the core sleeps.
    pub(crate) bell: Bell<F>,
    /// Whether somebody runs it.
    is_run: F,
}

impl<F: Flag> Presence<F> {
    pub(crate) fn new() -> Self {
        Self { bell: Bell::new(), is_run: F::new(false) }
    }

    /// Somebody runs the core, from now on.
    pub(crate) fn announce_run(&self) {
        self.is_run.store(true);
        self.bell.announce_awake();
    }

    /// Nobody runs the core any more, for now.
    pub(crate) fn announce_out(&self) {
        self.bell.announce_awake();
        self.is_run.store(false);
    }

    /// What the core is about; from any thread.
    pub(crate) fn life(&self) -> Life {
        match self.is_run.load() {
            _ if self.bell.is_asleep() => Life::Parked,
            true => Life::Running,
            false => Life::Out,
        }
    }
}

/// Whether the watchdog's thread looks at the cores from time to time. When it does not, it sleeps until it is woken.
#[derive(Debug)]
pub(crate) struct Vigil<F = AtomicBool> {
    looks: F,
}

impl Vigil {
    pub(crate) const fn new() -> Self {
        Self { looks: AtomicBool::new(false) }
    }
}

impl<F: Flag> Vigil<F> {
    /// A core has announced that it runs. True if the thread must be woken.
    #[inline]
    #[must_use = "the thread may have to be woken"]
    pub(crate) fn begin(&self) -> bool {
        !self.looks.load() && self.begin_anew()
    }

    #[cold]
    fn begin_anew(&self) -> bool {
        !self.looks.swap(true)
    }

    /// The thread is to look now, whatever it has seen. It must be woken, also if it looks from time to time.
    pub(crate) fn demand(&self) {
        self.looks.store(true);
    }

    /// Whether the thread is to look.
    pub(crate) fn is_kept(&self) -> bool {
        self.looks.load()
    }

    /// The thread has seen that no core runs, and wants to sleep until it is woken; false if it must not, since one does by
    /// now. `runs` looks at all cores once more.
    #[must_use = "it must not sleep when a core runs"]
    pub(crate) fn end(&self, any_runs: impl FnOnce() -> bool) -> bool {
        self.looks.store(false);
        // Sequentially consistent with `begin`: either a core that begins sees that nobody looks, or we see that it runs;
        // also one that was made since the last look began.
        let any_runs = any_runs();
        if any_runs {
            self.looks.store(true);
        }
        !any_runs
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use loom::sync::atomic::AtomicBool as Modelled;
    use loom::sync::{Arc, Mutex, Notify};
    use loom::thread;

    use super::*;
    use crate::atomics::modelled::model;

    /// The cores of a process, and the bed of the thread that watches them: who was woken before does not sleep.
    struct House {
        cores: Mutex<Vec<Arc<Presence<Modelled>>>>,
        vigil: Vigil<Modelled>,
        bed: Notify,
        /// Not of the model: how many cores do nothing any more.
        at_rest: AtomicUsize,
    }

    impl House {
        fn new() -> Arc<Self> {
            let vigil = Vigil { looks: Modelled::new(true) };
            Arc::new(Self {
                cores: Mutex::default(),
                vigil,
                bed: Notify::new(),
                at_rest: AtomicUsize::new(0),
            })
        }

        fn add(&self) -> Arc<Presence<Modelled>> {
            let core = Arc::new(Presence::new());
            self.cores.lock().unwrap().push(core.clone());
            core
        }

        fn begin(&self) {
            if self.vigil.begin() {
                self.bed.notify();
            }
        }

        fn running(&self) -> usize {
            let cores = self.cores.lock().unwrap();
            cores.iter().filter(|core| core.life() == Life::Running).count()
        }

        /// The thread, until so many cores are at rest and it sees one run. If that is left alone, the model finds that the
        /// thread sleeps for ever.
        fn watch(&self, cores: usize) {
            loop {
                let any_runs = self.running() > 0;
                if any_runs && self.at_rest.load(Ordering::Relaxed) == cores {
                    return;
                }
                if any_runs || !self.vigil.end(|| self.running() > 0) {
                    thread::yield_now(); // it looks again in a moment
                } else {
                    self.bed.wait();
                    // It may wake for something else.
                    while !self.vigil.is_kept() {
                        self.bed.wait();
                    }
                }
            }
        }
    }

    /// What cores do, each on a thread of its own, while they are watched. One runs in the end.
    fn check(preemptions_max: Option<usize>, lives: &[fn(&House, &Presence<Modelled>)]) {
        let lives = lives.to_vec();
        model(preemptions_max, move || {
            let house = House::new();
            for &live in &lives {
                let house = house.clone();
                thread::spawn(move || {
                    live(&house, &house.add());
                    house.at_rest.fetch_add(1, Ordering::Relaxed);
                });
            }
            house.watch(lives.len());
        });
    }

    fn run(house: &House, core: &Presence<Modelled>) {
        core.announce_run();
        house.begin();
    }

    fn sleep_and_wake(house: &House, core: &Presence<Modelled>) {
        assert!(core.bell.announce_sleep());
        core.bell.announce_awake();
        house.begin();
    }

    #[test]
    fn a_core_that_is_made_and_run_is_seen_in_any_order_of_events() {
        check(None, &[run]);
    }

    #[test]
    fn so_is_one_that_wakes() {
        check(
            Some(2),
            &[|house, core| {
                run(house, core);
                sleep_and_wake(house, core);
            }],
        );
    }

    #[test]
    fn so_is_one_that_begins_when_another_falls_asleep_or_ends() {
        check(
            Some(2),
            &[run, |house, core| {
                run(house, core);
                assert!(core.bell.announce_sleep());
            }],
        );
        check(
            Some(2),
            &[run, |house, core| {
                run(house, core);
                core.announce_out();
            }],
        );
    }

    #[test]
    fn of_several_who_begin_one_is_to_wake_the_thread() {
        let vigil = Vigil::new();
        assert_eq!([vigil.begin(), vigil.begin()], [true, false]);
        assert!(!vigil.end(|| true) && !vigil.begin(), "one runs, so it looks on");
        assert!(vigil.end(|| false) && !vigil.is_kept());
        vigil.demand();
        assert!(vigil.is_kept() && !vigil.begin(), "whoever demanded it wakes the thread");
    }
}
