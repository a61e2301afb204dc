//! A job that begins with a context: the table runs it like any other, and it runs the one within.
//!
//! So a task without a context, which is nearly every one, carries nothing for it, and to run it costs nothing more.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task;

use super::job::{Run, message_of};
use super::origin::OriginId;
use crate::context::{Context, swap_in};

/// A job in the context that its task has inherited.
struct InContext {
    job: Rc<dyn Run>,
    /// Empty while the job runs and after it has ended.
    context: Cell<Context>,
}

/// The job, in what it inherits of the context that is current.
#[cold]
pub(super) fn in_context(job: Rc<dyn Run>) -> Rc<dyn Run> {
    let context = Context::current().inherited();
    if context.is_none() { job } else { Rc::new(InContext { job, context: Cell::new(context) }) }
}

impl Run for InContext {
    fn run(&self, cx: &mut task::Context<'_>) -> bool {
        let mut context = self.context.take();
        let swapped = swap_in(&mut context);
        let ended = self.job.run(cx);
        drop(swapped);
        if !ended {
            self.context.set(context);
        }
        ended
    }

    fn cancel(&self) {
        let mut context = self.context.take();
        let swapped = swap_in(&mut context);
        self.job.cancel();
        drop(swapped);
        // A user's value in it may panic by that, which is to end nothing else.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(context))) {
            self.origin().known().report_panic("the end of ", message_of(&*payload));
            std::mem::forget(payload); // its drop may panic in turn
        }
    }

    fn origin(&self) -> OriginId {
        self.job.origin()
    }

    fn joiner_data(&self) -> Option<*const ()> {
        self.job.joiner_data()
    }
}
