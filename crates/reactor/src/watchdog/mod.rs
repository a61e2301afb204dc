//! The watchdog: a thread of the process that sees when a task holds its core, and says so while it does.
//!
//! A core that is held can tell nobody. So each publishes what it is at, and one thread for all of them samples that from time
//! to time, while any of them runs. When none does it sleeps, and an idle process has no wake-ups.
//!
//! ```text
//!   a core: begins to run ── wake ──►┌────────┐── samples ─────────►┌──────────┐
//!                                    │ thread │                     │ detector │
//!   its pulse and its presence ◄─────└────────┘◄─ who is held ──────└──────────┘
//!             read                        └──► report: a line to the operator, and the counters
//! ```
//!
//! A core that runs on does nothing for it; to begin to run, after it was parked, costs it one load while the watchdog is armed.
//!
//! In reading order: `watched` is what the watchdog has of each reactor, in its inbox; the `detector` says of samples which
//! core is held; the `arming` says whether the thread may sleep; the `report` is what the operator is told; `quit` is who wants
//! the dump at `SIGQUIT`; the `thread` does it all, and what else needs somebody who is no core: it prints that dump, and
//! relieves the listeners all of whose accepting cores are held ([`relieve`](crate::net::relieve)).
//!
//! What a core publishes is not the watchdog's but everybody's: its [`pulse`](crate::pulse) and its
//! [`presence`](crate::presence). Nor is how a thread sleeps, which the system's driver knows.

mod watched;
mod detector;
mod arming;
mod report;
mod quit;
mod thread;

pub(crate) use quit::DumpsOnQuit;
pub(crate) use thread::{begin, look_now, wake};
pub(crate) use watched::Watched;
