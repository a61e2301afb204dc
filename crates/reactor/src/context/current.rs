//! The context that is in effect on this thread, and how it is swapped.
//!
//! The thread's and not the core's: a core runs on one thread, and to go and find the core would cost more than to swap.
//! So contexts need no reactor, and what runs a reactor within another begins with nothing.

use std::cell::Cell;
use std::mem;
use std::rc::Rc;

use super::value::{Context, Deadline, Departing, Rest};

thread_local! {
    static DEADLINE: Cell<Deadline> = const { Cell::new(Deadline::NEVER) };
    /// Whether there is anything in the place below, which is dearer to look at.
    static HAS_REST: Cell<bool> = const { Cell::new(false) };
    static REST: Cell<Option<Rc<Rest>>> = const { Cell::new(None) };
}

/// The context of a scope, in effect until this is dropped; then the one before is again, also by a panic.
#[must_use = "it ends when it is dropped"]
pub(crate) struct Swapped<'a>(&'a mut Context);

/// Puts a context into effect. In its place is the one that was, until the guard is dropped.
#[inline]
pub(crate) fn swap_in(context: &mut Context) -> Swapped<'_> {
    swap(context);
    Swapped(context)
}

impl Drop for Swapped<'_> {
    #[inline]
    fn drop(&mut self) {
        swap(self.0);
    }
}

/// A deadline that was narrowed, until this is dropped.
#[must_use = "it ends when it is dropped"]
pub(super) struct Narrowed(Deadline);

/// Narrows the deadline. Nothing else of the context is touched.
#[inline]
pub(super) fn narrow(deadline: Deadline) -> Narrowed {
    let around = DEADLINE.get();
    DEADLINE.set(around.min(deadline));
    Narrowed(around)
}

impl Drop for Narrowed {
    #[inline]
    fn drop(&mut self) {
        DEADLINE.set(self.0);
    }
}

#[inline]
fn swap(context: &mut Context) {
    context.deadline = DEADLINE.replace(context.deadline);
    // While the thread ends there is no place any more, and then nobody reads it either.
    if context.rest.is_some() || HAS_REST.get() {
        HAS_REST.set(context.rest.is_some());
        let _ = REST.try_with(|rest| context.rest = rest.replace(mem::take(&mut context.rest)));
    }
}

#[inline]
pub(super) fn deadline() -> Option<crate::time::Instant> {
    DEADLINE.get().get()
}

pub(super) fn get() -> Context {
    Context { deadline: DEADLINE.get(), rest: rest() }
}

/// What of it can go to another thread.
pub(crate) fn departing() -> Departing {
    Departing { deadline: DEADLINE.get(), trace: with_rest(|rest| rest.trace).flatten() }
}

/// Whether nothing is in effect.
#[inline]
pub(crate) fn is_none() -> bool {
    DEADLINE.get() == Deadline::NEVER && !HAS_REST.get()
}

fn rest() -> Option<Rc<Rest>> {
    with_place(|place| {
        let rest = place.take();
        place.set(rest.clone());
        rest
    })
}

/// Reads what is behind the pointer. `read` must not come back here.
#[inline]
pub(super) fn with_rest<R>(read: impl FnOnce(&Rest) -> R) -> Option<R> {
    if !HAS_REST.get() {
        return None;
    }
    with_place(|place| {
        let rest = place.take()?;
        let result = read(&rest);
        place.set(Some(rest));
        Some(result)
    })
}

#[inline]
fn with_place<R>(f: impl FnOnce(&Cell<Option<Rc<Rest>>>) -> Option<R>) -> Option<R> {
    REST.try_with(f).ok().flatten()
}
