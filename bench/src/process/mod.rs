//! The processes that the bench starts: where they run, what they used, how they end.
//!
//! Who serves has one core and who asks another; the runner itself sleeps while they work.

pub(crate) mod server;
pub(crate) mod usage;

use std::io;
use std::process::{Child, Command};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Which core a process may use.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Serving,
    Asking,
    #[allow(dead_code, reason = "comes with the next scenario")]
    Anywhere,
}

impl Place {
    fn core(self) -> Option<usize> {
        match self {
            Self::Serving => Some(0),
            Self::Asking => Some(1),
            Self::Anywhere => None,
        }
    }

    /// Starts a command there.
    pub(crate) fn spawn(self, command: &mut Command) -> io::Result<Child> {
        let myself = Pid::from_raw(0);
        let before = sched_getaffinity(myself)?;
        if let Some(core) = self.core() {
            let mut cores = CpuSet::new();
            cores.set(core)?;
            // A child inherits where its parent may run: it is in place before its first instruction.
            sched_setaffinity(myself, &cores)?;
        }
        let child = command.spawn();
        sched_setaffinity(myself, &before)?;
        child
    }
}
