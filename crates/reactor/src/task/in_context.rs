//! A job that begins with a context: the table runs it like any other, and it runs the one within.
//!
//! So a task without a context, which is nearly every one, carries nothing for it, and to run it costs nothing more.

use std::mem;
use std::pin::Pin;
use std::task;

use super::job::{Job, Run, catch_end};
use super::origin::OriginId;
use crate::context::{Context, swap_in};

/// A job in the context that its task has inherited.
struct InContext {
    job: Job,
    /// Elsewhere while the job runs.
    context: Context,
}

/// The job, in what it inherits of the context that is current.
#[cold]
pub(super) fn in_context(job: Job) -> Job {
    let context = Context::current().inherited();
    if context.is_none() { job } else { Box::pin(InContext { job, context }) }
}

impl Run for InContext {
    fn run(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>, origin: OriginId) -> bool {
        let Self { job, context } = &mut *self;
        let swapped = swap_in(context);
        let ended = job.as_mut().run(cx, origin);
        drop(swapped);
        if ended {
            drop_context(context, origin);
        }
        ended
    }

    fn cancel(mut self: Pin<&mut Self>, origin: OriginId) {
        let Self { job, context } = &mut *self;
        let swapped = swap_in(context);
        job.as_mut().cancel(origin);
        drop(swapped);
        drop_context(context, origin);
    }

    fn joiner_data(&self) -> Option<*const ()> {
        self.job.joiner_data()
    }
}

/// A user's value in it may panic by that.
fn drop_context(context: &mut Context, origin: OriginId) {
    let context = mem::replace(context, Context::none());
    catch_end(origin, || drop(context));
}
