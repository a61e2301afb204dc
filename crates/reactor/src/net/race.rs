//! Connecting to a name that stands for several addresses, as RFC 8305 has it ("happy eyeballs").
//!
//! The families take turns, beginning with the one that the resolver prefers. An address that does not answer for a
//! moment is not given up, but the next one is tried beside it; one that fails makes room for the next at once. The
//! first connection that stands wins, and the other attempts are dropped.

use std::collections::VecDeque;
use std::fmt::Write;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::time::{Sleep, sleep};

/// Tries the addresses by `attempt`, another one each `delay`, until one succeeds.
pub(super) async fn first_to_answer<T, F: Future<Output = io::Result<T>>>(
    addrs: Vec<SocketAddr>,
    delay: Duration,
    attempt: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    // Nearly always, and worth no box.
    if let [addr] = addrs[..] {
        return attempt(addr).await.map_err(|error| cannot_connect(&[(addr, error)]));
    }
    let mut race =
        Race { waiting: by_turns(addrs), running: Vec::new(), next: None, failed: Vec::new(), delay };
    poll_fn(|cx| race.poll(cx, &attempt)).await
}

struct Race<F> {
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Pin<Box<F>>)>,
    /// When another one is tried beside those that run. `None` for now.
    next: Option<Sleep>,
    failed: Vec<(SocketAddr, io::Error)>,
    delay: Duration,
}

impl<T, F: Future<Output = io::Result<T>>> Race<F> {
    fn poll(&mut self, cx: &mut Context<'_>, attempt: &impl Fn(SocketAddr) -> F) -> Poll<io::Result<T>> {
        loop {
            if let Some(answer) = self.poll_running(cx) {
                return Poll::Ready(Ok(answer));
            }
            if self.waiting.is_empty() && self.running.is_empty() {
                return Poll::Ready(Err(cannot_connect(&self.failed)));
            }
            if self.next.as_mut().is_some_and(|next| Pin::new(next).poll(cx).is_pending()) {
                return Poll::Pending;
            }
            let Some(addr) = self.waiting.pop_front() else { return Poll::Pending };
            self.running.push((addr, Box::pin(attempt(addr))));
            self.next = Some(sleep(self.delay));
        }
    }

    /// Looks at each attempt. One that fails lets another begin.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut at = 0;
        while let Some((addr, attempt)) = self.running.get_mut(at) {
            match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(answer)) => return Some(answer),
                Poll::Ready(Err(error)) => {
                    self.failed.push((*addr, error));
                    self.next = None;
                    drop(self.running.remove(at));
                }
                Poll::Pending => at += 1,
            }
        }
        None
    }
}

/// The families by turns, each in the order that the resolver gave, and the first address first.
fn by_turns(addrs: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let prefers_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addrs.into_iter().partition(|addr| addr.is_ipv6() == prefers_v6);
    let mut second = second.into_iter();
    let mut turns: VecDeque<_> =
        first.into_iter().flat_map(|addr| [Some(addr), second.next()]).flatten().collect();
    turns.extend(second);
    turns
}

/// What was tried and why it failed, in one line. Its kind is that of the last failure.
fn cannot_connect(failed: &[(SocketAddr, io::Error)]) -> io::Error {
    let mut line = String::from("cannot connect to ");
    for (at, (addr, error)) in failed.iter().take(NAMED_MAX).enumerate() {
        let separator = if at > 0 { ", nor to " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(line, "{separator}{addr}: {error}");
    }
    if failed.len() > NAMED_MAX {
        let _ = write!(line, ", nor to {} more", failed.len() - NAMED_MAX);
    }
    let kind = failed.last().map_or(io::ErrorKind::AddrNotAvailable, |(_, error)| error.kind());
    io::Error::new(kind, line)
}

/// So many addresses are named in an error: a name may stand for hundreds, which nobody reads.
const NAMED_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs(text: &str) -> Vec<SocketAddr> {
        let addr = |name: &str| match name.split_at(1) {
            ("v", n) => SocketAddr::from(([10, 0, 0, n.parse().unwrap()], 80)),
            (_, n) => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, n.parse().unwrap()], 80)),
        };
        text.split_whitespace().map(addr).collect()
    }

    #[test]
    fn families_take_turns() {
        // `s` is the sixth version of addresses, `v` the fourth.
        for (given, tried) in [
            ("s1 s2 s3 v1 v2", "s1 v1 s2 v2 s3"),
            ("v1 s1 s2 s3", "v1 s1 s2 s3"),
            ("v2 v1", "v2 v1"),
            ("s1 v1", "s1 v1"),
            ("v1 v2 v3 s1", "v1 s1 v2 v3"),
        ] {
            assert_eq!(by_turns(addrs(given)), addrs(tried), "for {given}");
        }
    }

    #[test]
    fn an_error_names_what_was_tried_within_reason() {
        let failed = |n| -> Vec<_> {
            let refused = |addr| (addr, io::Error::from(io::ErrorKind::ConnectionRefused));
            addrs(&"v1 ".repeat(n)).into_iter().map(refused).collect()
        };
        let error = cannot_connect(&failed(2));
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(
            error.to_string(),
            "cannot connect to 10.0.0.1:80: connection refused, nor to 10.0.0.1:80: connection refused"
        );
        assert!(cannot_connect(&failed(256)).to_string().ends_with(", nor to 248 more"));
    }
}
