//! How long to wait before something that failed is tried again: [`Backoff`].
//!
//! It is told how often it failed, and is given its chance; it owns no clock and draws nothing by itself.

use std::time::Duration;

/// Pauses between tries: each is up to twice as long as the one before, until they are as long as they may be.
///
/// A pause is drawn from the upper half of its step, so that those who lost the same peer in the same moment do not all come
/// back in the same moment. No step is shorter than a millisecond, whatever it is set to: that would be a busy loop.
///
/// ```
/// use ekiden_middleware::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
/// let longest = |failures| backoff.pause(failures, u64::MAX).as_millis();
/// assert_eq!([1, 2, 3, 4, 5, 6].map(longest), [99, 199, 399, 799, 999, 999]);
/// assert_eq!(backoff.pause(1, 0), Duration::from_millis(50));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first step. 100 ms: a process that is started anew is back within a second, and who tries sooner finds
    /// nobody.
    pub first: Duration,
    /// The longest step. 10 s: who was away for an hour is found again within ten seconds, and a thousand clients
    /// that wait for it knock a hundred to two hundred times a second.
    pub max: Duration,
}

impl Backoff {
    /// Steps from `first` to `max`, which are durations of any length; less than a millisecond counts as one. A `max` below
    /// `first` is the only step.
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The pause after so many failures in a row. `chance` is drawn from all numbers; the pause grows with it, from half
    /// a step to the whole. Without a failure there is none.
    #[must_use]
    pub fn pause(&self, failures: u32, chance: u64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let step = self.first.max(STEP_MIN).saturating_mul(factor).min(self.max.max(STEP_MIN));
        // The clock ends after as many nanoseconds as fit.
        let half = u64::try_from(step.as_nanos() / 2).unwrap_or(u64::MAX / 2);
        let more = (u128::from(half) * u128::from(chance)) >> u64::BITS;
        Duration::from_nanos(half) + Duration::from_nanos(more as u64)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(10))
    }
}

/// Whoever is gone and asked a thousand times a second costs neither side much.
const STEP_MIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_try_waits_for_nothing() {
        assert_eq!(Backoff::default().pause(0, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn steps_double_up_to_the_longest() {
        let shortest = |failures| Backoff::default().pause(failures, 0).as_millis();
        assert_eq!(
            [1, 2, 3, 7, 8, 9, 32, 33, 34, u32::MAX].map(shortest),
            [50, 100, 200, 3_200, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000]
        );
    }

    #[test]
    fn the_longest_of_all_is_no_overflow() {
        let forever = Backoff::new(Duration::MAX, Duration::MAX);
        assert!(forever.pause(u32::MAX, u64::MAX) > Duration::from_secs(500 * 365 * 24 * 3600));
        let only = Backoff::new(Duration::from_secs(5), Duration::from_secs(2));
        assert_eq!(only.pause(1, 0), Duration::from_secs(1));
    }

    #[test]
    fn no_step_is_short_enough_for_a_busy_loop() {
        let shortest = Duration::from_micros(500);
        for (first, max) in [(0, 0), (0, 1_000), (1, 0), (1_000, 0)] {
            let backoff = Backoff::new(Duration::from_nanos(first), Duration::from_nanos(max));
            assert!(
                [1, 2, 100].into_iter().all(|failures| backoff.pause(failures, 0) == shortest),
                "{backoff:?}"
            );
        }
        // And they grow from there.
        let backoff = Backoff::new(Duration::ZERO, Duration::from_secs(1));
        assert_eq!(backoff.pause(11, 0), Duration::from_millis(500));
    }

    proptest! {
        #[test]
        fn a_pause_is_in_the_upper_half_of_its_step_and_grows_with_chance(
            failures in 1_u32..100, chance: u64, other: u64,
        ) {
            let backoff = Backoff::default();
            let step = backoff.first.saturating_mul(2_u32.saturating_pow(failures - 1)).min(backoff.max);
            let pause = backoff.pause(failures, chance);
            prop_assert!(step / 2 <= pause && pause <= step, "{pause:?} of {step:?}");
            prop_assert_eq!(backoff.pause(failures, chance.max(other)) >= pause, true);
        }
    }
}
