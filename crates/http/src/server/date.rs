//! The date that responses carry.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use ekiden_reactor::{Instant, wall_clock};

/// The date as text, made once a second.
pub(super) struct Date {
    text: Cell<[u8; DATE_BYTES]>,
    /// The text is true before this moment.
    until: Cell<Instant>,
}

const DATE_BYTES: usize = 29;

impl Date {
    pub(super) fn new() -> Self {
        Self { text: Cell::new([0; DATE_BYTES]), until: Cell::new(Instant::ORIGIN) }
    }

    /// The date, in the format of RFC 9110, section 5.6.7.
    pub(super) fn get(&self, now: Instant) -> [u8; DATE_BYTES] {
        if now >= self.until.get() {
            self.renew(now);
        }
        self.text.get()
    }

    fn renew(&self, now: Instant) {
        // A clock that stands before 1970 says that it is 1970; the format has room for years up to 9999.
        let since_epoch = wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default().min(LAST);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs()));
        self.text.set(date.as_bytes().try_into().expect("a date has 29 bytes"));
        let left = Duration::from_secs(1) - Duration::from_nanos(since_epoch.subsec_nanos().into());
        self.until.set(now + left);
    }
}

/// The last second of the year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);
