//! The time of the world outside, which may jump: to be shown, never to be waited for.

use std::time::SystemTime;

use crate::core;

/// The wall clock of the reactor that runs on this thread.
///
/// ```
/// # ekiden_reactor::run(async {
/// let date = ekiden_reactor::wall_clock();
/// assert!(date > std::time::SystemTime::UNIX_EPOCH);
/// # });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
#[must_use]
#[track_caller]
pub fn wall_clock() -> SystemTime {
    core::with(|core| core.driver.wall_clock())
}
