//! Which wakers wake the same task.
//!
//! [`Waker::will_wake`] compares where the tables of functions are. One and the same table is in a program several times, once in
//! each unit that the compiler made of it, so in a release two wakers of a task may say that they are not the same. Here it is
//! the functions that count.

use std::task::Waker;

/// Whether both wake the same task: sure if it says so, and never denied of the reactor's own wakers.
#[inline]
pub(crate) fn wake_the_same(known: &Waker, waker: &Waker) -> bool {
    known.data() == waker.data() && known.vtable() == waker.vtable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::woken::Woken;

    #[test]
    fn a_clone_wakes_the_same_and_another_does_not() {
        let woken = Woken::default();
        let (one, other) = (woken.waker(1), woken.waker(1));
        assert!(wake_the_same(&one, &one.clone()));
        assert!(!wake_the_same(&one, &other));
        assert!(wake_the_same(Waker::noop(), Waker::noop()));
        assert!(!wake_the_same(Waker::noop(), &one));
    }
}
