//! Connections as a stream: [`Incoming`], over the accepting of any listener.
//!
//! It accepts in no way of its own: what a listener lives through, and how many connections it accepts in a turn, is
//! decided in `accepting`. That an error ends the stream is all it adds.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::accepting::Accepting;
use crate::waiters::Key;

/// The connections to come, of a [`TcpListener`](super::TcpListener::incoming) or a
/// [`UnixListener`](super::UnixListener::incoming).
///
/// It waits as a future would that accepts, with a place of its own, which it leaves when it is dropped. It ends behind an
/// error, by which the listener has ended too.
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, T> {
    accepting: &'a Accepting,
    /// From the socket, with whatever error it has.
    one: Box<dyn Fn() -> io::Result<T> + 'a>,
    /// Its entry among the waiters.
    wait: Option<Key>,
    has_ended: bool,
}

impl<'a, T> Incoming<'a, T> {
    pub(super) fn new(accepting: &'a Accepting, one: impl Fn() -> io::Result<T> + 'a) -> Self {
        Self { accepting, one: Box::new(one), wait: None, has_ended: false }
    }
}

impl<T> Stream for Incoming<'_, T> {
    type Item = io::Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<T>>> {
        let Self { accepting, one, wait, has_ended } = self.get_mut();
        if *has_ended {
            return Poll::Ready(None);
        }
        accepting.poll_accept_by(wait, cx, &**one).map(|accepted| {
            *has_ended = accepted.is_err();
            Some(accepted)
        })
    }
}

impl<T> Drop for Incoming<'_, T> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait.take() {
            self.accepting.forget(wait);
        }
    }
}

impl<T> fmt::Debug for Incoming<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}
