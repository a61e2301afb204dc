//! What must be remembered of a request until it is answered.

use crate::h1::encode::Form;
use crate::h1::framing::Asked;
use ekiden_proto::pipeline::Ticket;
use http::StatusCode;

/// A reply that is due: its place in the order, and on which terms.
#[must_use = "the replies behind a lost one never leave"]
#[derive(Debug)]
pub(crate) struct Due {
    pub(super) ticket: Ticket,
    pub(super) terms: Terms,
}

/// What of a request decides the form of its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(super) form: Form,
    pub(super) offer: Offer,
}

/// Another protocol that the client offers to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    None,
    /// By `Upgrade`.
    Upgrade,
    /// By CONNECT.
    Tunnel,
}

impl Due {
    /// Whether the answer may turn the connection over to another protocol.
    pub(crate) fn is_offer(&self) -> bool {
        self.terms.offer != Offer::None
    }
}

impl Terms {
    /// Of a request that could not be read.
    pub(super) const UNKNOWN: Self =
        Self { form: Form { asked: Asked::Other, is_http10: false }, offer: Offer::None };

    /// Whether this status takes the offer up.
    pub(super) fn is_granted(self, status: StatusCode) -> bool {
        match self.offer {
            Offer::None => false,
            Offer::Upgrade => status == StatusCode::SWITCHING_PROTOCOLS,
            Offer::Tunnel => status.is_success(),
        }
    }

    /// Whether the client would take this status for a tunnel being there.
    pub(crate) fn makes_tunnel(self, status: StatusCode) -> bool {
        self.offer == Offer::Tunnel && self.is_granted(status)
    }
}
