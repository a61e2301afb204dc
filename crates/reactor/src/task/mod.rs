//! Tasks: what a reactor runs. A task is any future ([`spawn`]) or any [`Task`] that ticks ([`schedule`]).
//!
//! ```text
//!   spawn ──► Job (the future) ──► Outcome ◄── JoinHandle
//!                ▲
//!   TaskTable ── Entry ── waker: ids only, so it may travel to any thread
//!                ▲
//!   run queue ───┘          wake puts the entry's number here, unless it is there already
//! ```
//!
//! In reading order: `table` knows all tasks and which are ready, `entry` is what it keeps of one, `listed` what others may
//! see of them, `job` is one future, `in_context` one that begins with a context, `join` is how its end is waited for and
//! `join_error` what a panic leaves, `unread` the panics that nobody has asked for yet, `origin` where it comes from,
//! `tick` makes a future of a task that ticks, `budget` keeps one task from using the whole turn, `account` counts how often
//! and how long it ran, `waits` notes what it asked for, `group` owns children.

pub(crate) mod table;
pub(crate) mod entry;
pub(crate) mod listed;
pub(crate) mod job;
mod in_context;
mod join;
mod join_error;
mod unread;
pub(crate) mod origin;
pub(crate) mod tick;
pub(crate) mod budget;
pub(crate) mod account;
pub(crate) mod waits;
mod group;

use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::task::{Poll, Waker};

use crate::core;

pub use budget::poll_proceed;
pub use group::{ChildError, TaskGroup};
pub use join::{AbortHandle, JoinHandle};
pub use join_error::JoinError;
pub use tick::{Task, Tick};

pub(crate) use budget::{poll_budget, poll_past, try_budget};
pub(crate) use entry::TaskWaker;
pub(crate) use join_error::message_of;
pub(crate) use origin::{Origin, OriginId};
pub(crate) use table::TaskTable;
pub(crate) use tick::{tick_waker, try_poll_if};
pub(crate) use unread::At;

/// Spawns a future as a task on this thread's reactor.
///
/// The task starts at the reactor's next turn. Dropping the handle detaches it; a panic of a task that nobody waits
/// for is reported to the operator (see [`notice`](mod@crate::notice)) and harms no other task.
///
/// ```
/// use ekiden_reactor::{run, spawn};
///
/// run(async {
///     let answer = spawn(async { 6 * 7 });
///     assert_eq!(answer.await.unwrap(), 42);
/// });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    spawn_from(future, Origin { name: None, place: Location::caller() })
}

/// Like [`spawn`], with a name that notices about the task will use.
///
/// ```
/// use ekiden_reactor::{inspect, run, spawn_named, yield_now};
///
/// run(async {
///     spawn_named("sweeper", std::future::pending::<()>());
///     yield_now().await;
///     assert!(inspect::tasks().iter().any(|task| task.spawned.name == Some("sweeper")));
/// });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn spawn_named<F: Future + 'static>(name: &'static str, future: F) -> JoinHandle<F::Output> {
    spawn_from(future, Origin { name: Some(name), place: Location::caller() })
}

/// Schedules a task that ticks on this thread's reactor.
///
/// It ticks for the first time at the reactor's next turn, and then whenever something that it used, and found not
/// ready, becomes ready. An error ends it; if nobody waits for it by the handle, the operator is told.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn schedule<T: Task + 'static>(task: T) -> JoinHandle<io::Result<()>> {
    let origin = Origin { name: None, place: Location::caller() };
    spawn_reporting::<_, tick::ReportErrors>(tick::Ticking::new(task), origin)
}

pub(crate) fn spawn_from<F: Future + 'static>(future: F, origin: Origin) -> JoinHandle<F::Output> {
    spawn_reporting::<_, job::Silent>(future, origin)
}

#[track_caller]
fn spawn_reporting<F, R>(future: F, origin: Origin) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    R: job::Report<F::Output> + 'static,
{
    core::with(|core| {
        let (outcome, id) = core.tasks.spawn::<_, R>(future, origin);
        JoinHandle::new(outcome, core.clone(), id)
    })
}

/// Lets the others go first: the tasks that are ready, the timers that are due, and whatever the world has to tell.
///
/// # Cancel safety
///
/// Dropping it does nothing.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        yield_task(cx.waker());
        Poll::Pending
    })
    .await;
}

/// Wakes a task in the next turn if it is the running one; else, and where no reactor runs, at once.
pub(crate) fn yield_task(waker: &Waker) {
    if core::try_with(|core| core.tasks.yield_running(waker)).is_none() {
        waker.wake_by_ref();
    }
}
