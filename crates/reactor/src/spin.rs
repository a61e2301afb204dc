//! Whether a reactor with nothing to do looks again and again for a moment before its thread sleeps.
//!
//! To sleep and to be woken costs 30 to 80 µs on a virtual machine, which is nearly all of the latency of a request
//! that comes alone; a client that answers at once is back before that. So a reactor spins where it pays: it tries,
//! and when trying has been in vain it tries less and less often. What is spent in vain is never more than a
//! twentieth of the time, which is what the credit is for.
//!
//! A [`Spin`] reads no clock and looks for nothing. It says when to, and is told what came of it.

use std::time::Duration;

use crate::time::Instant;

/// In nanoseconds throughout, as this is asked in every turn of a busy reactor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spin {
    /// How long one spin lasts; zero for never.
    max: u64,
    /// How much more may be spent in vain.
    credit: u64,
    /// Until when the credit was counted.
    counted: u64,
    /// How often it was in vain since it last paid.
    in_vain: u32,
    /// How many sleeps are still to go without.
    skips: u32,
}

impl Spin {
    pub(crate) fn new(max: Duration, now: Instant) -> Self {
        // Of a longer one nothing would come: the credit never reaches so far.
        let max = max.min(CREDIT_MAX).as_nanos() as u64;
        Self { max, credit: CREDIT_MAX.as_nanos() as u64, counted: now.as_nanos(), in_vain: 0, skips: 0 }
    }

    /// The thread is about to sleep, in the turn that began at `now`: for how long to spin before, if at all.
    #[inline]
    pub(crate) fn next(&mut self, now: Instant) -> Option<Duration> {
        if self.skips > 0 {
            self.skips -= 1;
            return None;
        }
        let earned = now.as_nanos().saturating_sub(self.counted) / SHARE;
        self.credit = (self.credit + earned).min(CREDIT_MAX.as_nanos() as u64);
        self.counted = now.as_nanos();
        (self.max > 0 && self.credit >= self.max).then(|| Duration::from_nanos(self.max))
    }

    /// Something came while it spun.
    #[inline]
    pub(crate) fn handle_hit(&mut self) {
        self.in_vain = 0;
    }

    /// Nothing came in all that time.
    pub(crate) fn handle_miss(&mut self) {
        self.credit -= self.max;
        self.in_vain = (self.in_vain + 1).min(DOUBLINGS_MAX);
        self.skips = (1 << self.in_vain) - 1;
    }
}

/// One part of so many of the time may be spent in vain.
const SHARE: u64 = 20;

/// What may be spent in vain at once, after a long time of doing nothing: twenty spins of 50 µs.
const CREDIT_MAX: Duration = Duration::from_millis(1);

/// At the least one sleep in 64 is tried: so many requests of a client that has changed its ways are slow.
const DOUBLINGS_MAX: u32 = 6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: Duration = Duration::from_micros(50);

    /// Sleeps one after the other, each after so many microseconds of a turn: `h` if it spins and it pays, `m` if it
    /// is in vain, by what `outcome` says; `.` if it does not spin.
    fn play(max: Duration, turn: u64, times: usize, outcome: impl Fn(usize) -> bool) -> String {
        let mut now = Instant::ORIGIN;
        let mut spin = Spin::new(max, now);
        let play = |time| {
            now += Duration::from_micros(turn);
            match spin.next(now) {
                None => '.',
                Some(_) if outcome(time) => {
                    spin.handle_hit();
                    'h'
                }
                Some(_) => {
                    spin.handle_miss();
                    'm'
                }
            }
        };
        (0..times).map(play).collect()
    }

    #[test]
    fn it_goes_on_while_it_pays() {
        assert_eq!(play(MAX, 10, 8, |_| true), "hhhhhhhh");
    }

    #[test]
    fn it_is_tried_less_and_less_while_it_is_in_vain() {
        assert_eq!(play(MAX, 2_000, 14, |_| false), "m.m...m.......");
        let tries = play(MAX, 2_000, 64_000, |_| false).matches('m').count();
        assert!((1000..1010).contains(&tries), "one in 64, but for the first: {tries}");
    }

    #[test]
    fn once_it_pays_it_goes_on_again() {
        assert_eq!(play(MAX, 2_000, 9, |time| time >= 2), "m.hhhhhhh");
    }

    #[test]
    fn without_time_it_never_spins() {
        assert_eq!(play(Duration::ZERO, 2_000, 4, |_| true), "....");
    }

    proptest! {
        /// Whatever comes when, no more is spent in vain than a twentieth of the time, and what may be spent at once.
        #[test]
        fn what_is_spent_in_vain_is_bounded(
            // Short ones, so that it would like to spend more: half of all spins are in vain, each half as long as a turn.
            turns in prop::collection::vec((0u64..200, any::<bool>()), 1..2_000),
        ) {
            let mut now = Instant::ORIGIN;
            let mut spin = Spin::new(MAX, now);
            let mut spent = Duration::ZERO;
            for (turn, pays) in turns {
                now += Duration::from_micros(turn);
                match spin.next(now) {
                    Some(_) if pays => spin.handle_hit(),
                    Some(time) => {
                        spin.handle_miss();
                        now += time;
                        spent += time;
                    }
                    None => {}
                }
                prop_assert!(spent <= CREDIT_MAX + now.duration_since(Instant::ORIGIN) / SHARE as u32);
            }
        }
    }
}
