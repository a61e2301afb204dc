//! What a call fails with whose time ran out: [`Expired`].
//!
//! Here and not beside the clock, so that every protocol's error can be made from it, and a time-out fits around
//! every client.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::{Begun, Failure, Fault};

/// Time ran out before a call was answered. Nobody knows how far it had come.
///
/// A middleware that gives up calls asks that the service's error be made from it, `S::Error: From<Expired>`.
///
/// ```
/// use ekiden_service::{Begun, Expired, Failure};
/// use std::time::Duration;
///
/// let expired = Expired { after: Duration::from_secs(10) };
/// assert_eq!(expired.to_string(), "no answer within 10s");
/// assert!(expired.is_timeout() && expired.begun() == Begun::Unknown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expired {
    /// The time that the call was given.
    pub after: Duration,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.after)
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
    // Whoever was called did not keep its time. The path may have been at fault, but a caller sees the two as one.
    fn fault(&self) -> Fault {
        Fault::Service
    }

    fn begun(&self) -> Begun {
        Begun::Unknown
    }

    fn is_timeout(&self) -> bool {
        true
    }
}
