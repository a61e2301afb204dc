//! What a peer says instead of an answer: [`Reset`].

use std::error::Error;
use std::fmt;

use ekiden_service::{Begun, Failure, Fault};

use super::error::Error as CallError;

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
            Some(reset @ (Self::Expired | Self::Unreadable)) => reset,
            _ => Self::Failed,
        }
    }
}

impl Failure for Reset {
    fn fault(&self) -> Fault {
        match self {
            Self::Cancelled | Self::Unreadable => Fault::Caller,
            Self::Refused | Self::Expired | Self::Failed => Fault::Service,
        }
    }

    fn begun(&self) -> Begun {
        match self {
            Self::Refused => Begun::No,
            Self::Expired | Self::Failed | Self::Cancelled | Self::Unreadable => Begun::Yes,
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
        let all = [Reset::Refused, Reset::Expired, Reset::Failed, Reset::Cancelled, Reset::Unreadable];
        let told = all.map(|reset| Reset::of_body(&reset));
        assert_eq!(told, [Reset::Failed, Reset::Expired, Reset::Failed, Reset::Failed, Reset::Unreadable]);
        assert_eq!(all.map(|reset| Reset::of_body(&CallError::broken_off(reset))), told);
        assert_eq!(Reset::of_body(&fmt::Error), Reset::Failed);
    }
}
