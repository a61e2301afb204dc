//! What accepting can meet besides connections, and how a program lives through it.
//!
//! It tells the operator, and says how long to wait; it waits for nothing itself.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use crate::notice::{Level, Seldom, notice};

/// What a listener has met lately, and so what to do about the next error.
///
/// A [`TcpListener`](super::TcpListener) has one inside: whoever uses that never sees an error that passes. Reach for this
/// where connections are accepted in another way, and errors come as the system gives them:
///
/// - Errors of one connection (`ECONNABORTED`, and all that accept(2) may report of the network) are passed over: the
///   next one may be well. So is what is not known. When 64 have come in a row, it is taken for a shortage.
/// - A shortage, of files (`EMFILE`, `ENFILE`, `ENOSPC` where sockets are watched) or of memory (`ENOBUFS`, `ENOMEM`),
///   is waited out: 10 ms at first, doubled each time up to a second. The operator is told when it begins and when it
///   has ended; where one shortage follows on another, not more than once a minute.
/// - That it is no listener, or is one no longer (`EBADF`, `EINVAL`, `ENOTSOCK`, and
///   [`Unsupported`](io::ErrorKind::Unsupported) without a number), is an error.
///
/// ```
/// use ekiden_reactor::net::Setbacks;
/// use std::io;
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let mut setbacks = Setbacks::default();
/// let aborted = setbacks.handle_error(io::ErrorKind::ConnectionAborted.into());
/// assert_eq!(aborted.unwrap(), Duration::ZERO);
/// let no_file_left = io::Error::from_raw_os_error(24);
/// assert_eq!(setbacks.handle_error(no_file_left).unwrap(), Duration::from_millis(10));
/// setbacks.handle_success();
/// # });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Setbacks {
    /// Errors of single connections without a success between them.
    in_a_row: u32,
    pauses: u32,
    /// Whether the operator was told of the shortage that is on.
    is_told: bool,
    told: Seldom,
}

impl Setbacks {
    /// Tells those of a listener. They are not borrowed meanwhile, as they may tell the operator, which runs a user's function.
    pub(super) fn among<R>(place: &Cell<Self>, tell: impl FnOnce(&mut Self) -> R) -> R {
        let mut setbacks = place.take();
        let result = tell(&mut setbacks);
        place.set(setbacks);
        result
    }

    /// Accepting works: there was a connection, or none to be had.
    pub fn handle_success(&mut self) {
        if self.is_told {
            notice(Level::Info, "accept", format_args!("connections are accepted again"));
        }
        *self = Self { told: self.told, ..Self::default() };
    }

    /// Accepting failed: says how long to wait before the next attempt. Zero for at once.
    ///
    /// # Errors
    ///
    /// The error itself, if there will be no connection any more.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn handle_error(&mut self, error: io::Error) -> io::Result<Duration> {
        match Cause::of(&error) {
            Cause::Connection if self.in_a_row < FAILURES_IN_A_ROW_MAX => {
                self.in_a_row += 1;
                Ok(Duration::ZERO)
            }
            Cause::Connection | Cause::Shortage => Ok(self.pause(&error)),
            Cause::Listener => Err(error),
        }
    }

    /// Longer each time, as whoever holds the files needs time to give them back.
    fn pause(&mut self, error: &io::Error) -> Duration {
        if !self.is_told && self.told.is_due() {
            self.is_told = true;
            notice(
                Level::Warning,
                "accept",
                format_args!("cannot accept connections, will try again: {error}"),
            );
        }
        let pause = PAUSE_MIN.saturating_mul(2u32.saturating_pow(self.pauses)).min(PAUSE_MAX);
        self.pauses = self.pauses.saturating_add(1);
        pause
    }
}

/// What an error of accepting is about.
enum Cause {
    /// One connection, which is gone. On Linux that is also any error that waits on the new socket.
    Connection,
    /// Files or memory have run out: it passes.
    Shortage,
    /// This is no listener, or is one no longer.
    Listener,
}

impl Cause {
    fn of(error: &io::Error) -> Self {
        match (error.raw_os_error(), error.kind()) {
            (Some(ENFILE | EMFILE | ENOBUFS | ENOMEM | ENOSPC), _) => Self::Shortage,
            (Some(EBADF | EINVAL | ENOTSOCK), _) => Self::Listener,
            // "Can never succeed", says std: from a driver or a listener that has no number for it.
            (None, io::ErrorKind::Unsupported) => Self::Listener,
            _ => Self::Connection,
        }
    }
}

/// The first pause: a request's time.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// The longest: new clients wait no longer than this once files allow.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// So many connections may fail one after the other before that is taken for more than bad luck.
const FAILURES_IN_A_ROW_MAX: u32 = 64;

// The numbers of Linux, for which std has no names. Where a number means something else, the cause is taken for
// one connection's, which ends in a pause too.
const EBADF: i32 = 9;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const ENOTSOCK: i32 = 88;
const ENOBUFS: i32 = 105;
