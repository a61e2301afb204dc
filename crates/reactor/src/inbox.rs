//! The inbox: how other threads speak to a reactor.
//!
//! A foreign thread leaves a message and, if the reactor is parked, wakes it. The reactor looks at one atomic a
//! turn and takes the lock only when somebody wrote. Messages are data and makers of tasks, never tasks: a future
//! lives and dies on the thread of its reactor.

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::core;
use crate::driver::Unpark;
use crate::sync::oneshot;
use crate::task::{JoinError, Origin, TaskId, spawn_from};

/// What other threads have said and the reactor has not read yet.
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    /// Whether there is a letter: all that a turn looks at when nobody wrote.
    any: AtomicBool,
    /// Whether the reactor is parked or about to be, so that a letter must wake it.
    parked: AtomicBool,
    unparker: Arc<dyn Unpark>,
}

#[derive(Default)]
pub(crate) struct Letters {
    pub(crate) wakes: Vec<TaskId>,
    pub(crate) makers: Vec<Maker>,
    closed: bool,
}

/// Makes a task on the reactor's thread.
pub(crate) struct Maker {
    pub(crate) make: Box<dyn FnOnce() + Send>,
    /// Where it was asked for.
    pub(crate) place: &'static Location<'static>,
}

impl Inbox {
    pub(crate) fn new(unparker: Arc<dyn Unpark>) -> Self {
        let (any, parked) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { letters: Mutex::default(), any, parked, unparker }
    }

    /// A foreign thread wakes a task. Forgotten when the reactor has ended, as the task then has too.
    pub(crate) fn wake(&self, task: TaskId) {
        let mut letters = self.lock();
        if !letters.closed {
            letters.wakes.push(task);
            drop(letters);
            self.ring();
        }
    }

    /// A foreign thread sends what makes a task; given back when the reactor has ended.
    fn send(&self, maker: Maker) -> Result<(), Maker> {
        let mut letters = self.lock();
        if letters.closed {
            return Err(maker);
        }
        letters.makers.push(maker);
        drop(letters);
        self.ring();
        Ok(())
    }

    /// Takes all letters: one atomic load when there are none.
    pub(crate) fn take(&self) -> Option<Letters> {
        if !self.has_letters() {
            return None;
        }
        self.any.store(false, Ordering::SeqCst);
        let mut letters = self.lock();
        let closed = letters.closed;
        Some(mem::replace(&mut *letters, Letters { closed, ..Letters::default() }))
    }

    /// Whether there is a letter.
    pub(crate) fn has_letters(&self) -> bool {
        self.any.load(Ordering::SeqCst)
    }

    /// Announces that the reactor is going to park; false if it must not, since there is a letter.
    pub(crate) fn announce_park(&self) -> bool {
        // Sequentially consistent with `ring`: either the writer sees `parked` or we see `any`.
        self.parked.store(true, Ordering::SeqCst);
        !self.has_letters()
    }

    pub(crate) fn announce_running(&self) {
        self.parked.store(false, Ordering::SeqCst);
    }

    /// Takes no more letters; late ones are forgotten or given back to who writes them.
    pub(crate) fn close(&self) -> Letters {
        let mut letters = self.lock();
        letters.closed = true;
        mem::replace(&mut *letters, Letters { closed: true, ..Letters::default() })
    }

    fn ring(&self) {
        let was_any = self.any.swap(true, Ordering::SeqCst);
        if !was_any && self.parked.load(Ordering::SeqCst) {
            self.unparker.unpark();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Letters> {
        // Nothing that can panic runs under this lock, so what it guards is whole even if it says otherwise.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
            let task = spawn_from(make(), origin);
            drop(spawn_from(
                async move {
                    // An error only says that nobody waits for the result.
                    if let Err(Err(failure)) = sender.send(task.await) {
                        failure.report(origin);
                    }
                },
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
