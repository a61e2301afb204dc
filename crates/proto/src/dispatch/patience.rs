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
    /// Without it nothing was to be waited for yet, as on most connections.
    clock: Option<Box<Clock>>,
    write_timeout: Duration,
    frame_timeout: Duration,
    idle_timeout: Option<Duration>,
}

/// When patience ends.
struct Clock {
    sleep: Sleep,
    /// Until when the peer may be idle, and how many requests it had asked when that began.
    idle: Option<(u64, Instant)>,
}

/// What the peer keeps us waiting for, and how far it had come: if that is another, patience begins anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// That it takes more than so many bytes.
    Stalled { written: u64 },
    /// That it sends the rest of a frame, of which it has sent a part, behind so many.
    Frame { begun: u64 },
    /// That it asks more than so many requests. Only a request begins this anew: not what else it says or takes meanwhile.
    Idle { begun: u64 },
}

impl Patience {
    pub(crate) fn new(
        write_timeout: Duration,
        frame_timeout: Duration,
        idle_timeout: Option<Duration>,
    ) -> Self {
        Self { wait: None, clock: None, write_timeout, frame_timeout, idle_timeout }
    }

    /// Ready when it has ended. Is told how many requests there were.
    #[inline]
    pub(crate) fn poll(&mut self, wait: Option<Wait>, begun: u64, cx: &mut Context<'_>) -> Poll<Wait> {
        let time = match wait {
            Some(Wait::Stalled { .. }) => Some(self.write_timeout),
            Some(Wait::Frame { .. }) => Some(self.frame_timeout),
            Some(Wait::Idle { .. }) => self.idle_timeout,
            None => None,
        };
        let (Some(wait), Some(time)) = (wait, time) else { return Poll::Pending };
        let is_same = self.wait.replace(wait) == Some(wait);
        let clock = self.clock.get_or_insert_with(|| Box::new(Clock::new()));
        let deadline = if is_same { Some(clock.sleep.deadline()) } else { clock.begin(wait, begun, time) };
        match deadline {
            Some(deadline) => clock.sleep.poll_until(cx, deadline).map(|()| wait),
            None => Poll::Ready(Wait::Idle { begun }),
        }
    }
}

impl Clock {
    fn new() -> Self {
        Self { sleep: sleep_until(Instant::recent()), idle: None }
    }

    /// Until when something else is waited for than before. `None` if the peer has been idle for long enough: a frame that was
    /// coming when that ended was waited for, and what begins behind it is not.
    fn begin(&mut self, wait: Wait, begun: u64, time: Duration) -> Option<Instant> {
        let now = Instant::recent();
        let idles_until = self.idle.filter(|(asked, _)| *asked == begun).map(|(_, until)| until);
        match (wait, idles_until) {
            (Wait::Idle { .. }, Some(until)) => Some(until),
            (Wait::Idle { .. }, None) => {
                self.idle = Some((begun, now + time));
                Some(now + time)
            }
            (_, Some(until)) if until <= now => None,
            _ => Some(now + time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::driver::hand::Hand;
    use ekiden_reactor::{Config, Reactor};
    use std::future::poll_fn;

    /// Plays a script with half a minute for frames and for writes, and a minute to idle. Says what ended it, and after how
    /// many seconds.
    #[track_caller]
    fn check(script: &str, ended: &str) {
        let (hand, clock) = Hand::new().expect("a reactor");
        let half = Duration::from_secs(30);
        let told = Reactor::with_driver(Config::default(), hand).run(async move {
            let mut patience = Patience::new(half, half, Some(2 * half));
            let (mut now, mut asked, mut moved, mut wait) = (0, 0, 0, None);
            for step in script.split(", ") {
                let (step, seconds) = step.split_once(' ').unwrap_or((step, "0"));
                moved += 1;
                match step {
                    "idle" => wait = Some(Wait::Idle { begun: asked }),
                    "frame" => wait = Some(Wait::Frame { begun: moved }),
                    "stalled" => wait = Some(Wait::Stalled { written: moved }),
                    "call" => (wait, asked) = (None, asked + 1),
                    "pass" => {}
                    _ => unreachable!("{step}"),
                }
                for second in 0..=seconds.parse().expect("a number") {
                    if second > 0 {
                        clock.pass(Duration::from_secs(1)).await;
                        now += 1;
                    }
                    let ended = poll_fn(|cx| Poll::Ready(patience.poll(wait, asked, cx))).await;
                    match ended {
                        Poll::Ready(Wait::Idle { .. }) => return format!("idle {now}"),
                        Poll::Ready(Wait::Frame { .. }) => return format!("frame {now}"),
                        Poll::Ready(Wait::Stalled { .. }) => return format!("stalled {now}"),
                        Poll::Pending => {}
                    }
                }
            }
            "never".to_owned()
        });
        assert_eq!(told, ended, "{script}");
    }

    #[test]
    fn each_wait_has_its_time() {
        check("idle 59", "never");
        check("idle 100", "idle 60");
        check("frame 100", "frame 30");
        check("stalled 100", "stalled 30");
        check("frame 29, frame 29, stalled 29, stalled 29, call 1000", "never");
        check("idle 59, call 1000, idle 100", "idle 1119");
    }

    #[test]
    fn what_is_no_request_begins_no_idle_time_anew() {
        let many = |steps: &str| format!("idle, {}pass 100", format!("{steps}, ").repeat(100));
        check(&many("frame 1, idle 1"), "idle 60");
        check(&many("stalled 1, idle 1"), "idle 60");
        // There is always a piece of something.
        check(&many("frame 7"), "idle 63");
        check(&many("stalled 7"), "idle 63");
        check(&many("frame 7, stalled 7"), "idle 63");
    }

    #[test]
    fn a_request_that_is_coming_when_the_idle_time_ends_is_waited_for() {
        check("idle 59, frame 29, call 1000, idle 59", "never");
        check("idle 59, frame 29, call, frame 29, call, idle 100", "idle 177");
        check("idle 59, frame 100", "frame 89");
        check("idle 59, frame 29, idle", "idle 88");
        check("idle 59, frame 29, frame", "idle 88");
    }
}
