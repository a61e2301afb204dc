//! Connections as a stream: [`Incoming`], over the accepting of any listener.
//!
//! It accepts in no way of its own: what a listener lives through, and how many connections it accepts in a turn, is
//! decided in `accepting`, and in `spread` for one of many cores. That an error ends the stream is all it adds.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::interest::Way;
use crate::registration::Registration;
use crate::task::budget::ACCEPT_COST;
use crate::waiters::Key;

/// The connections to come, of a [`TcpListener`](super::TcpListener::incoming), a
/// [`UnixListener`](super::UnixListener::incoming) or a [`SpreadListener`](super::SpreadListener::incoming).
///
/// It waits as a future would that accepts, with a place of its own, which it leaves when it is dropped. It ends behind an
/// error, by which the listener has ended too.
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, T> {
    /// The listener's.
    registration: &'a Registration,
    /// The next connection; `None` if there was one and it was for somebody else.
    next: Box<dyn Fn() -> io::Result<Option<T>> + 'a>,
    /// Its entry among the waiters.
    wait: Option<Key>,
    has_ended: bool,
}

impl<'a, T> Incoming<'a, T> {
    pub(super) fn new(registration: &'a Registration, next: impl Fn() -> io::Result<Option<T>> + 'a) -> Self {
        Self { registration, next: Box::new(next), wait: None, has_ended: false }
    }
}

impl<T> Stream for Incoming<'_, T> {
    type Item = io::Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<T>>> {
        let Self { registration, next, wait, has_ended } = self.get_mut();
        if *has_ended {
            return Poll::Ready(None);
        }
        loop {
            let accepted = ready!(registration.poll_use_by(Way::Read, ACCEPT_COST, wait, cx, &**next));
            if let Some(accepted) = accepted.transpose() {
                *has_ended = accepted.is_err();
                return Poll::Ready(Some(accepted));
            }
        }
    }
}

impl<T> Drop for Incoming<'_, T> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait.take() {
            self.registration.forget_use(Way::Read, wait);
        }
    }
}

impl<T> fmt::Debug for Incoming<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}
