//! What a peer says instead of an answer: [`Reset`].

use std::error::Error;
use std::fmt;

use ekiden_service::{Begun, Failure, Fault};

use super::error::{BoxError, Error as CallError};

/// Why a call of a multiplexed protocol has no answer, or not the rest of one, as its server says it on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reset {
    /// The request was not begun: to send it again, here or elsewhere, is safe.
    Refused,
    /// It was begun, and its time ran out.
    Expired,
    /// It was begun, and failed or was given up by the server.
    Failed,
    /// It was begun, and dropped because its caller said so.
    Cancelled,
    /// It was begun, and ended by its own body, of which the server cannot make anything.
    Unreadable,
    /// It was begun, and the rest of its reply cannot be sent: a piece of that cannot be encoded, or is longer than the caller
    /// takes.
    Unsendable,
}

/// What the body of a reply ends with when a piece of it cannot be encoded: the caller is told so, by
/// [`Reset::Unsendable`], and the operator why.
#[derive(Debug)]
pub struct Unsendable(BoxError);

impl Unsendable {
    /// For this reason.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Unsendable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Reset {
    /// What an error of a service is told as.
    pub(crate) fn of(error: &impl Failure) -> Self {
        match (error.begun(), error.is_timeout()) {
            // That it can be sent again says more than why.
            (Begun::No, _) => Self::Refused,
            (_, true) => Self::Expired,
            _ => Self::Failed,
        }
    }

    /// What the error is told as that ends the body of a reply. It was begun, whatever it says; and who gave it up was not
    /// the caller.
    pub(crate) fn of_body(error: &(dyn Error + 'static)) -> Self {
        let of_peer = || error.downcast_ref::<CallError>()?.reset();
        match error.downcast_ref().copied().or_else(of_peer) {
            Some(reset @ (Self::Expired | Self::Unreadable | Self::Unsendable)) => reset,
            _ if error.is::<Unsendable>() => Self::Unsendable,
            _ => Self::Failed,
        }
    }
}

impl Failure for Reset {
    fn fault(&self) -> Fault {
        match self {
            Self::Cancelled | Self::Unreadable => Fault::Caller,
            Self::Refused | Self::Expired | Self::Failed | Self::Unsendable => Fault::Service,
        }
    }

    fn begun(&self) -> Begun {
        match self {
            Self::Refused => Begun::No,
            Self::Expired | Self::Failed | Self::Cancelled | Self::Unreadable | Self::Unsendable => {
                Begun::Yes
            }
        }
    }

    fn is_timeout(&self) -> bool {
        *self == Self::Expired
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the peer refused it",
            Self::Expired => "its time ran out at the peer",
            Self::Failed => "the peer began it and failed",
            Self::Cancelled => "it was cancelled",
            Self::Unreadable => "the peer began it and cannot read its body",
            Self::Unsendable => "the peer began it and cannot send the rest of its answer",
        })
    }
}

impl Error for Reset {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body may be that of a reply that came from elsewhere: what ended it there has ended it here.
    #[test]
    fn what_ends_the_body_of_a_reply_is_told_as_what_it_is() {
        let passed_on = [Reset::Expired, Reset::Unreadable, Reset::Unsendable];
        let all = [passed_on, [Reset::Refused, Reset::Failed, Reset::Cancelled]].concat();
        for reset in all {
            let told = if passed_on.contains(&reset) { reset } else { Reset::Failed };
            assert_eq!(Reset::of_body(&reset), told);
            assert_eq!(Reset::of_body(&CallError::broken_off(reset)), told);
        }
        assert_eq!(Reset::of_body(&Unsendable::new("too long")), Reset::Unsendable);
        assert_eq!(Reset::of_body(&fmt::Error), Reset::Failed);
    }
}
