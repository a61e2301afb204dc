//! A reactor's handle, by which other threads have tasks run there. What it says goes into the inbox.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::core;
use crate::inbox::{Inbox, Maker};
use crate::sync::oneshot;
use crate::task::{JoinError, Origin, spawn_from};

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
    /// Dropping the returned handle detaches the task. If the reactor has ended, or ends first, the handle says
    /// that the task was aborted.
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> RemoteHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let place = Location::caller();
        let (sender, receiver) = oneshot::channel();
        let make = Box::new(move || {
            let origin = Origin { name: None, place };
            // An error of sending only says that nobody waits for the result.
            let tell = move |result: Result<F::Output, JoinError>| {
                if let Err(Err(failure)) = sender.send(result) {
                    failure.report(origin);
                }
            };
            let task = match catch_unwind(AssertUnwindSafe(make)) {
                Ok(future) => spawn_from(future, origin),
                Err(payload) => return tell(Err(JoinError::panicked(payload))),
            };
            drop(spawn_from(
                async move { tell(task.await) },
                Origin { name: Some("waits for a task of another thread"), place },
            ));
        });
        // Given back by a reactor that has ended: dropping it here closes the channel, which the handle reports.
        drop(self.inbox.send(Maker { make, place }));
        RemoteHandle { receiver }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Waits for a task that runs on another thread's reactor; see [`Handle::spawn`].
///
/// # Cancel safety
///
/// Dropping it detaches the task, which goes on.
pub struct RemoteHandle<T> {
    receiver: oneshot::Receiver<Result<T, JoinError>>,
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.receiver).poll(cx));
        Poll::Ready(result.unwrap_or_else(|_closed| Err(JoinError::aborted())))
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle").finish_non_exhaustive()
    }
}
