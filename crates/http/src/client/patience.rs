//! How long a connection waits for its peer.
//!
//! It is asked only when nothing else can be done, so a connection that is never held up never reads a clock. It decides
//! nothing but that time is up.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use ekiden_reactor::{Instant, Sleep, sleep_until};

use super::config::Config;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    /// The peer should take bytes.
    pub(super) write: bool,
    /// The peer should answer.
    pub(super) head: bool,
    /// The peer should go on with the body.
    pub(super) body: bool,
    /// The peer should ask for the request's body.
    pub(super) resume: bool,
}

/// Time is up.
pub(super) enum Overdue {
    /// For waiting to be asked for the body: it goes out unasked.
    Continue,
    /// For the connection.
    Failed { doing: &'static str, after: Duration },
}

pub(super) struct Patience {
    phases: [Phase; 4],
    sleep: Option<Sleep>,
}

struct Phase {
    doing: &'static str,
    limit: Option<Duration>,
    /// It has gone on, without what ends it, since then.
    since: Option<Instant>,
}

// Places in the table of phases. The one between is that of the head, which nothing but its end cuts short.
const WRITE: usize = 0;
const BODY: usize = 2;
const RESUME: usize = 3;

impl Patience {
    pub(super) fn new(config: &Config) -> Self {
        let phase = |doing, limit| Phase { doing, limit, since: None };
        Self {
            phases: [
                phase("writing the request", Some(config.write_timeout)),
                phase("waiting for the response", config.answer_timeout),
                phase("reading the response's body", Some(config.body_timeout)),
                phase("waiting for 100 continue", Some(config.continue_timeout)),
            ],
            sleep: None,
        }
    }

    /// The peer has taken bytes.
    pub(super) fn handle_written(&mut self) {
        self.phases[WRITE].since = None;
    }

    /// The peer has sent bytes. A head must be complete in time, so a part of one buys none.
    pub(super) fn handle_received(&mut self) {
        self.phases[BODY].since = None;
    }

    /// Nothing is waited for.
    pub(super) fn rest(&mut self) {
        for phase in &mut self.phases {
            phase.since = None;
        }
        // A timer that is still set is used again by the next request, or goes when it fires.
        self.sleep.take_if(|sleep| sleep.is_elapsed());
    }

    /// Waits until one of these has lasted too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, waits: Waits) -> Poll<Overdue> {
        let now = Instant::recent();
        let Waits { write, head, body, resume } = waits;
        let mut next: Option<(Instant, usize)> = None;
        for (at, is_waiting) in [write, head, body, resume].into_iter().enumerate() {
            let phase = &mut self.phases[at];
            let Some(limit) = phase.limit.filter(|_| is_waiting) else {
                phase.since = None;
                continue;
            };
            let deadline = *phase.since.get_or_insert(now) + limit;
            if next.is_none_or(|(earliest, _)| deadline < earliest) {
                next = Some((deadline, at));
            }
        }
        let Some((deadline, at)) = next else { return Poll::Pending };
        ready!(self.sleep.get_or_insert_with(|| sleep_until(deadline)).poll_until(cx, deadline));
        let phase = &mut self.phases[at];
        phase.since = None;
        Poll::Ready(match phase.limit {
            Some(after) if at != RESUME => Overdue::Failed { doing: phase.doing, after },
            _ => Overdue::Continue,
        })
    }

    /// Waits as long as a stalled write may take.
    pub(super) fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, Waits { write: true, ..Waits::default() }).map(drop)
    }
}
