//! The date that responses carry.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use ekiden_reactor::{Instant, wall_clock};

use crate::h1::encode::DateLine;

/// The date as it is sent, made once a second.
pub(super) struct Date {
    line: Cell<DateLine>,
    /// The line is true before this moment.
    until: Cell<Instant>,
}

impl Date {
    pub(super) fn new() -> Self {
        Self { line: Cell::new(*EPOCH), until: Cell::new(Instant::ORIGIN) }
    }

    /// The field line of the date.
    #[inline]
    pub(super) fn line(&self, now: Instant) -> DateLine {
        if now >= self.until.get() {
            self.renew(now);
        }
        self.line.get()
    }

    fn renew(&self, now: Instant) {
        // A clock that stands before 1970 says that it is 1970; the format has room for years up to 9999.
        let since_epoch = wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default().min(LAST);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs()));
        let mut line = *EPOCH;
        line[6..35].copy_from_slice(date.as_bytes());
        self.line.set(line);
        let left = Duration::from_secs(1) - Duration::from_nanos(since_epoch.subsec_nanos().into());
        self.until.set(now + left);
    }
}

const EPOCH: &DateLine = b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

/// The last second of the year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);
