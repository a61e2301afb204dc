//! A child process, whose end is a source.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::process::{Command, ExitStatus};

use super::{PipeReader, PipeWriter};
use crate::about::About;
use crate::core;
use crate::driver::{self, Signal};
use crate::interest::Way;
use crate::registration::Registration;
use crate::task::poll_past;

/// Starts a command as a child process.
///
/// What the command leaves open it shares with this program; with `Stdio::piped()` the child has a pipe instead, whose
/// other end is a field of [`Child`]. The core waits while the system makes the process, which takes about a millisecond:
/// a server that starts many should have a thread of its own for them.
///
/// # Errors
///
/// As the system's: there is no such program, or it is not permitted.
/// [`Unsupported`](io::ErrorKind::Unsupported) in a world without processes.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let spawned = core::current().driver.spawn(command)?;
    let mut process = spawned.child;
    let registered = Registration::new(|core, token| process.register(&*core.driver, token));
    let (registration, ()) = registered.inspect_err(|_| {
        // It was to be a child or nothing. If it cannot be killed it has ended, or there is nobody to tell.
        let _lives_on = process.kill();
    })?;
    let id = process.id();
    registration.describe(About::Child(id));
    // It may have ended already.
    registration.assume_ready(Way::Read);
    // From here on it is waited for, also by an error, by which it is killed.
    let state = State::Running(Running { process, registration });
    let mut child = Child { stdin: None, stdout: None, stderr: None, state, kills_on_drop: true };
    child.stdin = spawned.stdin.map(|pipe| PipeWriter::new(pipe, id)).transpose()?;
    child.stdout = spawned.stdout.map(|pipe| PipeReader::new(pipe, id)).transpose()?;
    child.stderr = spawned.stderr.map(|pipe| PipeReader::new(pipe, id)).transpose()?;
    child.kills_on_drop = false;
    Ok(child)
}

/// A child process; see [`spawn`].
///
/// When it is dropped the process goes on, unless [`kill_on_drop`](Self::kill_on_drop) says otherwise; its pipes are
/// closed. Either way the reactor waits for its end, so that the system can forget it. When the reactor ends first, a
/// process that goes on is forgotten when another is started, on any reactor, or else with this program.
///
/// Nothing else in the program needs to know of it: it neither handles `SIGCHLD` nor waits for children that are not
/// its own. On systems without pidfd (Linux before 5.3) it does handle `SIGCHLD`.
pub struct Child {
    /// Writes to its standard input, if the command says that it is piped.
    pub stdin: Option<PipeWriter>,
    /// Reads its standard output, if the command says that it is piped.
    pub stdout: Option<PipeReader>,
    /// Reads its standard error, if the command says that it is piped.
    pub stderr: Option<PipeReader>,
    state: State,
    kills_on_drop: bool,
}

enum State {
    Running(Running),
    Ended { status: ExitStatus, id: u32 },
}

/// A process that was not seen to end.
pub(super) struct Running {
    // First, so that its file is closed before its place in the table is given to another.
    pub(super) process: driver::Child,
    pub(super) registration: Registration,
}

impl Child {
    /// Waits until the process has ended, and says how. Asked again it answers the same.
    ///
    /// Its standard input, if it is still [here](Self::stdin), is closed first, as a process that reads to the end would
    /// wait for us. Its output is not read: a process that writes more than a pipe holds (64 KiB on Linux) does not end
    /// before somebody has.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but the standard input, which is closed. The process goes on, and can be waited
    /// for again.
    ///
    /// # Errors
    ///
    /// As the system's: somebody else in the program has waited for it, or has `SIGCHLD` ignored, so that it is not
    /// known how it ended.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        let status = match &mut self.state {
            State::Ended { status, .. } => {
                poll_fn(|cx| poll_past(cx)).await;
                return Ok(*status);
            }
            State::Running(Running { process, registration }) => {
                registration.use_by(Way::Read, 1, || process.try_wait()).await?
            }
        };
        self.note_end(status);
        Ok(status)
    }

    /// How the process ended, if it has. Inside a tick, `Ok(None)` has the task ticked again when it does. Its standard
    /// input is left open.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.state {
            State::Ended { status, .. } => return Ok(Some(*status)),
            State::Running(Running { process, registration }) => {
                // It may have ended since the driver looked.
                registration.assume_ready(Way::Read);
                registration.try_use(Way::Read, 1, || process.try_wait())?
            }
        };
        if let Some(status) = status {
            self.note_end(status);
        }
        Ok(status)
    }

    fn note_end(&mut self, status: ExitStatus) {
        self.state = State::Ended { status, id: self.id() };
    }

    /// Has the process end at once, by `SIGKILL`. It has not ended yet when this returns: [`wait`](Self::wait) for it.
    /// One that has ended is left alone.
    ///
    /// # Errors
    ///
    /// As the system's: it runs as another user.
    pub fn kill(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Running(running) => running.process.kill(),
            State::Ended { .. } => Ok(()),
        }
    }

    /// Sends a signal to the process, such as [`Signal::Terminate`] to have it end in its own time. One that has ended is
    /// left alone.
    ///
    /// # Errors
    ///
    /// As the system's: it runs as another user.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match &mut self.state {
            State::Running(running) => running.process.signal(signal),
            State::Ended { .. } => Ok(()),
        }
    }

    /// From now on the process is [killed](Self::kill) when this is dropped. What it has started itself goes on.
    #[must_use = "it is the same child"]
    pub fn kill_on_drop(mut self) -> Self {
        self.kills_on_drop = true;
        self
    }

    /// The system's number of the process. When the process has ended and was waited for, another may have it.
    #[must_use]
    pub fn id(&self) -> u32 {
        match &self.state {
            State::Running(running) => running.process.id(),
            State::Ended { id, .. } => *id,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let nobody = State::Ended { status: ExitStatus::default(), id: 0 };
        if let State::Running(mut running) = std::mem::replace(&mut self.state, nobody) {
            if self.kills_on_drop {
                // It is gone already if that fails, or not ours to kill.
                drop(running.process.kill());
            }
            running.leave();
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut child = f.debug_struct("Child");
        child.field("id", &self.id());
        if let State::Ended { status, .. } = &self.state {
            child.field("status", status);
        }
        child.finish_non_exhaustive()
    }
}
