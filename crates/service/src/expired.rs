//! What a call fails with whose time ran out: [`Expired`].
//!
//! Here and not beside the clock, so that every protocol's error can be made from it, and a time-out fits around
//! every client.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::{Begun, Failure, Fault};

/// Time ran out: before a call was answered, and nobody knows how far it had come, or even before it was begun.
///
/// A middleware that gives up calls asks that the service's error be made from it, `S::Error: From<Expired>`.
///
/// ```
/// use ekiden_service::{Begun, Expired, Failure, Fault};
/// use std::time::Duration;
///
/// let expired = Expired::new(Duration::from_secs(10));
/// assert_eq!(expired.to_string(), "no answer within 10s");
/// assert_eq!((expired.begun(), expired.fault()), (Begun::Unknown, Fault::Service));
///
/// let expired = Expired::unbegun();
/// assert_eq!(expired.to_string(), "its time had run out before the call was begun");
/// assert_eq!((expired.begun(), expired.fault()), (Begun::No, Fault::Caller));
/// ```
///
/// A call that was not begun can be sent again without harm, here or elsewhere, but not within the same deadline: it will
/// fail in the same way. So whoever retries asks the clock, too. It says nothing of the service, which was never asked,
/// and should not count against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expired {
    /// `None` if the call was not begun.
    after: Option<Duration>,
}

impl Expired {
    /// No answer within the time that the call was given.
    pub const fn new(after: Duration) -> Self {
        Self { after: Some(after) }
    }

    /// The deadline had passed when the call was to begin, so it was not begun.
    pub const fn unbegun() -> Self {
        Self { after: None }
    }

    /// The time that the call was given; `None` if it was not begun, since there was none left.
    pub const fn after(&self) -> Option<Duration> {
        self.after
    }
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(after) => write!(f, "no answer within {after:?}"),
            None => f.write_str("its time had run out before the call was begun"),
        }
    }
}

impl Error for Expired {}

// For services over bare streams, whose errors are the system's.
impl From<Expired> for io::Error {
    fn from(expired: Expired) -> Self {
        Self::new(io::ErrorKind::TimedOut, expired)
    }
}

impl Failure for Expired {
    // Whoever was called did not keep its time. The path may have been at fault, but a caller sees the two as one. Unless
    // the caller left no time at all.
    fn fault(&self) -> Fault {
        if self.after.is_some() { Fault::Service } else { Fault::Caller }
    }

    fn begun(&self) -> Begun {
        if self.after.is_some() { Begun::Unknown } else { Begun::No }
    }

    fn is_timeout(&self) -> bool {
        true
    }
}
