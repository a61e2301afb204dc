//! A context as a value: [`Context`]. It knows nothing of what is current.
//!
//! The deadline is inline, since it is what changes most: each time-out on the way narrows it. Everything else is behind
//! one pointer that contexts share, and is copied when one of them differs.

use std::any::Any;
use std::fmt;
use std::rc::Rc;

use super::current;
use super::key::{Key, Passes};
use super::trace::Trace;
use crate::time::Instant;

/// A deadline, a trace and users' values: what goes with a piece of work.
///
/// Each method that changes something returns the context that has it changed. Clones are cheap. See
/// [the module](super) for what it is good for.
#[derive(Clone, Default)]
#[must_use = "a context has no effect until something is run in it"]
pub struct Context {
    pub(super) deadline: Deadline,
    pub(super) rest: Option<Rc<Rest>>,
}

/// A moment, or never: in a word, and the earlier one is the smaller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline(u64);

/// What contexts share.
#[derive(Clone, Default)]
pub(super) struct Rest {
    pub(super) trace: Option<Trace>,
    /// By the number of their key, which is the place. Keys are few: there is one for each kind of thing that a whole
    /// program wants to know of a request.
    values: Vec<Option<Value>>,
}

#[derive(Clone)]
struct Value {
    value: Rc<dyn Any>,
    name: &'static str,
    passes: Passes,
}

/// What of a context can go to another thread.
pub(crate) struct Departing {
    pub(super) deadline: Deadline,
    pub(super) trace: Option<Trace>,
}

impl Context {
    /// The context with nothing in it: what every program begins with.
    pub const fn none() -> Self {
        Self { deadline: Deadline::NEVER, rest: None }
    }

    /// The context that is in effect here.
    pub fn current() -> Self {
        current::get()
    }

    /// When nobody waits any longer.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Whose work it is, if it is traced.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        self.rest.as_ref()?.trace
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.deadline == Deadline::NEVER && self.rest.is_none()
    }

    /// Narrows the deadline: of the two the earlier counts. To have more time, leave it behind
    /// ([`without_deadline`](Self::without_deadline)).
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = self.deadline.min(Deadline::at(deadline));
        self
    }

    /// Leaves the deadline behind: for work that nobody waits for, and that goes on when the request is over.
    pub fn without_deadline(mut self) -> Self {
        self.deadline = Deadline::NEVER;
        self
    }

    /// Says whose work it is.
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.rest_mut().trace = Some(trace);
        self
    }

    /// Says that it is nobody's.
    pub fn without_trace(mut self) -> Self {
        if self.trace().is_some() {
            self.rest_mut().trace = None;
        }
        self.tidy()
    }

    /// Keeps a value under a key, in place of the one that was there.
    pub fn with<T: 'static>(mut self, key: &'static Key<T>, value: T) -> Self {
        let at = key.number();
        let values = &mut self.rest_mut().values;
        if values.len() <= at {
            values.resize(at + 1, None);
        }
        let name = std::any::type_name::<T>();
        values[at] = Some(Value { value: Rc::new(value), name, passes: key.passes() });
        self
    }

    /// Leaves the value of a key behind.
    pub fn without<T: 'static>(mut self, key: &'static Key<T>) -> Self {
        if self.rest.as_ref().is_some_and(|rest| rest.value(key.number()).is_some()) {
            self.rest_mut().values[key.number()] = None;
        }
        self.tidy()
    }

    /// What a task inherits of it.
    pub(crate) fn inherited(mut self) -> Self {
        let stays = |value: &Option<Value>| value.as_ref().is_some_and(|value| value.passes == Passes::No);
        if self.rest.as_ref().is_some_and(|rest| rest.values.iter().any(stays)) {
            for value in &mut self.rest_mut().values {
                value.take_if(|value| value.passes == Passes::No);
            }
        }
        self.tidy()
    }

    fn rest_mut(&mut self) -> &mut Rest {
        Rc::make_mut(self.rest.get_or_insert_default())
    }

    /// Nothing behind the pointer is no pointer.
    fn tidy(mut self) -> Self {
        self.rest.take_if(|rest| rest.trace.is_none() && rest.values.iter().all(Option::is_none));
        self
    }
}

impl Departing {
    pub(crate) fn arrive(self) -> Context {
        let context = Context { deadline: self.deadline, rest: None };
        match self.trace {
            Some(trace) => context.with_trace(trace),
            None => context,
        }
    }
}

impl Deadline {
    /// The end of the clock, so whoever adds too much to a moment has no deadline.
    pub(super) const NEVER: Self = Self(u64::MAX);

    pub(super) fn at(instant: Instant) -> Self {
        Self(instant.as_nanos())
    }

    /// The end of the clock if there is none.
    #[inline]
    pub(super) fn moment(self) -> Instant {
        Instant::from_nanos(self.0)
    }

    #[inline]
    pub(super) fn get(self) -> Option<Instant> {
        (self != Self::NEVER).then(|| self.moment())
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::NEVER
    }
}

impl Rest {
    #[inline]
    pub(super) fn value(&self, number: usize) -> Option<&Rc<dyn Any>> {
        self.values.get(number)?.as_ref().map(|value| &value.value)
    }
}

impl fmt::Debug for Context {
    /// Users' values may not be for everybody's eyes: only their types are told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.rest.iter().flat_map(|rest| rest.values.iter().flatten());
        let names: Vec<_> = values.map(|value| value.name).collect();
        f.debug_struct("Context")
            .field("deadline", &self.deadline())
            .field("trace", &self.trace())
            .field("values", &names)
            .finish()
    }
}
