//! A host's clocks: what they show when the world's shows something else.
//!
//! ```text
//!   world's time ──► monotonic clock: its own pace, never back ──► wall clock: set to anything, at the same pace
//! ```

use std::time::{Duration, SystemTime};

use super::World;
use crate::clocks::DRIFT_PPM_MAX;
use crate::config::to_nanos;
use crate::journal::{HostId, What};

/// A host's clocks.
#[derive(Debug)]
pub(crate) struct Clock {
    /// From this time of the world on the pace is what it is, and what the monotonic clock showed then.
    since: u64,
    shown: u64,
    /// How far the monotonic clock comes in a million nanoseconds of the world's.
    pace: u64,
    /// How far the wall clock is ahead of where it would stand by the monotonic one.
    ahead: i128,
}

impl Clock {
    /// The world's own.
    pub(crate) fn new() -> Self {
        Self { since: 0, shown: 0, pace: MILLION, ahead: 0 }
    }

    pub(crate) fn monotonic(&self, now: u64) -> u64 {
        let passed = now - self.since;
        // What it is nearly always, and a division less.
        if self.pace == MILLION {
            return self.shown + passed;
        }
        let passed = u128::from(passed) * u128::from(self.pace) / u128::from(MILLION);
        self.shown.saturating_add(to_u64(passed))
    }

    /// The first time of the world's at which the monotonic clock shows that.
    pub(crate) fn when_it_shows(&self, shown: u64) -> u64 {
        let left = shown.saturating_sub(self.shown);
        if self.pace == MILLION {
            return self.since.saturating_add(left);
        }
        let left = (u128::from(left) * u128::from(MILLION)).div_ceil(u128::from(self.pace));
        self.since.saturating_add(to_u64(left))
    }

    pub(crate) fn wall(&self, now: u64) -> SystemTime {
        let nanos = WALL_ORIGIN.as_nanos() as i128 + i128::from(self.monotonic(now)) + self.ahead;
        // The clock of a system can be set to 1970, and not before.
        SystemTime::UNIX_EPOCH + Duration::from_nanos(to_u64(nanos.max(0).unsigned_abs()))
    }

    /// From now on the monotonic clock is so many millionths faster than the world's.
    pub(crate) fn set_drift(&mut self, now: u64, ppm: i32) {
        (self.shown, self.since) = (self.monotonic(now), now);
        self.pace = MILLION.saturating_add_signed(ppm.into());
    }

    /// By how many millionths the monotonic clock is faster than the world's.
    pub(crate) fn drift(&self) -> i32 {
        (self.pace as i64 - MILLION as i64) as i32
    }

    /// By how many nanoseconds the wall clock is ahead of the world's.
    pub(crate) fn ahead(&self, now: u64) -> i64 {
        let ahead = i128::from(self.monotonic(now)) + self.ahead - i128::from(now);
        i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX })
    }

    /// The wall clock is now so many nanoseconds ahead of the world's.
    pub(crate) fn set_ahead(&mut self, now: u64, ahead: i64) {
        self.ahead = i128::from(now) - i128::from(self.monotonic(now)) + i128::from(ahead);
    }
}

impl World {
    /// The wall clock of a host is from now on so many nanoseconds ahead of the world's.
    pub(crate) fn set_skew(&mut self, id: HostId, ahead: i64) {
        self.tell(id, What::SetsClock(ahead));
        let now = self.now;
        self.host(id).clock.set_ahead(now, ahead);
    }

    /// The clocks of a host are from now on so many millionths faster than the world's.
    pub(crate) fn set_drift(&mut self, id: HostId, ppm: i32) {
        self.tell(id, What::Drifts(ppm));
        let now = self.now;
        self.host(id).clock.set_drift(now, ppm);
        if self.host(id).is_up {
            // When its timers are due is another time of the world's now.
            self.each_core(id, Self::wake);
        }
    }

    /// Sets the clocks of a new host as the configuration says.
    pub(crate) fn draw_clock(&mut self, id: HostId) {
        let skew_max = to_nanos(self.config.skew_max);
        if skew_max > 0 {
            let (drawn, is_behind) = (self.chance.within((0, skew_max)), self.chance.one_in(2));
            let drawn = i64::try_from(drawn).unwrap_or(i64::MAX);
            self.set_skew(id, if is_behind { -drawn } else { drawn });
        }
        let ppm_max = self.config.drift_ppm_max.min(DRIFT_PPM_MAX);
        if ppm_max > 0 {
            let (drawn, is_slow) = (self.chance.within((0, ppm_max.into())) as i32, self.chance.one_in(2));
            self.set_drift(id, if is_slow { -drawn } else { drawn });
        }
    }
}

fn to_u64(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

const MILLION: u64 = 1_000_000;

/// How far past 1970 the world's wall clock stands at first: 2030-01-01, which no test takes for the present.
const WALL_ORIGIN: Duration = Duration::from_secs(1_893_456_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_drifts_shows_what_it_is_asked_for_and_never_goes_back() {
        let (mut clock, mut now, mut shown) = (Clock::new(), 0, 0);
        for (round, ppm) in [0, 100_000, -100_000, 37, -500_000, 0, 500_000].into_iter().enumerate() {
            clock.set_drift(now, ppm);
            assert!((shown..shown + 2).contains(&clock.monotonic(now)));
            for step in 1..1000 {
                let wanted = clock.monotonic(now) + step * (round as u64 + 1);
                let at = clock.when_it_shows(wanted);
                assert!(clock.monotonic(at) >= wanted, "not before it is due");
                assert!(at == now || clock.monotonic(at - 1) < wanted, "and no later");
                assert!(clock.monotonic(at) >= shown);
                (now, shown) = (at, clock.monotonic(at));
            }
        }
    }
}
