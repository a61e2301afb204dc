//! The questions every error of a call answers: whose fault, was the request begun, did time run out.
//!
//! Retries, breakers, balancers and servers decide by these answers and by nothing else, so they need not know
//! any protocol's errors. The trait decides nothing itself.

use std::convert::Infallible;
use std::error::Error;

/// An error of a call, which answers what its caller must know to go on.
///
/// ```
/// use ekiden_service::{Failure, Refused};
///
/// fn should_retry(error: &impl Failure, attempts_left: u32) -> bool {
///     attempts_left > 0 && error.is_retry_safe()
/// }
///
/// assert!(should_retry(&Refused::new("the queue is full"), 3));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whose fault it is nor whether the request was begun",
    label = "this error must implement `Failure`",
    note = "implement `Failure` for it, or turn it into an error that does with `.map_err(…)`"
)]
pub trait Failure: Error {
    /// Whose fault it was.
    fn fault(&self) -> Fault;

    /// Whether the other side had begun the request.
    fn begun(&self) -> Begun;

    /// True if time ran out.
    fn is_timeout(&self) -> bool {
        false
    }

    /// True if sending the same request again can do nothing twice, whatever the request was: it was not begun.
    ///
    /// A request that is harmless when repeated may be sent again in other cases too; that only its protocol
    /// knows.
    fn is_retry_safe(&self) -> bool {
        self.begun() == Begun::No
    }
}

/// Whose fault a failed call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Who called: the request was wrong, and the same request will fail again.
    Caller,
    /// Who was called: it is overloaded, broken, or answers what its protocol does not allow.
    Service,
    /// The path between the two: nothing is known of either.
    Network,
}

/// Whether a request that failed had been begun by who was to serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Begun {
    /// It had not, for certain: to send it again is safe.
    No,
    /// It had, at least in part.
    Yes,
    /// Nobody can tell: it was sent, and no answer came.
    Unknown,
}

impl Failure for Infallible {
    fn fault(&self) -> Fault {
        match *self {}
    }

    fn begun(&self) -> Begun {
        match *self {}
    }
}
