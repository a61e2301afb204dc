//! Waiting for a task's end: the handle, and the outcome that it shares with the task's job.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_task::ArcWake;

use super::entry::{TaskId, TaskWaker};
use super::join_error::JoinError;
use super::origin::OriginId;
use super::tick::try_poll_if;
use super::unread::At;
use super::waits::{self, Asked};
use crate::core::Core;
use crate::wakers::wake_the_same;

/// Waits for a task's result; a future of it.
///
/// Dropping the handle detaches the task, which goes on. A panic of the task is the handle's to tell, by
/// [`JoinError`]; if the handle is gone, the operator is told instead, and so he is if the handle is there when the reactor
/// has ended, and nobody has asked it.
///
/// # Cancel safety
///
/// The handle may be polled by reference (`(&mut handle).await`) and given up at any time without losing the result.
pub struct JoinHandle<T> {
    outcome: Rc<Outcome<T>>,
    task: TaskRef,
}

/// Ends a task, and neither waits for it nor keeps its result: from [`JoinHandle::abort_handle`].
///
/// Dropping it does nothing. With the [`JoinHandle`] gone, the task is detached all the same.
#[derive(Clone)]
pub struct AbortHandle(TaskRef);

/// A task and its reactor. Two words, as a server keeps one for each connection.
#[derive(Clone)]
struct TaskRef {
    core: Rc<Core>,
    id: TaskId,
}

/// What becomes of a task, from its job to its handle.
pub(crate) struct Outcome<T> {
    state: RefCell<State<T>>,
    joiner: Cell<Option<Waker>>,
    /// Told of a result for which nobody waits.
    report: fn(&T, OriginId),
    origin: OriginId,
}

enum State<T> {
    Pending,
    Ended(Result<T, JoinError>),
    Taken,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(outcome: Rc<Outcome<T>>, core: Rc<Core>, id: TaskId) -> Self {
        Self { outcome, task: TaskRef { core, id } }
    }

    /// Ends the task: its future is dropped at the reactor's next turn, and the handle then says that it was
    /// aborted. Nothing happens if the task has ended already.
    pub fn abort(&self) {
        if !self.is_finished() {
            self.task.abort();
        }
    }

    /// A handle that can only end the task, for whoever does not wait for its result.
    ///
    /// ```
    /// use ekiden_reactor::{run, spawn};
    ///
    /// run(async {
    ///     let forever = spawn(std::future::pending::<()>());
    ///     let end = forever.abort_handle();
    ///     end.abort();
    ///     assert!(forever.await.unwrap_err().is_aborted());
    ///     assert!(end.is_finished());
    /// });
    /// ```
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(self.task.clone())
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !matches!(*self.outcome.state.borrow(), State::Pending)
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

    // A call of it costs as much as what it does.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = &self.outcome;
        let mut state = outcome.state.borrow_mut();
        if let State::Pending = *state {
            match outcome.joiner.take() {
                Some(joiner) if wake_the_same(&joiner, cx.waker()) => outcome.joiner.set(Some(joiner)),
                replaced => {
                    outcome.joiner.set(Some(cx.waker().clone()));
                    drop(state); // dropping a waker may do anything
                    drop(replaced);
                }
            }
            waits::note(Asked::Join);
            return Poll::Pending;
        }
        match mem::replace(&mut *state, State::Taken) {
            State::Ended(Ok(value)) => Poll::Ready(Ok(value)),
            State::Ended(Err(failure)) => Poll::Ready(Err(failure.taken())),
            _ => panic!("a join handle was polled after it had given its result"),
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        drop(self.outcome.joiner.take());
        if let State::Ended(result) = self.outcome.state.replace(State::Taken) {
            let Outcome { report, origin, .. } = *self.outcome;
            result.map_or_else(|failure| failure.report_lost(origin), |output| report(&output, origin));
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl AbortHandle {
    /// Ends the task: its future is dropped at the reactor's next turn. Nothing happens if it has ended already.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.core.tasks.has_ended(self.0.id)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl TaskRef {
    fn abort(&self) {
        if let Some(waker) = self.core.tasks.abort(self.id) {
            TaskWaker::wake_by_ref(&waker);
        }
    }
}

impl<T> Outcome<T> {
    pub(super) fn new(origin: OriginId, report: fn(&T, OriginId)) -> Self {
        let (state, joiner) = (RefCell::new(State::Pending), Cell::new(None));
        Self { state, joiner, report, origin }
    }

    /// Whether there is still a handle. To be asked by the job, which is the other who has this.
    pub(super) fn is_awaited(self: &Rc<Self>) -> bool {
        Rc::strong_count(self) > 1
    }

    /// The task has ended.
    pub(super) fn tell(&self, mut result: Result<T, JoinError>) {
        if let Err(failure) = &mut result {
            failure.put_into(At::Home, || self.origin.known());
        }
        self.state.replace(State::Ended(result));
        if let Some(joiner) = self.joiner.take() {
            joiner.wake();
        }
    }

    /// The data of the waker of whoever waits.
    pub(super) fn joiner_data(&self) -> Option<*const ()> {
        let joiner = self.joiner.take();
        let data = joiner.as_ref().map(Waker::data);
        self.joiner.set(joiner);
        data
    }
}
