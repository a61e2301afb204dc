//! The lives of programs: how they begin, pause, go on, and end.

use super::{Seat, World};
use crate::journal::{HostId, What};

impl World {
    /// The program of a host begins.
    pub(crate) fn begin(&mut self, id: HostId) {
        self.host(id).begin();
        self.tell(id, What::Starts);
        self.wake(Seat::first_of(id));
    }

    /// The program of a host has ended, by itself; what it had open it has closed.
    pub(crate) fn end(&mut self, id: HostId) {
        self.is_over(id, What::Ends);
    }

    /// The program of a host ends at once: what it had open its system closes.
    pub(crate) fn crash(&mut self, id: HostId) {
        self.is_over(id, What::Crashes);
    }

    fn is_over(&mut self, id: HostId, by: What) {
        self.tell(id, by);
        self.each_core(id, |world, seat| world.schedule(seat, None));
        self.host(id).end();
        self.close_sockets(id);
        self.forget_udp_sockets(id);
        self.forget_unix_sockets(id);
        self.forget_jobs(id);
    }

    /// A program takes no turns, or takes them again.
    pub(crate) fn set_paused(&mut self, id: HostId, is_paused: bool) {
        // What has ended cannot be held; what has not begun can.
        if is_paused && self.host(id).has_ended() {
            return;
        }
        self.tell(id, if is_paused { What::Pauses } else { What::Resumes });
        self.host(id).is_paused = is_paused;
        self.each_core(id, |world, seat| {
            let due = world.host(id).core(seat.core).due;
            world.schedule(seat, due);
        });
        if !is_paused {
            self.release(id);
        }
    }

    /// What a host does takes from now on so many times as long.
    pub(crate) fn set_slowness(&mut self, id: HostId, times: u32) {
        self.tell(id, What::IsSlow(times));
        self.host(id).slowness = times.into();
    }
}
