//! The arming: while a core runs the watchdog is armed, and when none does its thread sleeps until it is woken.
//!
//! A core that begins to run announces it (its [`Presence`](crate::presence::Presence)) and then looks whether the watchdog is
//! armed; the thread that wants to sleep disarms it and then looks whether any core runs. One of the two always sees the other,
//! so no core that runs is left alone; and while the watchdog is armed, to begin costs a core one load and no system call.
//!
//! ```text
//!   a core:      announce that it runs, then arm ──────► "wake the thread" / "it is armed"
//!   the thread:  disarm, then look at all cores again ─► "sleep" / "one runs: armed again"
//! ```
//!
//! It wakes nobody, sleeps nowhere and reads no clock. That it keeps its word in every order of events is checked by a
//! model of the memory below.

use std::sync::atomic::AtomicBool;

use crate::atomics::Flag;

/// Whether the watchdog is armed: its thread looks at the cores from time to time. When it is not, that sleeps until it is woken.
#[derive(Debug)]
pub(super) struct Arming<F = AtomicBool> {
    is_armed: F,
}

impl Arming {
    pub(super) const fn new() -> Self {
        Self { is_armed: AtomicBool::new(false) }
    }
}

impl<F: Flag> Arming<F> {
    /// A core has announced that it runs. True if the thread must be woken.
    #[inline]
    #[must_use = "the thread may have to be woken"]
    pub(super) fn arm(&self) -> bool {
        !self.is_armed.load() && self.arm_anew()
    }

    #[cold]
    fn arm_anew(&self) -> bool {
        !self.is_armed.swap(true)
    }

    /// The thread is to look now, whatever it has seen. It must be woken, also if it looks from time to time.
    pub(super) fn demand(&self) {
        self.is_armed.store(true);
    }

    /// Whether the thread is to look.
    pub(super) fn is_armed(&self) -> bool {
        self.is_armed.load()
    }

    /// The thread has seen that no core runs, and wants to sleep until it is woken; false if it must not, since one does by
    /// now. `any_runs` looks at all cores once more.
    #[must_use = "it must not sleep when a core runs"]
    pub(super) fn disarm(&self, any_runs: impl FnOnce() -> bool) -> bool {
        self.is_armed.store(false);
        // Sequentially consistent with `arm`: either a core that begins sees that nobody looks, or we see that it runs;
        // also one that was made since the last look began.
        let any_runs = any_runs();
        if any_runs {
            self.is_armed.store(true);
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
    use crate::presence::{Life, Presence};

    /// The cores of a process, and the bed of the thread that watches them: who was woken before does not sleep.
    struct House {
        cores: Mutex<Vec<Arc<Presence<Modelled>>>>,
        arming: Arming<Modelled>,
        bed: Notify,
        /// Not of the model: how many cores do nothing any more.
        at_rest: AtomicUsize,
    }

    impl House {
        fn new() -> Arc<Self> {
            let arming = Arming { is_armed: Modelled::new(true) };
            Arc::new(Self {
                cores: Mutex::default(),
                arming,
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
            if self.arming.arm() {
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
                if any_runs || !self.arming.disarm(|| self.running() > 0) {
                    thread::yield_now(); // it looks again in a moment
                } else {
                    self.bed.wait();
                    // It may wake for something else.
                    while !self.arming.is_armed() {
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
        let arming = Arming::new();
        assert_eq!([arming.arm(), arming.arm()], [true, false]);
        assert!(!arming.disarm(|| true) && !arming.arm(), "one runs, so it looks on");
        assert!(arming.disarm(|| false) && !arming.is_armed());
        arming.demand();
        assert!(arming.is_armed() && !arming.arm(), "whoever demanded it wakes the thread");
    }
}
