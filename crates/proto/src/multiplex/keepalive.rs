//! When a silent peer is asked for a sign of life, and when it is given up: [`Keepalive`].

use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::{Instant, Sleep, sleep_until};

/// Watches a peer while something is expected of it. It sends nothing and closes nothing; it says when to.
///
/// A word of the peer sets no timer: the timer that is set looks when it fires how long ago the last one was. While nothing
/// is expected none is set.
pub(super) struct Keepalive {
    interval: Option<Duration>,
    timeout: Duration,
    sleep: Option<Box<Sleep>>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is expected.
    Idle,
    /// It said something then.
    Heard(Instant),
    /// It was asked then, and has said nothing since.
    Asked(Instant),
}

/// What to do about a silent peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Ask for a sign of life.
    Ask,
    /// Give it up.
    GiveUp,
}

impl Keepalive {
    pub(super) fn new(interval: Option<Duration>, timeout: Duration) -> Self {
        Self { interval, timeout, sleep: None, phase: Phase::Idle }
    }

    /// Whether anybody is ever asked.
    pub(super) fn is_on(&self) -> bool {
        self.interval.is_some()
    }

    /// Is told whether the peer has said something since the last poll, and whether anything is expected of it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, was_heard: bool, is_expected: bool) -> Poll<Beat> {
        let Some(interval) = self.interval else { return Poll::Pending };
        if !is_expected {
            // The timer stays, and is no good when it fires: cheaper than one for each lone call.
            self.phase = Phase::Idle;
            return Poll::Pending;
        }
        if was_heard || self.phase == Phase::Idle {
            self.phase = Phase::Heard(Instant::recent());
        }
        loop {
            let (since, patience, beat) = match self.phase {
                Phase::Heard(since) => (since, interval, Beat::Ask),
                Phase::Asked(since) => (since, self.timeout, Beat::GiveUp),
                Phase::Idle => return Poll::Pending,
            };
            let deadline = since + patience;
            let sleep = self.sleep.get_or_insert_with(|| Box::new(sleep_until(deadline)));
            // It may have been set for an earlier word; it is set anew only when it fires, or must fire sooner.
            let at = sleep.deadline().min(deadline);
            if sleep.poll_until(cx, at).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
            if Instant::recent() < deadline {
                continue;
            }
            if beat == Beat::Ask {
                self.phase = Phase::Asked(Instant::recent());
            }
            return Poll::Ready(beat);
        }
    }
}
