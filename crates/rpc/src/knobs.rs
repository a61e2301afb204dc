//! What the configurations of both ends have in common: defaults, and what the peer is told of them.

use std::time::Duration;

use crate::wire::Settings;
use crate::wire::hello::{CRC_32, WINDOW_BYTES_MOST};

// The reasons are at the fields.
pub(crate) const FRAME_BYTES_MAX: u32 = 4 << 20;
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What an end that is configured so says first.
pub(crate) fn settings(
    frame_bytes_max: u32,
    in_flight_max: usize,
    window_bytes: u32,
    format: u32,
    checksums: bool,
) -> Settings {
    Settings {
        frame_bytes_max,
        in_flight_max: u32::try_from(in_flight_max).unwrap_or(u32::MAX),
        window_bytes: window_bytes.min(WINDOW_BYTES_MOST),
        format,
        checksum: if checksums { CRC_32 } else { 0 },
    }
}
