//! The refusal that makes an automatic retry safe: [`Refused`].

use std::error::Error;
use std::fmt;
use std::io;

use crate::{Begun, Failure, Fault};

/// A refusal before any work was begun: sending the request again is safe, here or elsewhere.
///
/// A service answers it early, instead of queueing without bound. A middleware that can refuse asks that the
/// service's error be made from it, `S::Error: From<Refused>`.
///
/// ```
/// use ekiden_service::{Begun, Failure, Refused};
///
/// let refused = Refused::new("the queue is full");
/// assert_eq!(refused.to_string(), "refused: the queue is full");
/// assert_eq!(refused.begun(), Begun::No);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    reason: &'static str,
}

impl Refused {
    /// A refusal with the reason as an operator wants to read it, in lower case: "the queue is full".
    pub const fn new(reason: &'static str) -> Self {
        Self { reason }
    }

    /// Why.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.reason)
    }
}

impl Error for Refused {}

// For services over bare streams, whose errors are the system's.
impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::new(io::ErrorKind::ResourceBusy, refused)
    }
}

impl Failure for Refused {
    fn fault(&self) -> Fault {
        Fault::Service
    }

    fn begun(&self) -> Begun {
        Begun::No
    }
}
