//! How long what was sent may stay unacknowledged: Linux's `TCP_USER_TIMEOUT`. Where that is not, `user_timeout_elsewhere`
//! stands in for this.

use std::io;
use std::time::Duration;

use socket2::SockRef;

pub(super) fn set(socket: &SockRef<'_>, timeout: Option<Duration>) -> io::Result<()> {
    // Less than a millisecond would be 0, which is the system's default.
    socket.set_tcp_user_timeout(timeout.map(|timeout| timeout.max(Duration::from_millis(1))))
}

pub(super) fn get(socket: &SockRef<'_>) -> io::Result<Option<Duration>> {
    socket.tcp_user_timeout()
}
