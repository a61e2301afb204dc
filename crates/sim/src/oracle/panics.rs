//! Panics of tasks that nobody receives: those in handles that are there, and that nobody has asked.
//!
//! A handle that is dropped unasked tells its operator, which the loop sees. One that is kept may be asked later, so it is
//! looked for only when there is no later: when a program ends, its host crashes, or the run is over.

use ekiden_reactor::Handle;

use crate::failure::Failure;
use crate::journal::HostId;
use crate::run::in_crates;
use crate::sim::Sim;

impl Sim {
    /// A panic of a task that is in a handle, on any core of a host's program.
    pub(crate) fn unread_panic(&self, host: HostId) -> Option<String> {
        let programs = self.0.programs.borrow();
        let cores = programs[host.index()].cores.values();
        cores.flat_map(|core| core.turns.unread_panics()).next().map(|panic| in_crates(&panic))
    }

    /// The same, of a program that will not go on. Whoever is about to hear of it, as it came in a turn after which there was
    /// more to do, has not missed it.
    pub(crate) fn missed_panic(&self, host: HostId, when: &str) -> Option<Failure> {
        let rests = self.0.programs.borrow()[host.index()]
            .cores
            .values()
            .all(|core| core.is_idle && core.turns.within(|| Handle::current().stats()).letters == 0);
        let panic = if rests { self.unread_panic(host) } else { None };
        panic.map(|panic| self.fail(&self.of(host, &format!("{when} {panic}; nobody has received that"))))
    }

    /// The run is over, and some programs are not.
    pub(crate) fn missed_panic_of_any(&self) -> Option<Failure> {
        let count = self.0.programs.borrow().len() as u32;
        (0..count).find_map(|host| self.missed_panic(HostId(host), "has at the run's end"))
    }
}
