//! Listeners that several cores share, where the system cannot choose: all cores are woken for a connection, and all but
//! one in vain.

use std::io;

use super::super::Token;

/// Registers a listener that others have clones of.
pub(super) fn register(
    registry: &mio::Registry,
    listener: &mut impl mio::event::Source,
    token: Token,
) -> io::Result<()> {
    registry.register(listener, mio::Token(token.0), mio::Interest::READABLE)
}

/// Ends the registration. To close the listener would not, as long as there are clones.
pub(super) fn deregister(registry: &mio::Registry, listener: &mut impl mio::event::Source) -> io::Result<()> {
    registry.deregister(listener)
}
