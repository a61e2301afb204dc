//! How much there is of it.

use crate::journal::HostId;
use crate::world::World;

impl World {
    /// What a host's program has written that was not read at the other end, or that this end has not heard to be.
    pub(crate) fn unread_bytes(&self, host: HostId) -> u64 {
        let its = self.tcp.ends.iter().map(|(_, end)| end);
        let its = its.filter(|end| end.host == host && !end.is_closed && !end.is_over());
        its.map(|end| end.line.window.saturating_sub(end.line.room() as u64)).sum()
    }
}
