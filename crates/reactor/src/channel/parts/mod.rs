//! What channels are made of: pure states, and ends that are generic over how a state is shared.
//!
//! The states decide; they call no waker, drop none and drop no value, but hand them out. The ends wake and drop when
//! nothing is borrowed or locked, because both can run code that comes back to the same channel. `tests` plays them
//! against all of that, and has threads use them in every order.
//!
//! [`oneshot`], [`notify`], [`watch`] and [`broadcast`] have their state and their ends in one file; the state of [`mpsc`] is a
//! [`queue`], that of a [`semaphore`] are its [`permits`], and its [`claims`] say who waits for whom.

pub(crate) mod oneshot;
pub(crate) mod queue;
pub(crate) mod mpsc;
pub(crate) mod permits;
pub(crate) mod claims;
pub(crate) mod semaphore;
pub(crate) mod notify;
pub(crate) mod watch;
pub(crate) mod broadcast;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use self::claims::Held;
use self::permits::Permits;
use crate::task::waits::{self, Asked};

/// How the two ends of a channel share its state.
pub(crate) trait Sharing {
    type Of<S>: Shared<S>;

    /// To a value that several may look at.
    type Pointer<T>: Clone + Deref<Target = T>;

    /// Permits, for whoever lists tasks and asks who holds them.
    fn held(permits: &Self::Of<Permits>) -> Option<Held>;

    /// Says that the running task waits, for whoever lists tasks.
    fn note(asked: Asked);

    fn pointer<T>(value: T) -> Self::Pointer<T>;
}

/// Within a core: `Rc<RefCell<_>>`.
pub(crate) enum OneCore {}

/// Between threads: `Arc<Mutex<_>>`.
pub(crate) enum Threads {}

impl Sharing for OneCore {
    type Of<S> = Local<S>;
    type Pointer<T> = Rc<T>;

    fn note(asked: Asked) {
        waits::note(asked);
    }

    fn held(permits: &Local<Permits>) -> Option<Held> {
        Some(Held::OneCore(permits.clone()))
    }

    fn pointer<T>(value: T) -> Rc<T> {
        Rc::new(value)
    }
}

impl Sharing for Threads {
    type Of<S> = Locked<S>;
    type Pointer<T> = Arc<T>;

    fn note(asked: Asked) {
        waits::note_between_threads(asked);
    }

    fn held(permits: &Locked<Permits>) -> Option<Held> {
        Some(Held::Threads(permits.clone()))
    }

    fn pointer<T>(value: T) -> Arc<T> {
        Arc::new(value)
    }
}

/// A state with several owners.
pub(crate) trait Shared<S>: Clone {
    fn new(state: S) -> Self;

    /// Looks at the state or changes it. What must not be dropped in there is returned.
    fn with<R>(&self, look: impl FnOnce(&mut S) -> R) -> R;
}

pub(crate) struct Local<S>(Rc<RefCell<S>>);

impl<S> Clone for Local<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> Shared<S> for Local<S> {
    fn new(state: S) -> Self {
        Self(Rc::new(RefCell::new(state)))
    }

    fn with<R>(&self, look: impl FnOnce(&mut S) -> R) -> R {
        look(&mut self.0.borrow_mut())
    }
}

pub(crate) struct Locked<S>(Arc<Mutex<S>>);

impl<S> Clone for Locked<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Shared<S> for Locked<S> {
    fn new(state: S) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    fn with<R>(&self, look: impl FnOnce(&mut S) -> R) -> R {
        // No step of a state panics half-way: a poisoned lock says that cloning a waker did, before the step.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a state answers to one who may have to wait.
#[must_use]
pub(crate) enum Step<T> {
    Now(T),
    /// The waker is stored; the one it replaced is to be dropped when the state is neither borrowed nor locked.
    Wait {
        replaced: Option<Waker>,
    },
}

impl<T> Step<T> {
    /// As [`into_poll`](Self::into_poll), for one who has given a waker: if he waits, a note of it is left.
    pub(super) fn into_wait<F: Sharing>(self, asked: Asked) -> Poll<T> {
        if matches!(self, Self::Wait { .. }) {
            F::note(asked);
        }
        self.into_poll()
    }

    /// To be called when the state is neither borrowed nor locked.
    pub(super) fn into_poll(self) -> Poll<T> {
        match self {
            Self::Now(value) => Poll::Ready(value),
            Self::Wait { replaced } => {
                drop(replaced);
                Poll::Pending
            }
        }
    }
}
