//! Work that blocks, off the core.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use crate::core;
use crate::driver::Overloaded;
use crate::sync::oneshot;
use crate::task::waits::{self, Asked};

/// Runs a function that blocks on a thread of a pool, and waits for its result.
///
/// The function is handed over at the call, before the future is first polled. On the system's driver 64 run at once,
/// and 1,024 more wait.
///
/// ```
/// # ekiden_reactor::run(async {
/// let lines = ekiden_reactor::blocking(|| std::fs::read_to_string("Cargo.toml").map(|text| text.lines().count()));
/// assert!(lines.await.unwrap().unwrap() > 0);
/// # });
/// ```
///
/// # Errors
///
/// The function panicked, or too many wait already and it was not begun.
///
/// # Cancel safety
///
/// Dropping the future does not stop the function; its result is dropped.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn blocking<T: Send + 'static>(
    function: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, BlockingError>> {
    let (sender, receiver) = oneshot::channel();
    let job = Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(function)).map_err(BlockingError::panicked);
        // Nobody waits any more when sending fails.
        drop(sender.send(result));
    });
    let accepted = core::with(|core| core.driver.blocking(job));
    async move {
        accepted.map_err(BlockingError::overloaded)?;
        // The pool drops a job only with the whole driver.
        let mut receiver = receiver;
        let received = poll_fn(|cx| waits::poll_as(Asked::Blocking, || Pin::new(&mut receiver).poll(cx)));
        received.await.unwrap_or_else(|_closed| Err(BlockingError::overloaded(Overloaded)))
    }
}

/// Why a blocking function gave no result.
pub struct BlockingError(Reason);

enum Reason {
    Panicked(Box<dyn Any + Send>),
    Overloaded(Overloaded),
}

impl BlockingError {
    fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self(Reason::Panicked(payload))
    }

    fn overloaded(overloaded: Overloaded) -> Self {
        Self(Reason::Overloaded(overloaded))
    }

    /// Whether the function panicked. If not, it was not begun, and trying again later is safe.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Reason::Panicked(_))
    }

    /// What the function panicked with.
    #[must_use]
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        match self.0 {
            Reason::Panicked(payload) => Some(payload),
            Reason::Overloaded(_) => None,
        }
    }
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Panicked(_) => write!(f, "the blocking function panicked"),
            Reason::Overloaded(overloaded) => write!(f, "{overloaded}"),
        }
    }
}

impl fmt::Debug for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockingError({self})")
    }
}

impl std::error::Error for BlockingError {}
