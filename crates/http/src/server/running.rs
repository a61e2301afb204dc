//! The calls that run on a connection. There are few, so all of them are polled when the task is.
//!
//! The future of a call cannot be named and does not hold still on the stack, so each lives in a box. A box is used
//! again by the next call while the connection is busy, and freed when it is idle: one allocation for each busy
//! period, so that idle connections hold none.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::h1::server::Due;

/// Futures of calls, each with the reply that is due for it.
pub(super) struct Running<F> {
    /// Without pipelining there is no other. `None` only if none runs at all.
    first: Option<Call<F>>,
    #[expect(clippy::box_collection, reason = "the many connections without any must not carry its room")]
    others: Option<Box<Vec<Call<F>>>>,
    /// A box that holds no call.
    spare: Option<Slot<F>>,
}

struct Call<F> {
    due: Due,
    slot: Slot<F>,
}

type Slot<F> = Pin<Box<Option<F>>>;

/// What a call panicked with.
pub(super) struct Panic(Box<dyn Any + Send>);

impl<F: Future> Running<F> {
    pub(super) fn new() -> Self {
        Self { first: None, others: None, spare: None }
    }

    /// Makes a call, and runs it as far as it goes.
    #[inline]
    pub(super) fn start(
        &mut self,
        cx: &mut Context<'_>,
        due: Due,
        call: impl FnOnce() -> F,
    ) -> Option<(Due, Result<F::Output, Panic>)> {
        let mut slot = self.spare.take().unwrap_or_else(|| Box::pin(None));
        let mut polled = Poll::Pending;
        let caught = catch(|| {
            slot.set(Some(call()));
            polled = poll(&mut slot, cx);
        });
        let outcome = match polled {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => match caught {
                Err(panic) => Err(panic),
                Ok(()) => {
                    self.add(Call { due, slot });
                    return None;
                }
            },
        };
        self.put_by(slot);
        Some((due, outcome))
    }

    /// Runs the calls until one ends. Ask again until none does.
    pub(super) fn next_outcome(&mut self, cx: &mut Context<'_>) -> Option<(Due, Result<F::Output, Panic>)> {
        let call = self.first.as_mut()?;
        if let Some(outcome) = ended(&mut call.slot, cx) {
            let call = self.first.take()?;
            self.first = self.others.as_mut().and_then(|others| others.pop());
            self.put_by(call.slot);
            return Some((call.due, outcome));
        }
        let others = self.others.as_mut()?;
        for at in 0..others.len() {
            if let Some(outcome) = ended(&mut others[at].slot, cx) {
                let call = others.swap_remove(at);
                self.put_by(call.slot);
                return Some((call.due, outcome));
            }
        }
        None
    }

    /// Gives up the calls that run.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Gives back the memory of the calls that ran, since none does.
    pub(super) fn rest(&mut self) {
        self.spare = None;
        self.others = None;
    }

    fn add(&mut self, call: Call<F>) {
        match &self.first {
            None => self.first = Some(call),
            Some(_) => self.others.get_or_insert_default().push(call),
        }
    }

    /// Drops the call, and keeps its box.
    fn put_by(&mut self, mut slot: Slot<F>) {
        slot.set(None);
        self.spare = Some(slot);
    }
}

fn ended<F: Future>(slot: &mut Slot<F>, cx: &mut Context<'_>) -> Option<Result<F::Output, Panic>> {
    match catch(|| poll(slot, cx)) {
        Ok(Poll::Pending) => None,
        Ok(Poll::Ready(output)) => Some(Ok(output)),
        Err(panic) => Some(Err(panic)),
    }
}

fn poll<F: Future>(slot: &mut Slot<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    slot.as_mut().as_pin_mut().expect("a slot in use holds a call").poll(cx)
}

/// Runs the application's code: its panic ends one connection, and not the server.
///
/// That what it was working on may be left half-done is the application's to know; of ours it touches nothing.
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panic)
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.downcast_ref::<&str>().copied();
        let text = text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str));
        f.write_str(text.unwrap_or("(not with a text)"))
    }
}
