//! Shutdown: a source that becomes ready once, when somebody asks the program to end.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::core::{self, Core};
use crate::latch::{Latch, Wait};
use crate::notice::{Level, notice};
use crate::task::waits::{self, Asked};
use crate::task::{poll_past, try_poll_if};

/// Waits until the program is asked to end: by ctrl-c (`SIGINT`), by `SIGTERM`, or by [`request_shutdown`].
///
/// It begins on all cores of the runtime when it begins on one.
///
/// The first call takes over these signals; a program that never asks keeps what they do by default. After the
/// first signal the second ends the process at once, so whoever is tired of waiting can press ctrl-c again. When the
/// reactor is gone, the first one does so too. What the program listens for by [`signals`](fn@crate::signals) begins no
/// shutdown.
///
/// ```
/// use ekiden_reactor::{request_shutdown, run, shutdown, spawn};
///
/// run(async {
///     let server = spawn(async {
///         shutdown().await;
///         "finished what was owed"
///     });
///     request_shutdown(); // or ctrl-c
///     assert_eq!(server.await.unwrap(), "finished what was owed");
/// });
/// ```
///
/// # Cancel safety
///
/// Dropping the future forgets nothing: whoever asks later is answered at once.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn shutdown() -> Shutdown {
    let core = core::current();
    if !core.shutdown.watched.replace(true)
        && core.runtime.is_first_to_watch_signals()
        && let Err(error) = core.driver.watch_signals()
    {
        notice(Level::Warning, "shutdown", format_args!("cannot watch for signals: {error}"));
    }
    Shutdown(core.shutdown.latch.begin_wait())
}

/// Begins the shutdown, on all cores of the runtime, as the first signal would.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn request_shutdown() {
    core::current().begin_shutdown();
}

/// Whether the shutdown has begun.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[must_use]
#[track_caller]
pub fn is_shutting_down() -> bool {
    core::with(|core| core.shutdown.latch.is_open())
}

/// A future of the shutdown's beginning; see [`shutdown`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Shutdown(Wait);

impl Shutdown {
    /// Whether it has begun; inside a tick, `None` has the task ticked again when it does.
    #[must_use]
    pub fn try_wait(&mut self) -> Option<()> {
        if self.0.is_over() {
            return Some(());
        }
        try_poll_if(false, |cx| Pin::new(self).poll(cx))
    }
}

impl Future for Shutdown {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(waits::poll_as(Asked::Shutdown, || Pin::new(&mut self.0).poll(cx)));
        // Whoever waits again and again for what has begun lets the others have their turn.
        poll_past(cx)
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").finish_non_exhaustive()
    }
}

#[derive(Default)]
pub(crate) struct ShutdownState {
    latch: Latch,
    watched: Cell<bool>,
}

impl ShutdownState {
    pub(crate) fn has_begun(&self) -> bool {
        self.latch.is_open()
    }
}

impl Core {
    /// Somebody asks the program to end: the shutdown begins here, and on the other cores of the runtime.
    pub(crate) fn begin_shutdown(&self) {
        if !self.shutdown.latch.is_open() {
            self.shutdown.latch.open();
            self.runtime.spread_shutdown();
        }
    }
}
