//! A bell: how a thread that leaves something wakes a thread that may sleep, and never in vain.
//!
//! Whoever leaves something rings, and is told whether the sleeper must be woken; whoever wants to sleep announces it,
//! and is told whether something was left. One of the two always sees the other, so nothing lies there while everybody
//! sleeps; and who is awake is never woken, which would cost a system call.
//!
//! ```text
//!   writers:  leave it, then ring ────────► "wake the sleeper" / "it will look by itself"
//!   sleeper:  announce that it will sleep ► "sleep" / "something was left: look"
//! ```
//!
//! It holds nothing, wakes nobody and never blocks. That it keeps its word in every order of events is checked by a
//! model of the memory below.

use std::sync::atomic::AtomicBool;

use crate::atomics::Flag;

/// Between one thread that may sleep and those that ring.
#[derive(Debug)]
pub(crate) struct Bell<F = AtomicBool> {
    /// Whether somebody has rung since it was answered: all that the sleeper looks at when nobody has.
    rung: F,
    /// Whether the sleeper is asleep or about to be, so that who rings must wake it.
    sleeps: F,
}

impl<F: Flag> Bell<F> {
    pub(crate) fn new() -> Self {
        Self { rung: F::new(false), sleeps: F::new(false) }
    }

    /// To be called once something was left. True if the sleeper must be woken; of several who ring before it answers
    /// only one is told so.
    #[must_use = "the sleeper may have to be woken"]
    pub(crate) fn ring(&self) -> bool {
        let was_rung = self.rung.swap(true);
        !was_rung && self.sleeps.load()
    }

    /// Whether somebody has rung: one atomic load.
    #[inline]
    pub(crate) fn has_rung(&self) -> bool {
        self.rung.load()
    }

    /// From here on a ring is a new one. What was left before is to be looked for after this.
    pub(crate) fn answer(&self) {
        self.rung.store(false);
    }

    /// The sleeper is going to sleep; false if it must not, since somebody has rung.
    #[must_use = "it must not sleep when somebody has rung"]
    pub(crate) fn announce_sleep(&self) -> bool {
        // Sequentially consistent with `ring`: either who rings sees `sleeps` or we see `rung`.
        self.sleeps.store(true);
        !self.has_rung()
    }

    /// Whether the sleeper is asleep, or about to be.
    pub(crate) fn is_asleep(&self) -> bool {
        self.sleeps.load()
    }

    /// The sleeper is awake.
    pub(crate) fn announce_awake(&self) {
        self.sleeps.store(false);
    }
}

#[cfg(test)]
mod tests {
    use std::mem::take;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use loom::sync::atomic::AtomicBool as Modelled;
    use loom::sync::{Arc, Mutex, Notify};
    use loom::thread;

    use super::*;
    use crate::atomics::modelled::model;

    /// What the bell stands between: letters behind a lock, and a bed from which one is woken, also if one is woken
    /// before one lies down.
    struct House {
        bell: Bell<Modelled>,
        letters: Mutex<Vec<u32>>,
        bed: Notify,
        /// Not of the model: nobody decides by it.
        wakings: AtomicUsize,
    }

    impl House {
        fn new() -> Arc<Self> {
            let (bell, bed) = (Bell::new(), Notify::new());
            Arc::new(Self { bell, letters: Mutex::default(), bed, wakings: AtomicUsize::new(0) })
        }

        fn write(&self, letter: u32) {
            self.letters.lock().unwrap().push(letter);
            if self.bell.ring() {
                self.wakings.fetch_add(1, Ordering::Relaxed);
                self.bed.notify();
            }
        }

        fn sleep(&self) {
            if self.bell.announce_sleep() {
                self.bed.wait();
            }
            self.bell.announce_awake();
        }

        fn read(&self) -> Vec<u32> {
            if !self.bell.has_rung() {
                return Vec::new();
            }
            self.bell.answer();
            take(&mut *self.letters.lock().unwrap())
        }
    }

    /// Each of so many threads writes a letter, and one that sleeps in between reads them all. With a letter lost, or left
    /// while everybody sleeps, the model finds that the sleeper waits for ever.
    fn all_is_read(writers: u32, preemptions_max: Option<usize>) {
        model(preemptions_max, move || {
            let house = House::new();
            for letter in 0..writers {
                let house = house.clone();
                thread::spawn(move || house.write(letter));
            }
            let mut read = Vec::new();
            loop {
                read.extend(house.read());
                if read.len() == writers as usize {
                    break;
                }
                house.sleep();
            }
            read.sort_unstable();
            assert!(read.into_iter().eq(0..writers));
        });
    }

    #[test]
    fn nobody_sleeps_over_a_letter_in_any_order_of_events() {
        all_is_read(1, None);
    }

    #[test]
    fn nor_over_one_of_several() {
        all_is_read(2, Some(2));
    }

    #[test]
    fn who_is_awake_is_woken_by_nobody() {
        model(None, || {
            let house = House::new();
            let writer = {
                let house = house.clone();
                thread::spawn(move || house.write(1))
            };
            let mut read = house.read();
            writer.join().unwrap();
            read.extend(house.read());
            assert_eq!((read, house.wakings.load(Ordering::Relaxed)), (vec![1], 0));
        });
    }

    #[test]
    fn of_several_who_ring_one_is_to_wake_the_sleeper() {
        let bell = Bell::<AtomicBool>::new();
        assert!(bell.announce_sleep());
        assert_eq!([bell.ring(), bell.ring(), bell.ring()], [true, false, false]);
        assert!(!bell.announce_sleep(), "somebody has rung");
        bell.announce_awake();
        bell.answer();
        assert_eq!([bell.ring(), bell.ring()], [false, false], "it is awake");
    }
}
