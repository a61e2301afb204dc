//! Seeing inside: what the reactors of this process do, asked from any thread at any time, in a normal build.
//!
//! In reading order: `stats` are the counters of each core, `tasks` what there is to know of each task, `waits` what it
//! waits for, `units` how times are written, `dump` prints it all, and `round` is how it asks every core.

mod stats;
mod tasks;
mod waits;
mod units;
mod round;
mod dump;

pub use dump::{CoreDump, Dump, dump};
pub use stats::{CoreState, CoreStats, PoolStats, Spawned, stats};
pub use tasks::{Parent, TaskInfo, TaskState, tasks, timers_within_tasks};
pub(crate) use units::Brief;
pub use waits::{Elsewhere, HeldBy, Wait};

pub use crate::task::waits::Asked;
