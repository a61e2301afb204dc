//! The clock by which every core on the system's driver goes.

use std::sync::OnceLock;

use crate::time::Instant;

/// What it shows now, on any thread.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    let since = origin().elapsed();
    Instant::ORIGIN + since
}

/// What the instants of this process count from, on every core: the moment at which somebody first asked.
pub(crate) fn origin() -> std::time::Instant {
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    *ORIGIN.get_or_init(std::time::Instant::now)
}
