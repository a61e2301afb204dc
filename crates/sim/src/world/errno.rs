//! Errors by their numbers, as the system has them: who asks for a number takes the same way in the world as on it.

use std::io;

/// An error of a socket, with its number on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    /// EPERM.
    NotPermitted = 1,
    /// ENOENT.
    NotFound = 2,
    /// EAGAIN.
    WouldBlock = 11,
    /// EACCES.
    PermissionDenied = 13,
    /// EINVAL.
    InvalidInput = 22,
    /// EPIPE.
    BrokenPipe = 32,
    /// EDESTADDRREQ.
    NoDestination = 89,
    /// EMSGSIZE.
    TooLong = 90,
    /// EPROTOTYPE.
    WrongKind = 91,
    /// EAFNOSUPPORT.
    WrongFamily = 97,
    /// EADDRINUSE.
    AddrInUse = 98,
    /// EADDRNOTAVAIL.
    AddrNotAvailable = 99,
    /// ENETUNREACH.
    NetworkUnreachable = 101,
    /// ECONNABORTED.
    ConnectionAborted = 103,
    /// ECONNRESET.
    ConnectionReset = 104,
    /// ENOTCONN.
    NotConnected = 107,
    /// ETIMEDOUT.
    TimedOut = 110,
    /// ECONNREFUSED.
    ConnectionRefused = 111,
}

impl Errno {
    /// What std calls it, for systems that number errors otherwise.
    fn kind(self) -> io::ErrorKind {
        match self {
            Self::NotPermitted | Self::PermissionDenied => io::ErrorKind::PermissionDenied,
            Self::NotFound => io::ErrorKind::NotFound,
            Self::WouldBlock => io::ErrorKind::WouldBlock,
            Self::InvalidInput => io::ErrorKind::InvalidInput,
            Self::BrokenPipe => io::ErrorKind::BrokenPipe,
            Self::NoDestination | Self::TooLong | Self::WrongKind | Self::WrongFamily => io::ErrorKind::Other,
            Self::AddrInUse => io::ErrorKind::AddrInUse,
            Self::AddrNotAvailable => io::ErrorKind::AddrNotAvailable,
            Self::NetworkUnreachable => io::ErrorKind::NetworkUnreachable,
            Self::ConnectionAborted => io::ErrorKind::ConnectionAborted,
            Self::ConnectionReset => io::ErrorKind::ConnectionReset,
            Self::NotConnected => io::ErrorKind::NotConnected,
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::ConnectionRefused => io::ErrorKind::ConnectionRefused,
        }
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        match cfg!(target_os = "linux") {
            true => Self::from_raw_os_error(errno as i32),
            false => errno.kind().into(),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_the_kind_that_it_is_elsewhere() {
        let all = [
            Errno::NotPermitted,
            Errno::NotFound,
            Errno::WouldBlock,
            Errno::PermissionDenied,
            Errno::InvalidInput,
            Errno::BrokenPipe,
            Errno::AddrInUse,
            Errno::AddrNotAvailable,
            Errno::NetworkUnreachable,
            Errno::ConnectionAborted,
            Errno::ConnectionReset,
            Errno::NotConnected,
            Errno::TimedOut,
            Errno::ConnectionRefused,
        ];
        for errno in all {
            assert_eq!(io::Error::from(errno).kind(), errno.kind());
        }
    }
}
