//! When a silent peer is asked for a sign of life, and when it is given up: [`Keepalive`].

use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::{Instant, Sleep, sleep_until};

use crate::transport::Transport;

/// Watches a peer while something is expected of it. It sends nothing and closes nothing; it says when to.
///
/// A sign of life sets no timer: the timer that is set looks when it fires how long ago the last one was. While nothing
/// is expected none is set.
pub(super) struct Keepalive {
    interval: Option<Duration>,
    timeout: Duration,
    sleep: Option<Box<Sleep>>,
    phase: Phase,
    /// What there was of them at the last poll.
    seen: Signs,
    pings: u64,
}

/// What a peer that lives makes more.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// The frames that have come.
    pub(super) frames: u64,
    /// The bytes of the next.
    pub(super) undecoded: usize,
    /// The bytes that it has taken, as far as that is known: while more wait to be taken. What nobody has taken yet may be
    /// no further than in a buffer of our own system.
    pub(super) taken: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is expected.
    Idle,
    /// It gave a sign of life then.
    Heard(Instant),
    /// It was asked then, and has given none since.
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
        Self { interval, timeout, sleep: None, phase: Phase::Idle, seen: Signs::default(), pings: 0 }
    }

    /// Whether anybody is ever asked.
    pub(super) fn is_on(&self) -> bool {
        self.interval.is_some()
    }

    /// How long a sign may take to come.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The token of the next ping.
    pub(super) fn next_token(&mut self) -> u64 {
        self.pings += 1;
        self.pings
    }

    /// It is not given up, although it has given no sign.
    pub(super) fn forgive(&mut self) {
        self.phase = Phase::Heard(Instant::recent());
    }

    /// Is told what there is of the peer, and whether anything is expected of it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, signs: Signs, is_expected: bool) -> Poll<Beat> {
        let was_heard = signs.is_more_than(std::mem::replace(&mut self.seen, signs));
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

impl Signs {
    pub(super) fn of<Io, Codec>(transport: &Transport<Io, Codec>, frames: u64) -> Self {
        Self { frames, undecoded: transport.undecoded_bytes(), taken: transport.taken_bytes() }
    }

    fn is_more_than(self, earlier: Self) -> bool {
        let has_taken = matches!((self.taken, earlier.taken), (Some(now), Some(then)) if now != then);
        (self.frames, self.undecoded) != (earlier.frames, earlier.undecoded) || has_taken
    }
}
