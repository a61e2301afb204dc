//! What scripts do to the clocks of hosts.

use std::time::Duration;

use crate::sim::Sim;

/// Where a wall clock stands beside the world's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// So far ahead of it.
    Ahead(Duration),
    /// So far behind it. No clock shows less than 1970.
    Behind(Duration),
}

/// # Clocks
///
/// The clocks of a host are the world's, until somebody says otherwise: here, or by
/// [`Config::skew_max`](crate::Config::skew_max) and [`Config::drift_ppm_max`](crate::Config::drift_ppm_max). The time of
/// the [world](Self::now) is always its own, and so are the network and all that takes time outside of a program.
impl Sim {
    /// Sets a host's wall clock, forwards or backwards, as its operator or a time server does. Its timers are not touched:
    /// they go by the monotonic clock.
    ///
    /// ```
    /// use ekiden_reactor::wall_clock;
    /// use ekiden_sim::{Sim, Skew};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let before = wall_clock();
    ///     sim.skew("main", Skew::Behind(Duration::from_secs(60)));
    ///     assert!(wall_clock() < before);
    /// });
    /// ```
    #[track_caller]
    pub fn skew(&self, host: &str, skew: Skew) {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let ahead = match skew {
            Skew::Ahead(duration) => nanos(duration),
            Skew::Behind(duration) => -nanos(duration),
        };
        let id = self.id(host);
        self.0.world.lock().set_skew(id, ahead);
    }

    /// Has a host's clocks run faster than the world's by so many millionths from now on, or slower for less than zero: its
    /// timers fire early, or late, to all others. The monotonic clock goes on from what it shows.
    ///
    /// A quartz is off by up to 100 or so; more shows sooner who relies on two clocks being alike.
    ///
    /// # Panics
    ///
    /// If that is more than 500,000 either way: a clock that runs half as fast again, or half as fast.
    #[track_caller]
    pub fn drift(&self, host: &str, ppm: i32) {
        assert!(ppm.unsigned_abs() <= DRIFT_PPM_MAX, "a clock drifts by 500,000 ppm at most");
        let id = self.id(host);
        self.0.world.lock().set_drift(id, ppm);
    }
}

pub(crate) const DRIFT_PPM_MAX: u32 = 500_000;
