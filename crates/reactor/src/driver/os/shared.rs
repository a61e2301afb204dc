//! Listeners that several cores share: who of them is woken for a connection.
//!
//! Here it is one that sleeps, whichever the kernel finds first (`EPOLLEXCLUSIVE`): so a core that is held by a task is
//! passed over, and none is woken in vain. Those that are awake find the connection when they look, if nobody was quicker.

use std::io;
use std::os::fd::AsFd;

use rustix::event::epoll::{self, EventData, EventFlags};

use super::super::Token;

/// Registers a listener that others have clones of.
pub(super) fn register(
    registry: &mio::Registry,
    listener: &mut (impl mio::event::Source + AsFd),
    token: Token,
) -> io::Result<()> {
    // As mio would, but for the last flag: the token comes back with the event as it does with all others.
    let data = EventData::new_u64(token.0 as u64);
    Ok(epoll::add(registry, listener, data, EventFlags::IN | EventFlags::ET | EventFlags::EXCLUSIVE)?)
}

/// Ends the registration. To close the listener would not, as long as there are clones.
pub(super) fn deregister(
    registry: &mio::Registry,
    listener: &mut (impl mio::event::Source + AsFd),
) -> io::Result<()> {
    Ok(epoll::delete(registry, listener)?)
}
