//! How long a connection waits for its peer: every time-out, and one timer for all of them.

use std::task::Context;

use ekiden_reactor::{Instant, Sleep, sleep_until};

use super::config::Config;
use crate::h1::server::Wait;

/// What the connection waits for, and since when.
pub(super) struct Patience {
    wait: Wait,
    since: Instant,
    /// Since when the peer has taken nothing of what waits to be written.
    stalled: Option<Instant>,
    sleep: Option<Sleep>,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// What the peer was to send.
    Read,
    /// The peer did not take what we wrote.
    Write,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { wait: Wait::Nothing, since: Instant::ORIGIN, stalled: None, sleep: None }
    }

    /// A piece of a body was received. What is only its frame, such as the extension of a chunk, is no piece: a byte of
    /// that now and then would go on for days.
    #[inline]
    pub(super) fn handle_data(&mut self, now: Instant) {
        // What is passed over must come in time as a whole.
        if self.wait == Wait::Body {
            self.since = now;
        }
    }

    /// A request begins: whatever is waited for from here on, it is waited for anew.
    #[inline]
    pub(super) fn handle_request(&mut self) {
        self.wait = Wait::Nothing;
    }

    /// Something was written.
    #[inline]
    pub(super) fn handle_written(&mut self) {
        self.stalled = None;
    }

    /// Waits from now on for what the peer is to send, and for it to take what is to be written, if anything is.
    /// Says what is overdue; otherwise the task is woken when something might be.
    pub(super) fn poll_overdue(
        &mut self,
        cx: &mut Context<'_>,
        config: &Config,
        now: Instant,
        wait: Wait,
        is_writing: bool,
    ) -> Option<Overdue> {
        if wait != self.wait {
            self.wait = wait;
            self.since = now;
        }
        self.stalled = if is_writing { self.stalled.or(Some(now)) } else { None };
        let (overdue, deadline) = self.deadline(config)?;
        if now >= deadline {
            return Some(overdue);
        }
        // It is in the future, so this only leaves the waker; were it not, the task comes back at once.
        let sleep = self.sleep.get_or_insert_with(|| sleep_until(deadline));
        if sleep.poll_until(cx, deadline).is_ready() {
            cx.waker().wake_by_ref();
        }
        None
    }

    fn deadline(&self, config: &Config) -> Option<(Overdue, Instant)> {
        let read = match self.wait {
            Wait::Nothing => None,
            Wait::NextRequest => Some(config.idle_timeout),
            Wait::Head => Some(config.head_timeout),
            Wait::Body | Wait::Unread => Some(config.body_timeout),
            Wait::Close => Some(config.linger_timeout),
        };
        let read = read.map(|timeout| (Overdue::Read, self.since + timeout));
        let write = self.stalled.map(|since| (Overdue::Write, since + config.write_timeout));
        match (read, write) {
            (Some(read), Some(write)) if write.1 < read.1 => Some(write),
            (read, write) => read.or(write),
        }
    }
}
