//! The system's child processes.
//!
//! A process's end is told by its pidfd, a file that becomes readable when the process ends. It is robust: it stands for
//! that very process, also when others in this program wait for children too, or handle `SIGCHLD`, or when its number is
//! given to another process; each end wakes who waits for it and nobody else. Where there is none (before Linux 5.3, in
//! a sandbox that forbids it, on other systems) `SIGCHLD` says that some child has ended, and each is asked.
//!
//! A process that nobody has waited for when its driver ends is asked again whenever another is started, so that none
//! stays in the system's table for ever.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{self, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::unix::{SourceFd, pipe};
use rustix::process::{Pid, Signal as Number, kill_process};

use super::super::{Signal, Spawned, Token};
use super::pinning;
use crate::driver;

/// A child process of the system.
pub struct Child {
    /// `None` only while it is dropped.
    process: Option<process::Child>,
    end: End,
}

/// How its end is told.
enum End {
    Pidfd(OwnedFd),
    /// By the signal of all children.
    Signal,
    /// By the signal, to whoever is in this list.
    Listed(Arc<Unlisted>, Token),
}

/// The processes of a driver that have no pidfd: who is to be asked when a child has ended. Shared by them and their
/// driver, on one thread; it can be sent to another since a driver can.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    tokens: Mutex<Vec<Token>>,
    watched: AtomicBool,
}

impl Unlisted {
    /// Whether anybody is in it, or was: then the signal is watched for.
    pub(super) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Token>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a command.
pub(super) fn spawn(command: &mut Command) -> io::Result<Spawned> {
    reap_the_left();
    // It inherits where this thread may run, which is one processor if that is a core's and pinned.
    let mut process = pinning::everywhere(|| command.spawn())?;
    let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    // From here on it is waited for, also by an error.
    let end = pidfd(&process).map_or(End::Signal, End::Pidfd);
    let mut child = Child { process: Some(process), end };
    let pipes = || {
        let stdin = stdin.map(|pipe| Pipe::to_write(pipe.into())).transpose()?;
        let stdout = stdout.map(|pipe| Pipe::to_read(pipe.into())).transpose()?;
        let stderr = stderr.map(|pipe| Pipe::to_read(pipe.into())).transpose()?;
        Ok((stdin, stdout, stderr))
    };
    let (stdin, stdout, stderr) = pipes().inspect_err(|_: &io::Error| {
        // It was to be a child or nothing.
        let _lives_on = child.kill();
    })?;
    Ok(Spawned { child: driver::Child::Os(child), stdin, stdout, stderr })
}

#[cfg(target_os = "linux")]
fn pidfd(process: &process::Child) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    pidfd_open(Pid::from_child(process), PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn pidfd(_: &process::Child) -> Option<OwnedFd> {
    None
}

#[cfg(target_os = "linux")]
fn send_by_pidfd(pidfd: &OwnedFd, number: Number) -> io::Result<()> {
    Ok(rustix::process::pidfd_send_signal(pidfd, number)?)
}

#[cfg(not(target_os = "linux"))]
fn send_by_pidfd(_: &OwnedFd, _: Number) -> io::Result<()> {
    unreachable!("there is no pidfd on this system")
}

impl Child {
    /// Registers it with a selector, or says that the signal must be watched for.
    pub(super) fn register(
        &mut self,
        token: Token,
        unlisted: &Arc<Unlisted>,
        register: impl FnOnce(&mut SourceFd<'_>) -> io::Result<()>,
        watch: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        if let End::Pidfd(pidfd) = &self.end {
            return register(&mut SourceFd(&pidfd.as_raw_fd()));
        }
        watch()?;
        unlisted.watched.store(true, Ordering::Relaxed);
        unlisted.lock().push(token);
        self.end = End::Listed(unlisted.clone(), token);
        Ok(())
    }

    fn process(&mut self) -> &mut process::Child {
        self.process.as_mut().expect("it is taken only by drop")
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, process::Child::id)
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<ExitStatus> {
        self.process().try_wait()?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.send(Number::KILL)
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        self.send(number(signal))
    }

    /// Sends a signal to it while it is ours to wait for: until then its number is given to no other.
    fn send(&mut self, number: Number) -> io::Result<()> {
        match &self.end {
            End::Pidfd(pidfd) => send_by_pidfd(pidfd, number),
            _ => Ok(kill_process(Pid::from_child(self.process()), number)?),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let End::Listed(unlisted, token) = &self.end {
            unlisted.lock().retain(|other| other != token);
        }
        if let Some(mut process) = self.process.take()
            && matches!(process.try_wait(), Ok(None))
        {
            LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Those who outlived their driver.
static LEFT: Mutex<Vec<process::Child>> = Mutex::new(Vec::new());

fn reap_the_left() {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain_mut(|process| matches!(process.try_wait(), Ok(None)));
}

fn number(signal: Signal) -> Number {
    match signal {
        Signal::Hangup => Number::HUP,
        Signal::Interrupt => Number::INT,
        Signal::Quit => Number::QUIT,
        Signal::User1 => Number::USR1,
        Signal::User2 => Number::USR2,
        Signal::Pipe => Number::PIPE,
        Signal::Alarm => Number::ALARM,
        Signal::Terminate => Number::TERM,
        Signal::Child => Number::CHILD,
        Signal::Continue => Number::CONT,
        Signal::TerminalStop => Number::TSTP,
        Signal::TerminalInput => Number::TTIN,
        Signal::TerminalOutput => Number::TTOU,
        Signal::Urgent => Number::URG,
        Signal::CpuLimit => Number::XCPU,
        Signal::FileLimit => Number::XFSZ,
        Signal::VirtualAlarm => Number::VTALARM,
        Signal::Profile => Number::PROF,
        Signal::WindowChange => Number::WINCH,
        Signal::Io => Number::IO,
    }
}

/// An end of a pipe of the system.
#[derive(Debug)]
pub struct Pipe(Direction);

#[derive(Debug)]
enum Direction {
    Read(pipe::Receiver),
    Write(pipe::Sender),
}

impl Pipe {
    fn to_read(end: OwnedFd) -> io::Result<driver::Pipe> {
        let receiver = pipe::Receiver::from(end);
        receiver.set_nonblocking(true)?;
        Ok(driver::Pipe::Os(Self(Direction::Read(receiver))))
    }

    fn to_write(end: OwnedFd) -> io::Result<driver::Pipe> {
        let sender = pipe::Sender::from(end);
        sender.set_nonblocking(true)?;
        Ok(driver::Pipe::Os(Self(Direction::Write(sender))))
    }

    pub(super) fn as_mio(&mut self) -> &mut dyn mio::event::Source {
        match &mut self.0 {
            Direction::Read(receiver) => receiver,
            Direction::Write(sender) => sender,
        }
    }

    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Direction::Read(receiver) => (&*receiver).read(buf),
            Direction::Write(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Direction::Read(_) => Err(io::ErrorKind::Unsupported.into()),
            Direction::Write(sender) => (&*sender).write(buf),
        }
    }

    pub(crate) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.0 {
            Direction::Read(_) => Err(io::ErrorKind::Unsupported.into()),
            Direction::Write(sender) => (&*sender).write_vectored(bufs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Os;
    use super::*;
    use crate::driver::{Driver, Event, Park};

    /// Starts a command without a pidfd.
    fn spawn_unlisted(os: &Os, program: &str, token: Token) -> Child {
        let process = Command::new(program).spawn().unwrap();
        let mut child = Child { process: Some(process), end: End::Signal };
        os.register_child(&mut child, token).unwrap();
        child
    }

    #[test]
    fn without_a_pidfd_a_signal_has_each_child_asked() {
        let os = Os::new().unwrap();
        let mut lasting = Command::new("cat").stdin(process::Stdio::piped()).spawn().unwrap();
        let hold = lasting.stdin.take();
        let mut lasting = Child { process: Some(lasting), end: End::Signal };
        os.register_child(&mut lasting, Token(1)).unwrap();
        let mut short = spawn_unlisted(&os, "true", Token(2));
        let mut asked = Vec::new();
        while !asked.contains(&Token(2)) || short.try_wait().is_err() {
            os.park(Park::until(None), &mut |event| {
                if let Event::Ready(token, readiness) = event {
                    assert!(readiness.readable);
                    asked.push(token);
                }
            })
            .unwrap();
        }
        assert!(asked.contains(&Token(1)));
        assert_eq!(lasting.try_wait().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        lasting.signal(Signal::Terminate).unwrap();
        while lasting.try_wait().is_err() {
            os.park(Park::until(None), &mut |_| ()).unwrap();
        }
        drop((lasting, short, hold));
        assert_eq!(os.unlisted.tokens(), []);
    }

    #[test]
    fn who_outlives_his_driver_is_waited_for_when_another_is_started() {
        let mut process = Command::new("cat").stdin(process::Stdio::piped()).spawn().unwrap();
        let (hold, id) = (process.stdin.take(), process.id());
        drop(Child { process: Some(process), end: End::Signal });
        let is_left = || LEFT.lock().unwrap().iter().any(|process| process.id() == id);
        assert!(is_left());
        drop(hold);
        while is_left() {
            drop(spawn(&mut Command::new("true")).unwrap());
        }
    }
}
