//! A job: one task's future, in one piece of memory with what becomes of it.
//!
//! The table keeps it as a trait object and runs it. Its result goes to the outcome that it shares with the task's handle; when
//! the handle has gone, the outcome goes too, and a result that would be lost is reported.

use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::join::Outcome;
use super::join_error::{JoinError, message_of};
use super::origin::OriginId;
use crate::events;

/// A task's job. Whose it is its place knows, and says when it is run.
pub(crate) type Job = Pin<Box<dyn Run>>;

/// What the table does with a job. A panic of the future, or of whoever is told of its end, stays inside.
pub(crate) trait Run {
    /// Polls the future; true when the job has ended.
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>, origin: OriginId) -> bool;
    /// Drops the future now.
    fn cancel(self: Pin<&mut Self>, origin: OriginId);
    /// The data of the waker of whoever waits for its end.
    fn joiner_data(&self) -> Option<*const ()>;
}

/// Who is told of a result that nobody waits for.
pub(crate) trait Report<T> {
    fn report(result: &T, origin: OriginId);
}

/// Nobody: a result that is dropped is no news.
pub(crate) struct Silent;

impl<T> Report<T> for Silent {
    fn report(_result: &T, _origin: OriginId) {}
}

/// The job of a future, and where its result will be.
pub(crate) fn new<F, R>(future: F, origin: OriginId) -> (Job, Rc<Outcome<F::Output>>)
where
    F: Future + 'static,
    R: Report<F::Output> + 'static,
{
    let outcome = Rc::new(Outcome::new(origin, R::report));
    let job = Underway::<F, R> { future: Some(future), outcome: Some(outcome.clone()), report: PhantomData };
    (Box::pin(job), outcome)
}

pin_project! {
    struct Underway<F: Future, R> {
        // Empty after it has ended.
        #[pin]
        future: Option<F>,
        // Only as long as somebody has a handle, but for the time until the next poll.
        outcome: Option<Rc<Outcome<F::Output>>>,
        report: PhantomData<R>,
    }
}

impl<F: Future, R: Report<F::Output>> Underway<F, R> {
    fn end(self: Pin<&mut Self>, result: Result<F::Output, JoinError>, origin: OriginId) {
        let outcome = self.project().outcome.take();
        // Whoever waits for it may panic when woken, its output when it is dropped, and so may what it panicked with.
        catch_end(origin, || match outcome {
            Some(outcome) if outcome.is_awaited() => outcome.tell(result),
            _ => {
                result.map_or_else(|failure| failure.report_lost(origin), |output| R::report(&output, origin))
            }
        });
    }
}

impl<F: Future, R: Report<F::Output>> Run for Underway<F, R> {
    fn run(mut self: Pin<&mut Self>, cx: &mut Context<'_>, origin: OriginId) -> bool {
        let mut this = self.as_mut().project();
        if this.outcome.as_ref().is_some_and(|outcome| !outcome.is_awaited()) {
            *this.outcome = None;
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else { return true };
        // The future is not used again after a panic, so nobody sees what it left half done in itself; what it
        // shares with others is theirs to protect, as with any panic.
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => false,
            Ok(Poll::Ready(output)) => {
                let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
                self.end(dropped.map(|()| output).map_err(JoinError::panicked), origin);
                true
            }
            Err(payload) => {
                let message = message_of(&*payload).unwrap_or("no message");
                events::debug("task", format_args!("{}, panicked: {message}", origin.known()));
                // Its own remains may panic once more; the first reason is the one to tell.
                drop(catch_unwind(AssertUnwindSafe(|| this.future.set(None))));
                self.end(Err(JoinError::panicked(payload)), origin);
                true
            }
        }
    }

    fn cancel(mut self: Pin<&mut Self>, origin: OriginId) {
        let mut future = self.as_mut().project().future;
        match catch_unwind(AssertUnwindSafe(|| future.set(None))) {
            Ok(()) => self.end(Err(JoinError::aborted()), origin),
            Err(payload) => self.end(Err(JoinError::panicked(payload)), origin),
        }
    }

    fn joiner_data(&self) -> Option<*const ()> {
        self.outcome.as_ref()?.joiner_data()
    }
}

/// Does something at the end of a job, a panic of which is to end nothing else.
pub(super) fn catch_end(origin: OriginId, end: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(end)) {
        origin.known().report_panic("the end of ", message_of(&*payload));
        mem::forget(payload); // its drop may be what panicked
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::rc::Rc;
    use std::task::{Context, Waker};

    use super::*;

    const NOBODY: OriginId = OriginId::NONE;

    #[test]
    fn a_job_keeps_little_beside_its_future() {
        let held = [0_u8; 100];
        let future = async move {
            pending::<()>().await;
            let _held = &held;
        };
        let bytes = size_of_val(&future);
        let (job, _outcome) = new::<_, Silent>(future, NOBODY);
        assert!(size_of_val(&*job) <= bytes + 16, "{} of {bytes}", size_of_val(&*job));
    }

    #[test]
    fn when_the_handle_has_gone_the_place_of_the_result_goes_too() {
        let (mut job, outcome) = new::<_, Silent>(pending::<()>(), NOBODY);
        let left = Rc::downgrade(&outcome);
        let mut run = || job.as_mut().run(&mut Context::from_waker(Waker::noop()), NOBODY);
        assert!(!run());
        drop(outcome);
        assert_eq!(left.strong_count(), 1);
        assert!(!run());
        assert_eq!(left.strong_count(), 0);
    }

    #[test]
    fn the_future_is_gone_before_its_end_is_told() {
        let held = Rc::new(());
        let watched = Rc::downgrade(&held);
        let (mut job, outcome) = new::<_, Silent>(async move { drop(held) }, NOBODY);
        let waker = Waker::noop();
        assert!(job.as_mut().run(&mut Context::from_waker(waker), NOBODY));
        assert!(watched.upgrade().is_none());
        drop(outcome);
        let held = Rc::new(());
        let watched = Rc::downgrade(&held);
        let future = poll_fn(move |_| {
            let _held = &held;
            Poll::<()>::Pending
        });
        let (mut job, _outcome) = new::<_, Silent>(future, NOBODY);
        assert!(!job.as_mut().run(&mut Context::from_waker(waker), NOBODY));
        job.as_mut().cancel(NOBODY);
        assert!(watched.upgrade().is_none(), "although the job is still there");
    }
}
