//! Work that blocks, off the core.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::core;
use crate::driver::{Job, Overloaded};
use crate::sync::oneshot;
use crate::task::message_of;
use crate::task::waits::{self, Asked};

/// Runs a function that blocks on a thread of a pool, and waits for its result.
///
/// The function is handed over at the call, before the future is first polled. On the system's driver 64 run at once,
/// and 1,024 more wait, in all cores of a runtime. One that no thread has begun yet waits, also if there is a thread for
/// it: so of a burst on an idle pool 1,024 are taken for certain. The threads are named `ekiden-blocking`, are started
/// when they are needed, and end when they have been idle for ten seconds. What may take for ever (a device that may
/// never answer) keeps its thread for ever: give it a thread of your own.
///
/// ```
/// # ekiden_reactor::run(async {
/// let lines = ekiden_reactor::blocking(|| std::fs::read_to_string("Cargo.toml").map(|text| text.lines().count()));
/// assert!(lines.await.unwrap().unwrap() > 0);
/// # });
/// ```
///
/// # Cancel safety
///
/// Dropping the future does not stop the function; its result is dropped, and so is its panic, of which the panic hook
/// has told.
///
/// When the reactor ends, functions that wait in line are dropped, not begun. Those that run go on, and nobody waits for
/// them: the process may end first. So whatever must be done at the end is to be awaited.
///
/// # Errors
///
/// The function panicked, or too many wait already and it was not begun.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn blocking<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> Blocking<T> {
    let begun = Blocking::begin(function, |job| core::with(|core| core.driver.blocking(job)));
    begun.unwrap_or_else(|Overloaded| Blocking(State::Refused))
}

/// A function that runs elsewhere: a future of its result; see [`blocking`].
#[must_use = "its result, and its panic, are lost unless somebody waits"]
pub struct Blocking<T>(State<T>);

enum State<T> {
    Running(oneshot::Receiver<Result<T, BlockingError>>),
    Refused,
    /// The result was given.
    Over,
}

impl<T: Send + 'static> Blocking<T> {
    /// Hands a function over to whoever takes jobs, unless he refuses it.
    pub(crate) fn begin<E>(
        function: impl FnOnce() -> T + Send + 'static,
        submit: impl FnOnce(Job) -> Result<(), E>,
    ) -> Result<Self, E> {
        let (sender, receiver) = oneshot::channel();
        submit(Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(function)).map_err(BlockingError::panicked);
            // Nobody waits any more when sending fails.
            drop(sender.send(result));
        }))?;
        Ok(Self(State::Running(receiver)))
    }
}

impl<T> Blocking<T> {
    /// The result, if it is there. Inside a tick, `Ok(None)` has the task ticked again when it is.
    ///
    /// # Errors
    ///
    /// As for [`blocking`].
    ///
    /// # Panics
    ///
    /// If the result was given before.
    pub fn try_join(&mut self) -> Result<Option<T>, BlockingError> {
        match &mut self.0 {
            State::Running(receiver) => match waits::try_as(Asked::Blocking, || receiver.try_recv()) {
                Ok(None) => Ok(None),
                Ok(Some(result)) => self.end(result).map(Some),
                // The pool drops a job only when it ends, before the job has begun.
                Err(_closed) => self.end(Err(BlockingError::overloaded())),
            },
            State::Refused => self.end(Err(BlockingError::overloaded())),
            State::Over => panic!("the result of a blocking function was given before"),
        }
    }

    fn end<R>(&mut self, result: R) -> R {
        self.0 = State::Over;
        result
    }
}

impl<T> Future for Blocking<T> {
    type Output = Result<T, BlockingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            State::Running(receiver) => {
                ready!(waits::poll_as(Asked::Blocking, || Pin::new(receiver).poll(cx)))
            }
            State::Refused => Ok(Err(BlockingError::overloaded())),
            State::Over => panic!("the result of a blocking function was given before"),
        };
        // The pool drops a job only when it ends, before the job has begun.
        let result = result.unwrap_or_else(|_closed| Err(BlockingError::overloaded()));
        Poll::Ready(self.end(result))
    }
}

// Nothing in it is pinned.
impl<T> Unpin for Blocking<T> {}

impl<T> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// Why a blocking function gave no result.
pub struct BlockingError(Reason);

enum Reason {
    /// Behind a lock that is never taken, so that the error is `Sync` like any other.
    Panicked(Mutex<Box<dyn Any + Send>>),
    Overloaded,
}

impl BlockingError {
    fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self(Reason::Panicked(Mutex::new(payload)))
    }

    fn overloaded() -> Self {
        Self(Reason::Overloaded)
    }

    /// Whether the function panicked. If not, it was not begun, and trying again later is safe.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Reason::Panicked(_))
    }

    /// Whether the function was not begun, since too many wait or the reactor ends: trying again later is safe.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        matches!(self.0, Reason::Overloaded)
    }

    /// What the function panicked with, to resume it: `std::panic::resume_unwind(error.into_panic()?)`.
    #[must_use]
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        match self.0 {
            Reason::Panicked(payload) => Some(payload.into_inner().unwrap_or_else(PoisonError::into_inner)),
            Reason::Overloaded => None,
        }
    }
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = match &self.0 {
            Reason::Panicked(payload) => payload.lock().unwrap_or_else(PoisonError::into_inner),
            Reason::Overloaded => return write!(f, "{Overloaded}"),
        };
        match message_of(&**payload) {
            Some(message) => write!(f, "the blocking function panicked: {message}"),
            None => write!(f, "the blocking function panicked"),
        }
    }
}

impl fmt::Debug for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockingError({self})")
    }
}

impl std::error::Error for BlockingError {}

/// [`ResourceBusy`](io::ErrorKind::ResourceBusy) for what was not begun, [`Other`](io::ErrorKind::Other) for a panic;
/// the error itself is inside.
impl From<BlockingError> for io::Error {
    fn from(error: BlockingError) -> Self {
        let kind = if error.is_overloaded() { io::ErrorKind::ResourceBusy } else { io::ErrorKind::Other };
        Self::new(kind, error)
    }
}
