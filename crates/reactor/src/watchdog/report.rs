//! The report: what is counted, and told to the operator, of a core that is held.

use super::detector::Held;
use crate::inbox::Inbox;
use crate::inspect::{Brief, Spawned};

/// A core is held.
pub(super) fn report(reactor: &Inbox, held: &Held) {
    let watched = &reactor.watched;
    watched.worst_nanos.set(watched.worst_nanos.get().max(held.time.as_nanos() as u64));
    if held.is_new {
        watched.held.add(1);
    }
    if held.tells {
        let time = Brief(held.time);
        let id = held.reactor.number();
        match held.by.origin().map(Spawned::from) {
            Some(by) => watched.tell(format_args!(
                "{by}, holds reactor {id} for {time} by one poll: nothing else runs there"
            )),
            None => watched.tell(format_args!(
                "reactor {id} is held for {time} between two polls, by a waker or a hook: nothing runs there"
            )),
        }
    }
}
