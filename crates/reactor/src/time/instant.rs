//! A moment on the reactor's monotonic clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::core;
use crate::driver::os;

/// A moment on the reactor's monotonic clock, in nanoseconds since an origin of the driver's choice.
///
/// It is like `std::time::Instant`, but it comes from the reactor, so a test can set it and turn it.
/// Instants of one reactor compare, and so do those of all reactors on the system's driver; otherwise those of different
/// drivers have nothing to do with each other. Sums that pass the end of the clock, after 584 years, stay there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Where a driver's clock begins.
    pub const ORIGIN: Self = Self(0);

    /// The time now: one reading of the clock, some 25 ns.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[must_use]
    #[track_caller]
    pub fn now() -> Self {
        core::with(|core| core.driver.now())
    }

    /// The time at which this turn of the loop began: nearly now, and free.
    ///
    /// It lags behind by as long as the tasks of this turn have run, which is microseconds on a healthy core: right
    /// for coarse time-outs, wrong for measuring.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[must_use]
    #[track_caller]
    pub fn recent() -> Self {
        core::with(|core| core.turn_began.get())
    }

    /// The moment so many nanoseconds after the origin: for drivers.
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin: for drivers.
    #[must_use]
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// The same moment as the standard library's type, for code of others that insists on it.
    ///
    /// On the system's driver it compares with what others read from the system's clock. On a clock that a test sets
    /// it compares only with other instants converted, which is all that sums and differences need.
    ///
    /// ```
    /// use ekiden_reactor::Instant;
    /// use std::time::Duration;
    ///
    /// # ekiden_reactor::run(async {
    /// let deadline = Instant::now().into_std() + Duration::from_secs(1);
    /// assert!(Instant::from_std(deadline) > Instant::now());
    /// # });
    /// ```
    #[must_use]
    pub fn into_std(self) -> std::time::Instant {
        os::origin() + Duration::from_nanos(self.0)
    }

    /// The way back from [`into_std`](Self::into_std). What was before the origin becomes the origin.
    #[must_use]
    pub fn from_std(instant: std::time::Instant) -> Self {
        Self::ORIGIN + instant.saturating_duration_since(os::origin())
    }

    /// The time from an earlier moment to this one; zero if that one is later.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time from this moment to now.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[must_use]
    #[track_caller]
    pub fn elapsed(self) -> Duration {
        Self::now().duration_since(self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// As [`duration_since`](Instant::duration_since).
    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({:?})", Duration::from_nanos(self.0))
    }
}
