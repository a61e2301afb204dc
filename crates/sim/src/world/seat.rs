//! A core of a host, and what its reactor is to hear and do.

use ekiden_reactor::driver::{Event as News, Token};

use crate::journal::HostId;

/// Names a core of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seat {
    pub(crate) host: HostId,
    pub(crate) core: u16,
}

impl Seat {
    /// The core that a host's program begins on.
    pub(crate) fn first_of(host: HostId) -> Self {
        Self { host, core: 0 }
    }

    /// A token of this core's reactor, as the world keeps it: no other core of the host has the same.
    pub(crate) fn global(self, token: Token) -> Token {
        debug_assert!(token.0 < 1 << CORE_SHIFT, "a reactor numbers its sources from zero");
        Token(token.0 | usize::from(self.core) << CORE_SHIFT)
    }

    /// Whose it is, and what it is called there.
    pub(crate) fn local(host: HostId, token: Token) -> (Self, Token) {
        let core = (token.0 >> CORE_SHIFT) as u16;
        (Self { host, core }, Token(token.0 & ((1 << CORE_SHIFT) - 1)))
    }
}

/// A token's highest sixteen bits are the core's.
const CORE_SHIFT: u32 = usize::BITS - u16::BITS;

/// What the world knows of a core.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When its next turn is, and a drawn number for several at the same time.
    pub(crate) due: Option<(u64, u64)>,
    /// Until when its last turn takes.
    pub(crate) busy_until: u64,
    /// When its last turn was.
    pub(crate) last_turn: u64,
    /// How many turns it has taken since it last had nothing to do.
    pub(crate) turns_busy: u32,
    /// What its reactor is to be told in its next turn.
    pub(crate) news: Vec<News>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_core() {
        let (zero, one) = (Seat { host: HostId(3), core: 0 }, Seat { host: HostId(3), core: 1 });
        assert_ne!(zero.global(Token(7)), one.global(Token(7)));
        for seat in [zero, one, Seat { host: HostId(3), core: u16::MAX }] {
            assert_eq!(Seat::local(HostId(3), seat.global(Token(7))), (seat, Token(7)));
        }
    }
}
