//! A flag and a count between threads, in one order for all of them: the processor's, or those of a model.
//!
//! Whoever builds on these and on nothing else that is shared is generic over them, and so the code that runs is the code
//! that a model plays in every order of events.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A flag between threads.
pub(crate) trait Flag {
    fn new(value: bool) -> Self;
    fn load(&self) -> bool;
    fn store(&self, value: bool);
    fn swap(&self, value: bool) -> bool;
}

/// A number between threads.
pub(crate) trait Count {
    fn new() -> Self;
    fn load(&self) -> usize;
    fn add_one(&self);
    fn subtract_one(&self);
    /// Adds one if it is still so much.
    fn add_one_to(&self, known: usize) -> bool;
}

impl Flag for AtomicBool {
    fn new(value: bool) -> Self {
        Self::new(value)
    }

    #[inline]
    fn load(&self) -> bool {
        self.load(Ordering::SeqCst)
    }

    fn store(&self, value: bool) {
        self.store(value, Ordering::SeqCst);
    }

    fn swap(&self, value: bool) -> bool {
        self.swap(value, Ordering::SeqCst)
    }
}

impl Count for AtomicUsize {
    fn new() -> Self {
        Self::new(0)
    }

    #[inline]
    fn load(&self) -> usize {
        self.load(Ordering::SeqCst)
    }

    fn add_one(&self) {
        self.fetch_add(1, Ordering::SeqCst);
    }

    fn subtract_one(&self) {
        self.fetch_sub(1, Ordering::SeqCst);
    }

    fn add_one_to(&self, known: usize) -> bool {
        self.compare_exchange(known, known + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// The model's. It takes operations in one order for weaker than they are, and knows that order of fences only. So each
/// that writes is followed by one, as the processor does it.
#[cfg(test)]
pub(crate) mod modelled {
    use loom::sync::atomic::{AtomicBool, AtomicUsize, fence};

    use super::{Count, Flag, Ordering};

    impl Flag for AtomicBool {
        fn new(value: bool) -> Self {
            Self::new(value)
        }

        fn load(&self) -> bool {
            self.load(Ordering::Acquire)
        }

        fn store(&self, value: bool) {
            self.store(value, Ordering::Release);
            fence(Ordering::SeqCst);
        }

        fn swap(&self, value: bool) -> bool {
            let before = self.swap(value, Ordering::AcqRel);
            fence(Ordering::SeqCst);
            before
        }
    }

    impl Count for AtomicUsize {
        fn new() -> Self {
            Self::new(0)
        }

        fn load(&self) -> usize {
            self.load(Ordering::Acquire)
        }

        fn add_one(&self) {
            self.fetch_add(1, Ordering::AcqRel);
            fence(Ordering::SeqCst);
        }

        fn subtract_one(&self) {
            self.fetch_sub(1, Ordering::AcqRel);
            fence(Ordering::SeqCst);
        }

        fn add_one_to(&self, known: usize) -> bool {
            let is_done =
                self.compare_exchange(known, known + 1, Ordering::AcqRel, Ordering::Acquire).is_ok();
            fence(Ordering::SeqCst);
            is_done
        }
    }

    /// Plays it in every order in which threads are interrupted so often at most; in every order there is, for `None`.
    pub(crate) fn model(preemptions_max: Option<usize>, play: impl Fn() + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = preemptions_max;
        model.check(play);
    }
}
