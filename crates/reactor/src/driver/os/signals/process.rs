//! What the process does with its signals: who asks for each, over all drivers, and what it does when nobody does.
//!
//! A handler, once it is installed, stays for good, and without anything to do it would swallow the signal: so one that
//! does what the signal does by default stays with it, and looks whether anybody asks for it. A signal that was ignored
//! or handled by others before us has none of that: it is ignored, or handled by them, once more.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::signal as numbers;
use signal_hook::{SigId, flag, low_level};

use super::super::super::Signal;
use super::Reason;

/// The system's number of a signal.
pub(super) fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Hangup => numbers::SIGHUP,
        Signal::Interrupt => numbers::SIGINT,
        Signal::Quit => numbers::SIGQUIT,
        Signal::User1 => numbers::SIGUSR1,
        Signal::User2 => numbers::SIGUSR2,
        Signal::Pipe => numbers::SIGPIPE,
        Signal::Alarm => numbers::SIGALRM,
        Signal::Terminate => numbers::SIGTERM,
        Signal::Child => numbers::SIGCHLD,
        Signal::Continue => numbers::SIGCONT,
        Signal::TerminalStop => numbers::SIGTSTP,
        Signal::TerminalInput => numbers::SIGTTIN,
        Signal::TerminalOutput => numbers::SIGTTOU,
        Signal::Urgent => numbers::SIGURG,
        Signal::CpuLimit => numbers::SIGXCPU,
        Signal::FileLimit => numbers::SIGXFSZ,
        Signal::VirtualAlarm => numbers::SIGVTALRM,
        Signal::Profile => numbers::SIGPROF,
        Signal::WindowChange => numbers::SIGWINCH,
        Signal::Io => numbers::SIGIO,
    }
}

/// What a driver keeps of a signal that it asked for; until it is dropped, it is told of it.
pub(crate) struct Bell {
    pub(in crate::driver::os) signal: Signal,
    pub(in crate::driver::os) reason: Reason,
    came: Arc<AtomicBool>,
}

impl Bell {
    /// Asks for a signal. When it comes, a byte is written into the pipe.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(in crate::driver::os) fn new(signal: Signal, reason: Reason, writer: &OwnedFd) -> io::Result<Self> {
        let (writer, spare) = (writer.try_clone()?, Some(writer.try_clone()?));
        let mut process = Process::lock();
        process.prepare(signal)?;
        let came = Arc::<AtomicBool>::default();
        let rope = Rope { reason, came: came.clone(), writer, spare, registered: Vec::new() };
        let add = |handled: &mut Handled| {
            handled.ropes.push(rope);
            None
        };
        if let Err(error) = process.pull(signal, add) {
            // Nobody would take it away any more. The first failure is the one to tell.
            drop(process.pull(signal, |handled| handled.remove(&came)));
            return Err(error);
        }
        drop(process);
        Ok(Self { signal, reason, came })
    }

    /// Whether the signal came since the last time.
    pub(crate) fn has_rung(&self) -> bool {
        self.came.swap(false, Ordering::SeqCst)
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // It fails only where a listener ends and the shutdown or the dump goes on, and somebody has taken the very file
        // that was given back for it: then that is not told of this signal, which does what it does by default if nobody
        // else is told either.
        drop(Process::lock().pull(self.signal, |handled| handled.remove(&self.came)));
    }
}

struct Process {
    handled: Vec<Handled>,
    /// Whether the first signal has come that asks the program to end, while anybody waits for the shutdown.
    was_asked: Option<Arc<AtomicBool>>,
}

/// A signal that somebody has asked for.
struct Handled {
    signal: Signal,
    /// Looked at when the signal comes. `None` if it was ignored or handled before us.
    does_default: Option<Arc<AtomicBool>>,
    /// Whoever asks for it now, on any driver.
    ropes: Vec<Rope>,
    /// What ends the program by the second signal, while that is in force.
    second: Vec<SigId>,
}

/// The far end of a bell.
struct Rope {
    reason: Reason,
    came: Arc<AtomicBool>,
    writer: OwnedFd,
    /// What the handler will write to, while it does not: so that whose signal it is again when a listener ends need not
    /// find a file for it then.
    spare: Option<OwnedFd>,
    /// With the handler; nothing while the signal is somebody else's.
    registered: Vec<SigId>,
}

static PROCESS: Mutex<Process> = Mutex::new(Process { handled: Vec::new(), was_asked: None });

impl Process {
    fn lock() -> MutexGuard<'static, Self> {
        // Nothing that is done under the lock panics half-way.
        PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before anything else is registered for a signal, finds out what it did before us.
    fn prepare(&mut self, signal: Signal) -> io::Result<()> {
        if self.handled.iter().any(|handled| handled.signal == signal) {
            return Ok(());
        }
        let does_default = match is_taken(signal)? {
            true => None,
            false => {
                let does_default = Arc::new(AtomicBool::new(true));
                flag::register_conditional_default(number(signal), does_default.clone())?;
                Some(does_default)
            }
        };
        self.handled.push(Handled { signal, does_default, ropes: Vec::new(), second: Vec::new() });
        Ok(())
    }

    /// Changes who asks for a signal, and arranges what it does then. `change` returns who asks no more: until all is
    /// arranged he is told, or else a signal that comes in between would be told to nobody and do nothing.
    fn pull(&mut self, signal: Signal, change: impl FnOnce(&mut Handled) -> Option<Rope>) -> io::Result<()> {
        let was_asked = self.was_asked.get_or_insert_default().clone();
        let Some(handled) = self.handled.iter_mut().find(|handled| handled.signal == signal) else {
            return Ok(());
        };
        let gone = change(handled);
        let arranged = handled.arrange(&was_asked);
        if arranged.is_err() {
            handled.ropes.retain(|rope| !rope.registered.is_empty() || rope.reason.gives_way());
        }
        handled.arrange_default();
        drop(gone);
        if !self.handled.iter().any(|handled| handled.is_asked_for(Reason::Shutdown)) {
            was_asked.store(false, Ordering::SeqCst);
        }
        arranged
    }
}

impl Handled {
    fn is_asked_for(&self, reason: Reason) -> bool {
        self.ropes.iter().any(|rope| rope.reason == reason)
    }

    /// Somebody asks for it no more.
    fn remove(&mut self, came: &Arc<AtomicBool>) -> Option<Rope> {
        let index = self.ropes.iter().position(|rope| Arc::ptr_eq(&rope.came, came))?;
        Some(self.ropes.remove(index))
    }

    /// Has the signal told to those whose it is: to who listens, or else to the shutdown.
    fn arrange(&mut self, was_asked: &Arc<AtomicBool>) -> io::Result<()> {
        let (number, is_listened_for) = (number(self.signal), self.is_asked_for(Reason::Listener));
        let has_second = self.is_asked_for(Reason::Shutdown) && !is_listened_for;
        if has_second && self.second.is_empty() {
            // They run in this order when a signal comes: the first looks whether it is the second signal. And both run
            // before anybody is told of the first, as the second may come as soon as somebody is, to another thread.
            let looks = flag::register_conditional_default(number, was_asked.clone())?;
            self.second.push(looks);
            self.second.push(flag::register(number, was_asked.clone())?);
        }
        // Those who are told before those who are not any more: none is lost in between.
        let is_told = |rope: &Rope| !rope.reason.gives_way() || !is_listened_for;
        for rope in self.ropes.iter_mut().filter(|rope| is_told(rope)) {
            rope.tie(number)?;
        }
        self.ropes.iter_mut().filter(|rope| !is_told(rope)).for_each(Rope::untie);
        if !has_second {
            unregister(&mut self.second);
        }
        Ok(())
    }

    /// Has the signal do what it does by default if nobody is told of it: to ask is not enough, as the system may refuse.
    fn arrange_default(&self) {
        if let Some(does_default) = &self.does_default {
            let is_told_to_nobody = self.ropes.iter().all(|rope| rope.registered.is_empty());
            does_default.store(is_told_to_nobody, Ordering::SeqCst);
        }
    }
}

impl Rope {
    /// All of it or nothing.
    fn tie(&mut self, number: i32) -> io::Result<()> {
        if !self.registered.is_empty() {
            return Ok(());
        }
        let tied = self.register(number);
        if tied.is_err() {
            self.untie();
        }
        tied
    }

    fn register(&mut self, number: i32) -> io::Result<()> {
        let writer = self.spare.take().map_or_else(|| self.writer.try_clone(), Ok)?;
        // They run in this order when a signal comes: whoever is woken by the byte finds the flag set.
        self.registered.push(flag::register(number, self.came.clone())?);
        self.registered.push(low_level::pipe::register(number, writer)?);
        Ok(())
    }

    fn untie(&mut self) {
        unregister(&mut self.registered);
        if self.spare.is_none() {
            // That has closed the handler's. If somebody was quicker to take its place, there is time until it is needed.
            self.spare = self.writer.try_clone().ok();
        }
    }
}

impl Drop for Rope {
    fn drop(&mut self) {
        unregister(&mut self.registered);
    }
}

fn unregister(ids: &mut Vec<SigId>) {
    for id in ids.drain(..) {
        low_level::unregister(id);
    }
}

/// Whether a signal is ignored, or handled by others: what it does then is not what it does by default. Where the system
/// has no such file, that is so for the one that Rust's runtime ignores.
///
/// # Errors
///
/// When the file cannot be read now, as no other is left: to guess would swallow the signal later, or end the program by
/// one that it ignores.
fn is_taken(signal: Signal) -> io::Result<bool> {
    let status = match std::fs::read_to_string("/proc/self/status") {
        Ok(status) => Some(status),
        Err(error) if is_for_want(&error) => {
            return Err(io::Error::new(error.kind(), Unknown { signal, error }));
        }
        Err(_) => None,
    };
    let taken = status.and_then(|status| Some(mask(&status, "SigIgn:")? | mask(&status, "SigCgt:")?));
    Ok(taken.map_or(signal == Signal::Pipe, |taken| taken >> (number(signal) - 1) & 1 == 1))
}

/// Whether there may be a file there, which could not be opened or read this time.
fn is_for_want(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}

/// It is not known what a signal does before anybody asks for it.
#[derive(Debug)]
struct Unknown {
    signal: Signal,
    error: io::Error,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot find out what the signal {:?} did before", self.signal)
    }
}

impl Error for Unknown {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// A set of signals in that file: a bit for each, from the number 1 on.
fn mask(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_known() {
        // Rust's runtime ignores this one from the start, and nobody in these tests asks for it.
        assert!(is_taken(Signal::Pipe).unwrap());
        assert!(!is_taken(Signal::Profile).unwrap());
    }

    #[test]
    fn a_signal_that_comes_while_somebody_leaves_is_told() {
        let (_reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let writer = OwnedFd::from(writer);
        // In these tests nobody else asks for it.
        let listener = Bell::new(Signal::Io, Reason::Listener, &writer).unwrap();
        let dump = Bell::new(Signal::Io, Reason::Dump, &writer).unwrap();
        Process::lock()
            .pull(Signal::Io, |handled| {
                let gone = handled.remove(&listener.came);
                low_level::raise(number(Signal::Io)).unwrap();
                gone
            })
            .unwrap();
        assert!(listener.has_rung() && !dump.has_rung());
        low_level::raise(number(Signal::Io)).unwrap();
        assert!(!listener.has_rung() && dump.has_rung());
    }

    #[test]
    fn every_signal_has_a_number_of_its_own() {
        let mut numbers: Vec<_> = Signal::ALL.into_iter().map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Signal::ALL.len());
    }

    #[test]
    fn a_mask_is_found_in_its_line() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\n";
        assert_eq!(mask(status, "SigIgn:"), Some(0x1000));
        assert_eq!(mask(status, "SigCgt:"), None);
    }
}
