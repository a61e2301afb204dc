//! What a task waits for.

use std::fmt;
use std::time::Duration;

use super::stats::Spawned;
use super::units::Brief;
use crate::channel::parts::claims::{Claim, Hold, Standing};
use crate::core::Core;
use crate::runtime::CoreId;
use crate::task::waits::Asked;

/// Something that a task waits for. Several of one task are what a `select` or a `join` waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// A socket or another source.
    #[non_exhaustive]
    Source {
        /// What it will do then: `read`, `write`, `accept`, `recv`, `send`, or `hangup` for the end of a connection.
        verb: &'static str,
        /// What the source is: `tcp 10.0.0.7:5432` is a connection with that peer.
        what: String,
    },
    /// A timer.
    #[non_exhaustive]
    Timer {
        /// How long it will be; zero if it is due.
        due_in: Duration,
    },
    /// The end of another task of the same reactor.
    #[non_exhaustive]
    Join {
        /// That task's id.
        id: u32,
        /// That task's name and place.
        spawned: Option<Spawned>,
    },
    /// Permits of a semaphore, or a mutex.
    #[non_exhaustive]
    Held {
        /// [`Asked::Semaphore`] or [`Asked::Mutex`].
        what: Asked,
        /// Whether it is one between threads, of [`sync`](crate::sync).
        between_threads: bool,
        /// The first few of those who hold it.
        by: Vec<HeldBy>,
        /// How many more do.
        more: usize,
        /// How many permits are free: not enough, or those who came before are to have them.
        free: usize,
    },
    /// A channel or the like, of this core or between threads: `mpsc recv`, `latch`, `blocking job`.
    #[non_exhaustive]
    Channel {
        /// What it asked for.
        what: Asked,
        /// Whether it is one between threads, of [`sync`](crate::sync).
        between_threads: bool,
        /// Whether it was not in its last poll that it asked. Then it may be something within the task that has not
        /// been polled since, such as a child of a `FuturesUnordered`.
        earlier: bool,
    },
    /// Perhaps something else: of what a poll asks of channels and their like the last seven are known.
    More,
}

/// Who holds what another waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBy {
    /// The id of the task that took it; zero if it was no task.
    pub id: u32,
    /// That task's reactor, if it is another than that of the one who waits: ids are of one reactor.
    pub elsewhere: Option<Elsewhere>,
    /// That task's name and place.
    pub spawned: Option<Spawned>,
    /// For how long.
    pub time: Duration,
}

/// Another reactor than that of the task of which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elsewhere {
    /// Its number, as [`CoreStats`](super::CoreStats) has it.
    pub reactor: u64,
    /// Which core of the same runtime it is; `None` if it is none of it.
    pub core: Option<CoreId>,
}

impl HeldBy {
    fn new(core: &Core, hold: Hold, now: u64) -> Self {
        let is_elsewhere = hold.task != 0 && hold.reactor != core.id;
        Self {
            id: hold.task,
            elsewhere: is_elsewhere.then(|| Elsewhere {
                reactor: hold.reactor.number(),
                core: core.runtime.core_of(hold.reactor),
            }),
            spawned: hold.origin.origin().map(Spawned::from),
            time: Duration::from_nanos(now.saturating_sub(hold.since)),
        }
    }
}

impl Wait {
    /// What a task of that core has left a claim for.
    pub(super) fn held(core: &Core, claim: &Claim, now: u64) -> Self {
        let Standing { by, more, free } = claim.held.standing();
        let by = by.into_iter().map(|hold| HeldBy::new(core, hold, now)).collect();
        Self::Held { what: claim.asked, between_threads: claim.held.is_between_threads(), by, more, free }
    }

    pub(super) fn noted(asked: Asked, between_threads: bool, earlier: bool) -> Self {
        Self::Channel { what: asked, between_threads, earlier }
    }
}

/// `read tcp 10.0.0.7:5432`, `timer in 4 s`, `mpsc recv`, `semaphore (held by clerk for 31 s)`
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source { verb, what } => write!(f, "{verb} {what}"),
            Self::Timer { due_in } => write!(f, "timer in {}", Brief(*due_in)),
            Self::Join { id, spawned } => {
                write!(f, "join of task {id}")?;
                spawned.map_or(Ok(()), |spawned| write!(f, ", {}", spawned.brief()))
            }
            Self::Held { what, between_threads, by, more, .. } => {
                write!(f, "{what}{} (", if *between_threads { " between threads" } else { "" })?;
                match (&by[..], more) {
                    ([], 0) => write!(f, "held by nobody just now")?,
                    ([], _) => write!(f, "held by {more}")?,
                    ([first, rest @ ..], _) => {
                        write!(f, "held by {first}")?;
                        rest.iter().try_for_each(|by| write!(f, ", {by}"))?;
                        if *more > 0 {
                            write!(f, " and {more} more")?;
                        }
                    }
                }
                write!(f, ")")
            }
            Self::Channel { what, between_threads, earlier } => {
                write!(f, "{what}")?;
                if *between_threads && !matches!(what, Asked::Blocking | Asked::Lookup) {
                    write!(f, " between threads")?;
                }
                if *earlier { write!(f, " (asked before its last poll)") } else { Ok(()) }
            }
            Self::More => write!(f, "perhaps more"),
        }
    }
}

/// `task 7, src/office.rs:12 for 31 s`, `task 7 of reactor 2, clerk, src/office.rs:12 for 31 s`
impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spawned {
            Some(spawned) => {
                write!(f, "task {}", self.id)?;
                self.elsewhere.map_or(Ok(()), |elsewhere| write!(f, " of reactor {}", elsewhere.reactor))?;
                write!(f, ", {}", spawned.brief())?;
            }
            None => write!(f, "no task")?,
        }
        write!(f, " for {}", Brief(self.time))
    }
}
