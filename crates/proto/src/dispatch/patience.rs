//! How long a server waits for its peer: [`Patience`].
//!
//! It is told at each poll what the peer keeps us waiting for, and how far it had come. It moves nothing and closes
//! nothing; it says when to.

use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::{Instant, Sleep, sleep_until};

/// How long the peer may keep us waiting, depending on what for.
pub(crate) struct Patience {
    wait: Option<Wait>,
    /// When it ends. Without it nothing was to be waited for yet, as on most connections.
    sleep: Option<Box<Sleep>>,
    write_timeout: Duration,
    frame_timeout: Duration,
    idle_timeout: Option<Duration>,
}

/// What the peer keeps us waiting for, and how far it had come: if that is another, patience begins anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// That it takes more than so many bytes.
    Stalled { written: u64 },
    /// That it sends the rest of a request, of which it has sent a part, behind so many requests.
    Frame { begun: u64 },
    /// That it asks more than so many requests.
    Idle { begun: u64 },
}

impl Patience {
    pub(crate) fn new(
        write_timeout: Duration,
        frame_timeout: Duration,
        idle_timeout: Option<Duration>,
    ) -> Self {
        Self { wait: None, sleep: None, write_timeout, frame_timeout, idle_timeout }
    }

    /// Ready when it has ended.
    #[inline]
    pub(crate) fn poll(&mut self, wait: Option<Wait>, cx: &mut Context<'_>) -> Poll<Wait> {
        let time = match wait {
            Some(Wait::Stalled { .. }) => Some(self.write_timeout),
            Some(Wait::Frame { .. }) => Some(self.frame_timeout),
            Some(Wait::Idle { .. }) => self.idle_timeout,
            None => None,
        };
        let (Some(wait), Some(time)) = (wait, time) else { return Poll::Pending };
        let is_same = self.wait.replace(wait) == Some(wait);
        let fresh = || Instant::recent() + time;
        let sleep = self.sleep.get_or_insert_with(|| Box::new(sleep_until(fresh())));
        let deadline = if is_same { sleep.deadline() } else { fresh() };
        sleep.poll_until(cx, deadline).map(|()| wait)
    }
}
