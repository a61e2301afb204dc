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

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::driver::hand::Hand;
    use ekiden_reactor::{Config, Reactor};

    #[test]
    fn the_date_is_made_anew_each_second() {
        let (hand, clock) = Hand::new().unwrap();
        Reactor::with_driver(Config::default(), hand).run(async {
            let date = Date::new();
            let mut lines = Vec::new();
            for _ in 0..5 {
                lines.push(date.line(Instant::now()));
                assert_eq!(httpdate::parse_http_date(text(&lines)).unwrap(), whole_seconds());
                clock.advance(Duration::from_millis(500));
            }
            lines.dedup();
            assert!(
                matches!(lines.len(), 3 | 4),
                "two and a half seconds have three or four dates: {lines:?}"
            );
        });
    }

    fn text(lines: &[DateLine]) -> &str {
        std::str::from_utf8(&lines.last().unwrap()[6..35]).unwrap()
    }

    fn whole_seconds() -> std::time::SystemTime {
        UNIX_EPOCH + Duration::from_secs(wall_clock().duration_since(UNIX_EPOCH).unwrap().as_secs())
    }
}
