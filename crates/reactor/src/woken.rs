//! For tests: wakers that write down who was woken. Knows no executor.

use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

/// The numbers of those who were woken, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Woken(Arc<Mutex<Vec<usize>>>);

#[derive(Debug)]
struct Number(usize, Woken);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        self.1.0.lock().expect("no test panics in here").push(self.0);
    }
}

impl Woken {
    /// A waker with a number. Two of the same number are two tasks: clone it to have it twice.
    pub(crate) fn waker(&self, number: usize) -> Waker {
        Arc::new(Number(number, self.clone())).into()
    }

    /// Who was woken since the last time, in order.
    pub(crate) fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.lock().expect("no test panics in here"))
    }

    /// How many wakers of this log exist, clones counted once; asked when no clone of the log is left.
    pub(crate) fn wakers(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}
