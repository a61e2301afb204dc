//! The calls that run on a connection. There are few, so all of them are polled when the task is.
//!
//! The future of a call cannot be named and does not hold still on the stack, so each lives in a box. A box is used
//! again by the next call while the connection is busy, and freed when it is idle: one allocation for each busy
//! period, so that idle connections hold none.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ekiden_proto::server::Panic;

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
        let polled = Panic::catch(|| {
            slot.set(Some(call()));
            poll(&mut slot, cx)
        });
        let outcome = match polled {
            Ok(Poll::Pending) => {
                self.add(Call { due, slot });
                return None;
            }
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        self.put_by(slot, outcome.is_err());
        Some((due, outcome))
    }

    /// Runs the calls until one ends. Ask again until none does.
    pub(super) fn next_outcome(&mut self, cx: &mut Context<'_>) -> Option<(Due, Result<F::Output, Panic>)> {
        let call = self.first.as_mut()?;
        if let Some(outcome) = ended(&mut call.slot, cx) {
            let call = self.first.take()?;
            self.first = self.others.as_mut().and_then(|others| others.pop());
            self.put_by(call.slot, outcome.is_err());
            return Some((call.due, outcome));
        }
        let others = self.others.as_mut()?;
        for at in 0..others.len() {
            if let Some(outcome) = ended(&mut others[at].slot, cx) {
                let call = others.swap_remove(at);
                self.put_by(call.slot, outcome.is_err());
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

    /// Keeps the box of a call that has ended.
    fn put_by(&mut self, mut slot: Slot<F>, has_panicked: bool) {
        if has_panicked {
            // What is left of it may panic once more; the first reason is the one to tell.
            drop(Panic::catch(|| slot.set(None)));
        }
        self.spare = Some(slot);
    }
}

/// Calls that are dropped as their connection ends may panic, like any: and two of them at once would end the process.
impl<F> Drop for Running<F> {
    fn drop(&mut self) {
        let others = self.others.take().into_iter().flat_map(|others| *others);
        for mut call in self.first.take().into_iter().chain(others) {
            drop(Panic::catch(|| call.slot.set(None)));
        }
    }
}

fn ended<F: Future>(slot: &mut Slot<F>, cx: &mut Context<'_>) -> Option<Result<F::Output, Panic>> {
    match Panic::catch(|| poll(slot, cx)) {
        Ok(Poll::Pending) => None,
        Ok(Poll::Ready(output)) => Some(Ok(output)),
        Err(panic) => Some(Err(panic)),
    }
}

/// Polls a call, which is dropped when it is ready: that is the application's code too.
fn poll<F: Future>(slot: &mut Slot<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let output = ready!(slot.as_mut().as_pin_mut().expect("a slot in use holds a call").poll(cx));
    slot.set(None);
    Poll::Ready(output)
}
