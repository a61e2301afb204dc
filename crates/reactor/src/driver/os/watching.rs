//! The watchdog's thread: one a process, which looks at what the cores publish while any of them runs, prints the dump
//! when `SIGQUIT` comes, and relieves the listeners all of whose accepting cores are held.
//!
//! It sleeps in a read of a pipe. While every core is parked there is no time limit to that, so an idle process has no
//! wake-ups; a core that begins to run looks at one flag, and writes a byte only if the thread sleeps so.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::super::Signal;
use super::origin;
use super::signals::{QuitBell, Reason};
use crate::inbox::Inbox;
use crate::inspect::{self, Spawned};
use crate::net::relieve;
use crate::pulse;
use crate::time::Instant;
use crate::vigil::{Life, Vigil};
use crate::watchdog::{Look, Watchdog};

/// Whether the thread looks from time to time.
static VIGIL: Vigil = Vigil::new();

/// The near end of its pipe, once the thread was begun.
static THREAD: OnceLock<Option<UnixStream>> = OnceLock::new();

/// Those whose reactors run and who want the dump at `SIGQUIT`.
static DUMPERS: Mutex<Dumpers> = Mutex::new(Dumpers { count: 0, bell: None });

struct Dumpers {
    count: usize,
    bell: Option<QuitBell>,
}

/// Begins to watch, if nobody does yet. If the system gives no thread or no pipe, nobody is watched.
pub(crate) fn begin() -> bool {
    THREAD.get_or_init(|| start().ok()).is_some()
}

/// A core begins to run, after it was parked: one load while the thread looks.
#[inline]
pub(crate) fn wake() {
    if VIGIL.begin() {
        write_byte();
    }
}

/// A reactor begins that is to be watched: its limit may be shorter than those of which the thread knows, and the next look
/// too late for it. So the thread looks now.
pub(crate) fn look_now() {
    VIGIL.demand();
    write_byte();
}

#[cold]
fn write_byte() {
    if let Some(Some(pipe)) = THREAD.get() {
        // A pipe that is full has a byte for it already.
        drop((&mut &*pipe).write(&[0]));
    }
}

/// What the clock of every core on the system's driver shows.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    let since = origin().elapsed();
    Instant::ORIGIN + since
}

/// While it lives, `SIGQUIT` prints the dump.
pub(crate) struct DumpsOnQuit(());

impl DumpsOnQuit {
    /// `None` if the system refuses, and then the signal does what it did before.
    pub(crate) fn new() -> Option<Self> {
        let pipe = THREAD.get()?.as_ref()?;
        let mut dumpers = DUMPERS.lock().unwrap_or_else(PoisonError::into_inner);
        if dumpers.bell.is_none() {
            let pipe = OwnedFd::from(pipe.try_clone().ok()?);
            dumpers.bell = Some(QuitBell::new(Signal::Quit, Reason::Dump, &pipe).ok()?);
        }
        dumpers.count += 1;
        Some(Self(()))
    }
}

impl Drop for DumpsOnQuit {
    fn drop(&mut self) {
        let mut dumpers = DUMPERS.lock().unwrap_or_else(PoisonError::into_inner);
        dumpers.count -= 1;
        if dumpers.count == 0 {
            dumpers.bell = None;
        }
    }
}

fn start() -> std::io::Result<UnixStream> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    // The system shows fifteen bytes of it.
    thread::Builder::new().name("ekiden-watchdog".to_owned()).spawn(move || {
        super::pinning::unpin();
        watch(&far)
    })?;
    Ok(near)
}

fn watch(mut pipe: &UnixStream) {
    let mut watchdog = Watchdog::default();
    let mut until_next = None;
    loop {
        // Never zero, which the system would refuse.
        if pipe.set_read_timeout(until_next).is_err() {
            return;
        }
        match pipe.read(&mut [0; 64]) {
            // The near end is never closed.
            Ok(0) => return,
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                return;
            }
            _ => {}
        }
        if has_quit_come() {
            inspect::dump();
        }
        if VIGIL.is_kept() {
            until_next = look(&mut watchdog);
        }
    }
}

fn has_quit_come() -> bool {
    let dumpers = DUMPERS.lock().unwrap_or_else(PoisonError::into_inner);
    dumpers.bell.as_ref().is_some_and(QuitBell::has_rung)
}

/// Looks at all cores, tells what is to be told, has others accept where that is needed, and says when to look again.
fn look(watchdog: &mut Watchdog) -> Option<Duration> {
    let reactors = pulse::reactors();
    let look = |reactor: &Arc<Inbox>| {
        let held_max = reactor.watch.held_max()?;
        Some(Look { reactor: reactor.reactor, beat: reactor.beat(), held_max })
    };
    let looks: Vec<Look> = reactors.iter().filter_map(look).collect();
    for held in watchdog.look(now() - Instant::ORIGIN, &looks) {
        let Some(reactor) = reactors.iter().find(|reactor| reactor.reactor == held.reactor) else { continue };
        let watch = &reactor.watch;
        watch.worst_nanos.set(watch.worst_nanos.get().max(held.time.as_nanos() as u64));
        if held.is_new {
            watch.held.add(1);
        }
        if held.tells {
            let time = inspect::Brief(held.time);
            let id = held.reactor.0;
            match held.by.origin().map(Spawned::from) {
                Some(by) => watch.tell(format_args!(
                    "{by}, holds reactor {id} for {time} by one poll: nothing else runs there"
                )),
                None => watch.tell(format_args!(
                    "reactor {id} is held for {time} between two polls, by a waker or a hook: nothing runs there"
                )),
            }
        }
    }
    let relief = relieve(now());
    let next = watchdog.next_look(&looks).map(|next| relief.map_or(next, |relief| next.min(relief)));
    if next.is_none() && !VIGIL.end(any_runs) {
        return Some(AGAIN);
    }
    next
}

/// Whether a core runs that is to be watched.
fn any_runs() -> bool {
    let runs = |reactor: &Arc<Inbox>| reactor.watch.held_max().is_some() && reactor.life() == Life::Running;
    pulse::reactors().iter().any(runs)
}

/// When a core began to run in the moment in which the thread wanted to sleep.
const AGAIN: Duration = Duration::from_millis(1);
