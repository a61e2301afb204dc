//! Time: instants, and waiting for them.
//!
//! All time comes from the reactor's driver, so that a test can set the clock and a seed can replay a run. A reactor
//! keeps its timers in a wheel of one millisecond's granularity: setting, moving and cancelling one is a few
//! dozen instructions, however many there are, and none fires early.

pub(crate) mod wheel;
mod instant;
mod sleep;
mod timeout;
mod interval;

pub use instant::Instant;
pub use interval::{Interval, interval};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, timeout, timeout_at};
