//! The calls that run on a connection.
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
pub(super) struct Calls<F> {
    /// Without pipelining there is no other.
    first: Option<Call<F>>,
    others: Vec<Call<F>>,
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

impl<F: Future> Calls<F> {
    pub(super) fn new() -> Self {
        Self { first: None, others: Vec::new(), spare: None }
    }

    /// Makes a call, and runs it as far as it goes.
    pub(super) fn start(
        &mut self,
        cx: &mut Context<'_>,
        due: Due,
        call: impl FnOnce() -> F,
    ) -> Option<(Due, Result<F::Output, Panic>)> {
        let mut slot = self.spare.take().unwrap_or_else(|| Box::pin(None));
        let polled = catch(|| {
            slot.set(Some(call()));
            poll(&mut slot, cx)
        });
        match polled {
            Ok(Poll::Pending) => {
                let call = Call { due, slot };
                match &self.first {
                    None => self.first = Some(call),
                    Some(_) => self.others.push(call),
                }
                None
            }
            Ok(Poll::Ready(output)) => Some(self.finish(Call { due, slot }, Ok(output))),
            Err(panic) => Some(self.finish(Call { due, slot }, Err(panic))),
        }
    }

    /// Runs the calls until one ends. Ask again until none does.
    pub(super) fn next_outcome(&mut self, cx: &mut Context<'_>) -> Option<(Due, Result<F::Output, Panic>)> {
        if let Some(call) = &mut self.first
            && let Some(outcome) = ended(&mut call.slot, cx)
        {
            return self.first.take().map(|call| self.finish(call, outcome));
        }
        for at in 0..self.others.len() {
            if let Some(outcome) = ended(&mut self.others[at].slot, cx) {
                let call = self.others.swap_remove(at);
                return Some(self.finish(call, outcome));
            }
        }
        None
    }

    /// Gives up the calls that run, and the memory of those that did.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Drops the call, and keeps its box.
    fn finish<T>(&mut self, mut call: Call<F>, outcome: T) -> (Due, T) {
        call.slot.set(None);
        self.spare = Some(call.slot);
        (call.due, outcome)
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
