//! What a peer says instead of an answer: [`Reset`].

use std::error::Error;
use std::fmt;

use ekiden_service::{Begun, Failure, Fault};

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
}

impl Failure for Reset {
    fn fault(&self) -> Fault {
        match self {
            Self::Cancelled => Fault::Caller,
            Self::Refused | Self::Expired | Self::Failed => Fault::Service,
        }
    }

    fn begun(&self) -> Begun {
        match self {
            Self::Refused => Begun::No,
            Self::Expired | Self::Failed | Self::Cancelled => Begun::Yes,
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
        })
    }
}

impl Error for Reset {}
