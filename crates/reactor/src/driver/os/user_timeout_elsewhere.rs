//! The time that what was sent may stay unacknowledged cannot be set where this stands in for `user_timeout`.

use std::io;
use std::time::Duration;

use socket2::SockRef;

use crate::driver::absent;

pub(super) fn set(_socket: &SockRef<'_>, _timeout: Option<Duration>) -> io::Result<()> {
    Err(absent("time-out of what is unacknowledged"))
}

pub(super) fn get(_socket: &SockRef<'_>) -> io::Result<Option<Duration>> {
    Err(absent("time-out of what is unacknowledged"))
}
