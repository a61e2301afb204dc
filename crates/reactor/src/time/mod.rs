//! Time: instants, and waiting for them.
//!
//! All time comes from the reactor's driver, so that a test can set the clock. A reactor keeps its timers in a wheel of one millisecond's granularity: setting, moving and cancelling one is a few
//! dozen instructions, however many there are, and none fires early.
//!
//! In reading order: an [`Instant`] is a moment, the `wheel` knows who waits for which, a [`Sleep`] is one who waits;
//! `timeout` and [`Interval`] are made of that. The [`wall_clock()`] is for what others should read.

mod instant;
pub(crate) mod wheel;
mod sleep;
mod timeout;
mod interval;
mod wall_clock;

pub use instant::Instant;
pub use interval::{Interval, interval};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, timeout, timeout_at};
pub use wall_clock::wall_clock;
