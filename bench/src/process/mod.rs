//! The processes that the bench starts: where they run, what they used, how they end.
//!
//! Who serves has one core and who asks another; the runner itself sleeps while they work.

pub(crate) mod server;
pub(crate) mod usage;

use std::io;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;

/// Which core a process may use.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Serving,
    Asking,
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

    /// Runs a command to its end there.
    pub(crate) fn run(self, command: &mut Command) -> Result<Finished> {
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The children that have ended: no other ends meanwhile.
        let before = used_by_children()?;
        let child = self.spawn(command).with_context(|| format!("cannot start {shown}"))?;
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{shown} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let printed = String::from_utf8(output.stdout).with_context(|| format!("{shown} printed no text"))?;
        Ok(Finished { printed, cpu_seconds: used_by_children()? - before })
    }
}

/// A command that ran to its end.
pub(crate) struct Finished {
    pub(crate) printed: String,
    pub(crate) cpu_seconds: f64,
}

fn used_by_children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
}
