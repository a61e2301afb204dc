//! The time of the world outside, which may jump: to be shown, never to be waited for.

use std::time::SystemTime;

use crate::core;

/// The wall clock of the reactor that runs on this thread.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[must_use]
#[track_caller]
pub fn wall_clock() -> SystemTime {
    core::with(|core| core.driver.wall_clock())
}
