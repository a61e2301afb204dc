//! A job: one task's future and its result, shared by the table, which runs it, and the handle, which waits.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::origin::{Origin, OriginId};
use super::table::Entry;
use super::tick::try_poll_if;
use super::waits::{self, Asked};
use crate::events;

/// A future on its way to a result.
pub(crate) struct Job<F: Future> {
    /// Empty while it is polled and after it has ended.
    future: Cell<Option<Pin<Box<F>>>>,
    result: RefCell<JobResult<F::Output>>,
    joiner: Cell<Option<Waker>>,
    aborted: Cell<bool>,
    /// Told of a result for which nobody waits.
    report: fn(&F::Output, OriginId),
    origin: OriginId,
    detached: Cell<bool>,
}

enum JobResult<T> {
    Pending,
    Ended(Result<T, JoinError>),
    Taken,
}

/// A panic's message, if it is text, as it nearly always is.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

impl<F: Future> Job<F> {
    pub(crate) fn new(future: F, origin: OriginId, report: fn(&F::Output, OriginId)) -> Self {
        Self {
            future: Cell::new(Some(Box::pin(future))),
            result: RefCell::new(JobResult::Pending),
            joiner: Cell::new(None),
            aborted: Cell::new(false),
            report,
            origin,
            detached: Cell::new(false),
        }
    }

    fn end(&self, result: Result<F::Output, JoinError>) {
        if self.detached.get() {
            self.report_lost(result);
            return;
        }
        self.result.replace(JobResult::Ended(result));
        if let Some(joiner) = self.joiner.take() {
            joiner.wake();
        }
    }

    fn report_lost(&self, result: Result<F::Output, JoinError>) {
        match result {
            Ok(output) => (self.report)(&output, self.origin),
            Err(failure) if failure.is_panic() => failure.report(self.origin.known()),
            Err(_aborted) => {}
        }
    }
}

/// What the table does with a job.
pub(crate) trait Run {
    /// Polls the future; true when the job has ended.
    fn run(&self, cx: &mut Context<'_>) -> bool;
    /// Drops the future now.
    fn cancel(&self);
    fn origin(&self) -> OriginId;
    /// The data of the waker of whoever waits for its end.
    fn joiner_data(&self) -> Option<*const ()>;
}

impl<F: Future> Run for Job<F> {
    fn run(&self, cx: &mut Context<'_>) -> bool {
        if self.aborted.get() {
            self.cancel();
            return true;
        }
        let Some(mut future) = self.future.take() else { return true };
        // The future is not used again after a panic, so nobody sees what it left half done in itself; what it
        // shares with others is theirs to protect, as with any panic.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {
                self.future.set(Some(future));
                false
            }
            Ok(Poll::Ready(output)) => {
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
                self.end(dropped.map(|()| output).map_err(JoinError::panicked));
                true
            }
            Err(payload) => {
                let message = message_of(&*payload).unwrap_or("no message");
                events::debug("task", format_args!("{}, panicked: {message}", self.origin.known()));
                // Its own remains may panic once more; the first reason is the one to tell.
                drop(catch_unwind(AssertUnwindSafe(|| drop(future))));
                self.end(Err(JoinError::panicked(payload)));
                true
            }
        }
    }

    fn cancel(&self) {
        let future = self.future.take();
        match catch_unwind(AssertUnwindSafe(|| drop(future))) {
            Ok(()) => self.end(Err(JoinError::aborted())),
            Err(payload) => self.end(Err(JoinError::panicked(payload))),
        }
    }

    fn origin(&self) -> OriginId {
        self.origin
    }

    fn joiner_data(&self) -> Option<*const ()> {
        let joiner = self.joiner.take();
        let data = joiner.as_ref().map(Waker::data);
        self.joiner.set(joiner);
        data
    }
}

/// What a handle does with a job whose future it cannot name.
trait Join<T> {
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>>;
    fn has_ended(&self) -> bool;
    fn abort(&self);
    fn detach(&self);
}

impl<F: Future> Join<F::Output> for Job<F> {
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Result<F::Output, JoinError>> {
        let mut state = self.result.borrow_mut();
        match std::mem::replace(&mut *state, JobResult::Taken) {
            JobResult::Ended(result) => Poll::Ready(result),
            JobResult::Taken => panic!("a join handle was polled after it had given its result"),
            JobResult::Pending => {
                *state = JobResult::Pending;
                match self.joiner.take() {
                    Some(joiner) if joiner.will_wake(cx.waker()) => self.joiner.set(Some(joiner)),
                    _ => self.joiner.set(Some(cx.waker().clone())),
                }
                waits::note(Asked::Join);
                Poll::Pending
            }
        }
    }

    fn has_ended(&self) -> bool {
        !matches!(*self.result.borrow(), JobResult::Pending)
    }

    fn abort(&self) {
        self.aborted.set(true);
    }

    fn detach(&self) {
        self.detached.set(true);
        self.joiner.take();
        if let JobResult::Ended(result) = self.result.replace(JobResult::Taken) {
            self.report_lost(result);
        } else {
            self.result.replace(JobResult::Pending);
        }
    }
}

/// Waits for a task's result; a future of it.
///
/// Dropping the handle detaches the task, which goes on. A panic of the task is the handle's to tell, by
/// [`JoinError`]; if the handle is gone, the operator is told instead.
///
/// # Cancel safety
///
/// The handle may be polled by reference (`(&mut handle).await`) and given up at any time without losing the result.
pub struct JoinHandle<T> {
    job: Rc<dyn Join<T>>,
    entry: Rc<Entry>,
    polled_out: bool,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new<F: Future<Output = T> + 'static>(job: Rc<Job<F>>, entry: Rc<Entry>) -> Self {
        Self { job, entry, polled_out: false }
    }

    /// Ends the task: its future is dropped at the reactor's next turn, and the handle then says that it was
    /// aborted. Nothing happens if the task has ended already.
    pub fn abort(&self) {
        if !self.job.has_ended() {
            self.job.abort();
            self.entry.waker.wake_by_ref();
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.job.has_ended()
    }

    /// The result, if the task has ended. Inside a tick, `Ok(None)` has the task that asks ticked again when it has.
    ///
    /// # Errors
    ///
    /// As when it is awaited: the task panicked or was aborted.
    ///
    /// # Panics
    ///
    /// If the result was given before.
    pub fn try_join(&mut self) -> Result<Option<T>, JoinError> {
        try_poll_if(self.is_finished(), |cx| Pin::new(self).poll(cx)).transpose()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = self.job.poll_join(cx);
        self.polled_out = result.is_ready();
        result
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.polled_out {
            self.job.detach();
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Why a task gave no result: it panicked, or it was aborted.
pub struct JoinError {
    /// `None` if it was aborted.
    panic: Option<Box<Panic>>,
}

struct Panic {
    /// Behind a lock that is never taken, so that the error is `Sync` like any other.
    payload: Mutex<Box<dyn Any + Send + 'static>>,
    message: Option<String>,
}

impl JoinError {
    pub(crate) fn aborted() -> Self {
        Self { panic: None }
    }

    pub(crate) fn panicked(payload: Box<dyn Any + Send + 'static>) -> Self {
        let message = message_of(&*payload).map(str::to_owned);
        Self { panic: Some(Box::new(Panic { payload: Mutex::new(payload), message })) }
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// Whether the task was aborted, or its reactor ended first.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.panic.is_none()
    }

    /// What the task panicked with, to resume it: `std::panic::resume_unwind(error.into_panic()?)`.
    #[must_use]
    pub fn into_panic(self) -> Option<Box<dyn Any + Send + 'static>> {
        self.panic.map(|panic| panic.payload.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The panic's message, if it is text, as it nearly always is.
    #[must_use]
    pub fn panic_message(&self) -> Option<&str> {
        self.panic.as_ref()?.message.as_deref()
    }

    /// Tells the operator of a panic for which nobody waits; that a task was aborted is no news.
    pub(crate) fn report(&self, origin: Origin) {
        if self.is_panic() {
            origin.report_panic("", self.panic_message());
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_panic(), self.panic_message()) {
            (true, Some(message)) => write!(f, "the task panicked: {message}"),
            (true, None) => write!(f, "the task panicked"),
            (false, _) => write!(f, "the task was aborted"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}
