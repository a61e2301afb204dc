//! Randomness, as the driver gives it.

use std::io;

use crate::core;

/// Fills a buffer with random bytes, fit for secrets on the system's driver.
///
/// ```
/// # ekiden_reactor::run(async {
/// let mut secret = [0; 32];
/// ekiden_reactor::entropy(&mut secret)?;
/// assert_ne!(secret, [0; 32]);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// When the system's source of entropy fails.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn entropy(buf: &mut [u8]) -> io::Result<()> {
    core::with(|core| core.driver.entropy(buf))
}
