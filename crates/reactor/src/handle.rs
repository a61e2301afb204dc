//! A reactor's handle, by which other threads have tasks run there. What it says goes into the inbox.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::channel::parts::{self, Threads};
use crate::context;
use crate::core;
use crate::inbox::{Inbox, Maker};
use crate::sync::oneshot;
use crate::task::waits::{self, Asked};
use crate::task::{At, JoinError, Origin, spawn_from, tick_waker};

/// Speaks to a reactor from any thread.
///
/// ```
/// use ekiden_reactor::{Config, Reactor};
///
/// let reactor = Reactor::new(Config::default())?;
/// let handle = reactor.handle();
/// # #[expect(clippy::disallowed_methods, reason = "the example is about threads")]
/// let thread = std::thread::spawn(move || handle.spawn(|| async { 6 * 7 }));
/// let answer = reactor.run(async { thread.join().unwrap().await });
/// assert_eq!(answer.unwrap(), 42);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(crate) inbox: Arc<Inbox>,
}

impl Handle {
    /// The handle of the reactor that runs on this thread.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[track_caller]
    pub fn current() -> Self {
        core::with(|core| Self { inbox: core.inbox.clone() })
    }

    /// Spawns a task on the reactor, from any thread.
    ///
    /// What travels is the maker of the future, not the future, so that need not be `Send`.
    ///
    /// Of the [context](mod@crate::context) in which this is called the task begins with the deadline and the trace, which is
    /// all of it that can travel; a deadline that is to mean anything needs both reactors on one driver's clock.
    ///
    /// Dropping the returned handle detaches the task. If the reactor has ended, or ends first, the handle says
    /// that the task was aborted.
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> RemoteHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_from(make, Location::caller())
    }

    /// The same, from a place that the caller knows.
    pub(crate) fn spawn_from<M, F>(
        &self,
        make: M,
        place: &'static Location<'static>,
    ) -> RemoteHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let ((sender, receiver), (abort, aborted)) = (parts::oneshot::channel(), oneshot::channel());
        let context = context::departing();
        let origin = Origin { name: None, place };
        let make = Box::new(move || {
            // An error of sending only says that nobody waits for the result.
            let tell = move |mut result: Result<F::Output, JoinError>| {
                if let Err(failure) = &mut result {
                    failure.put_into(At::Large, || origin);
                }
                if let Err(Err(failure)) = sender.send(result) {
                    failure.report(origin);
                }
            };
            context.arrive().sync_scope(|| match catch_unwind(AssertUnwindSafe(make)) {
                Ok(future) => {
                    drop(spawn_from(async move { tell(outcome(Box::pin(future), aborted).await) }, origin));
                }
                Err(payload) => tell(Err(JoinError::panicked(payload))),
            });
        });
        // Given back by a reactor that has ended: dropping it here closes the channel, which the handle reports.
        drop(self.inbox.send(Maker { make, place }));
        RemoteHandle { receiver, abort: Mutex::new(Some(abort)), origin }
    }
}

/// What becomes of a future: its output, its panic, or that somebody aborted it. It is dropped before that is told.
async fn outcome<F: Future>(
    mut future: Pin<Box<F>>,
    aborted: oneshot::Receiver<()>,
) -> Result<F::Output, JoinError> {
    let mut aborted = Some(aborted);
    let outcome = poll_fn(|cx| {
        match aborted.as_mut().map_or(Poll::Pending, |aborted| Pin::new(aborted).poll(cx)) {
            Poll::Ready(Ok(())) => return Poll::Ready(Err(JoinError::aborted())),
            Poll::Ready(Err(_detached)) => aborted = None,
            Poll::Pending => {}
        }
        // The future is not used again after a panic; see the jobs, which do the same.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(JoinError::panicked(payload))),
        }
    })
    .await;
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
    outcome.and_then(|output| dropped.map(|()| output).map_err(JoinError::panicked))
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Waits for a task that runs on another thread's reactor; see [`Handle::spawn`] and [`spawn_on`](crate::spawn_on).
///
/// A panic of the task is the handle's to tell, by [`JoinError`]. If the handle is gone, the operator is told instead, on the
/// task's core; and if it is dropped when the task has panicked already, on the core that drops it.
///
/// # Cancel safety
///
/// Dropping it detaches the task, which goes on.
pub struct RemoteHandle<T> {
    receiver: parts::oneshot::Receiver<Result<T, JoinError>, Threads>,
    /// Taken when it is used.
    abort: Mutex<Option<oneshot::Sender<()>>>,
    origin: Origin,
}

impl<T> RemoteHandle<T> {
    /// Of a task that could not even be sent.
    pub(crate) fn aborted(place: &'static Location<'static>) -> Self {
        let (_gone, receiver) = parts::oneshot::channel();
        Self { receiver, abort: Mutex::default(), origin: Origin { name: None, place } }
    }

    /// Ends the task: its future is dropped on its own core, and the handle then says that it was aborted. Nothing happens
    /// if the task has ended already.
    pub fn abort(&self) {
        let abort = self.abort.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(abort) = abort {
            // It fails when the task has ended.
            let _has_ended = abort.send(());
        }
    }

    /// The result, if the task has ended. Inside a tick, `Ok(None)` has the task that asks ticked again when it has.
    ///
    /// # Errors
    ///
    /// As when it is awaited: the task panicked or was aborted.
    pub fn try_join(&mut self) -> Result<Option<T>, JoinError> {
        match waits::try_as(Asked::Remote, || self.receiver.try_recv(tick_waker)) {
            Ok(result) => result.transpose().map_err(JoinError::taken),
            Err(_closed) => Err(JoinError::aborted()),
        }
    }
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(waits::poll_as(Asked::Remote, || self.receiver.poll_recv(cx)));
        Poll::Ready(result.unwrap_or_else(|_closed| Err(JoinError::aborted())).map_err(JoinError::taken))
    }
}

impl<T> Drop for RemoteHandle<T> {
    fn drop(&mut self) {
        if let Some(Err(failure)) = self.receiver.close() {
            failure.report(self.origin);
        }
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle").finish_non_exhaustive()
    }
}
