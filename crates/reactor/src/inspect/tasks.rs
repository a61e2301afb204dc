//! The list of tasks.
//!
//! It is made when it is asked for. Who waits for sockets and timers is in the core's own tables, so it is looked up
//! there and matched by the address in the waker; what else a task waits for it has noted in its last poll.

use std::collections::HashMap;
use std::time::Duration;

use super::stats::Spawned;
use super::waits::{HeldBy, Wait};
use crate::core::{self, Core};
use crate::task::account::Statement;
use crate::task::waits::Asked;

/// Every task of the reactor that runs on this thread, the future that it was asked to run included.
///
/// It takes a look at every task, socket and timer of the core: some milliseconds for ten thousand, in which nothing
/// else runs.
///
/// ```
/// use ekiden_reactor::{inspect, run, sleep, spawn_named, yield_now};
/// use std::time::Duration;
///
/// run(async {
///     let clerk = spawn_named("clerk", sleep(Duration::from_secs(4)));
///     yield_now().await;
///     let tasks = inspect::tasks();
///     let clerk = tasks.iter().find(|task| task.spawned.name == Some("clerk")).unwrap();
///     assert_eq!(clerk.waits.len(), 1);
///     println!("task {} waits for {}", clerk.id, clerk.waits[0]); // timer in 4 s
/// });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
#[must_use]
#[track_caller]
pub fn tasks() -> Vec<TaskInfo> {
    core::with(|core| list(core))
}

/// What there is to know of a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its number among those of its reactor, from one, in the order in which they were spawned.
    pub id: u32,
    /// Its name, if it has one, and where it was spawned.
    pub spawned: Spawned,
    /// The task that spawned it; `None` if it was no task of the same reactor.
    pub parent: Option<Parent>,
    /// For how long it has existed.
    pub age: Duration,
    /// How often it was polled, modulo 2³².
    pub polls: u32,
    /// How long it ran in all.
    ///
    /// Polls that take more than ten microseconds are timed, the reading of the clock being a four-hundredth of that.
    /// Shorter ones share the time of their turns of the loop: each counts as the mean of all such polls of the core.
    pub busy: Duration,
    /// How much of [`busy`](Self::busy) was not measured at this very task: its polls that were not timed; turns that
    /// turned out to be long, before polls were timed, in which it may have run; and on a core with very many tasks
    /// such turns of which it was not looked up who ran in them. It may have run that much less or more.
    pub busy_error: Duration,
    /// Its longest poll.
    pub longest_poll: Duration,
    /// Whether the longest poll was timed. If not, it took at most so long: that is how long a turn took in which it
    /// ran, or the longest turn whose polls were too short to be timed.
    pub longest_poll_is_exact: bool,
    /// What it does.
    pub state: TaskState,
    /// For how long it has been in this state, by the clocks of the turns.
    pub since: Duration,
    /// What it waits for, if that is what it does.
    pub waits: Vec<Wait>,
}

/// The task that spawned another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parent {
    /// Its id; it may have ended.
    pub id: u32,
    /// Its name, if it has one, and where it was spawned itself.
    pub spawned: Spawned,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TaskState {
    /// It runs: it is the one that asked.
    Running,
    /// It was woken, and waits for its turn.
    Ready,
    /// It waits, and nobody has what it takes to wake it: it will never run again.
    Stuck,
    /// It waits for something that will wake it. If [`waits`](TaskInfo::waits) is empty, that is none of ours: whatever
    /// it is has the task's waker.
    Waiting,
}

pub(super) fn list(core: &Core) -> Vec<TaskInfo> {
    let now = core.driver.now().as_nanos();
    let mut tasks = Vec::with_capacity(core.tasks.len() + 1);
    let (mut by_waker, mut by_number, mut joins) = (HashMap::new(), HashMap::new(), Vec::new());
    core.tasks.each(|entry, is_running| {
        let (statement, turn_began) = (entry.account.statement(), core.turn_began.get().as_nanos());
        let (state, since) = match () {
            () if is_running => (TaskState::Running, turn_began),
            () if entry.is_queued() => (TaskState::Ready, statement.since),
            () if entry.is_expected() => (TaskState::Waiting, statement.since),
            () if core.tasks.is_woken_from_elsewhere(entry) => (TaskState::Ready, turn_began),
            () => (TaskState::Stuck, statement.since),
        };
        by_waker.insert(entry.waker_data(), tasks.len());
        by_number.insert(statement.birth.number, tasks.len());
        if let Some(joiner) = entry.joiner_data() {
            joins.push((joiner, tasks.len()));
        }
        tasks.push(TaskInfo::new(core, now, &statement, (state, since)));
    });
    let find =
        |waker: *const (), number: u32| by_waker.get(&waker).or_else(|| by_number.get(&number)).copied();
    let mut waits: Vec<Vec<Wait>> = tasks.iter().map(|_| Vec::new()).collect();
    core.each_source(|source| {
        source.each_waiter(|wanted, waker, number| {
            if let Some(index) = find(waker.data(), number) {
                let wait = |about: &crate::about::About| Wait::Source {
                    verb: about.verb(wanted),
                    what: about.to_string(),
                };
                waits[index].push(source.with_about(wait));
            }
        });
    });
    core.timers.borrow().each(|deadline, waker| {
        if let Some(index) = find(waker.data(), 0) {
            waits[index].push(Wait::Timer { due_in: Duration::from_nanos(deadline.saturating_sub(now)) });
        }
    });
    core.claims.each(|claim| {
        if let Some(&index) = by_number.get(&claim.task) {
            let by = claim.held.holders().into_iter().map(|hold| HeldBy::new(hold, now)).collect();
            waits[index].push(Wait::Held { what: claim.asked.name(), by });
        }
    });
    let mut joining = vec![false; tasks.len()];
    for (joiner, child) in joins {
        if let Some(index) = find(joiner, 0) {
            joining[index] = true;
            waits[index].push(Wait::Join { id: tasks[child].id, spawned: Some(tasks[child].spawned) });
        }
    }
    let mut index = 0;
    core.tasks.each(|entry, _| {
        let notes = entry.account.statement().notes;
        for (asked, between_threads) in notes.all() {
            let is_told = match asked {
                Asked::Listed => true,
                Asked::Join => joining[index],
                // One that is not found may be over, so it is told of only where nothing else is known.
                Asked::Timer => !waits[index].is_empty(),
                _ => false,
            };
            if !is_told {
                waits[index].push(Wait::noted(asked, between_threads, notes.are_earlier()));
            }
        }
        index += 1;
    });
    for (task, waits) in tasks.iter_mut().zip(waits) {
        if task.state == TaskState::Waiting {
            task.waits = waits;
        }
    }
    tasks
}

impl TaskInfo {
    fn new(core: &Core, now: u64, statement: &Statement, (state, since): (TaskState, u64)) -> Self {
        let Statement { birth, polls, untimed_polls, timed_nanos, doubt_nanos, longest, .. } = *statement;
        let timing = &core.timing;
        let estimate = timing.estimate(untimed_polls);
        let longest_untimed = if untimed_polls > 0 { timing.longest_untimed() } else { 0 };
        Self {
            id: birth.number,
            spawned: birth.origin.known().into(),
            parent: birth
                .parent_origin
                .origin()
                .map(|origin| Parent { id: birth.parent, spawned: origin.into() }),
            age: Duration::from_nanos(now.saturating_sub(birth.nanos)),
            polls,
            busy: Duration::from_nanos(timed_nanos + estimate),
            busy_error: Duration::from_nanos(estimate + doubt_nanos + timing.lost_nanos()),
            longest_poll: Duration::from_nanos(longest.nanos().max(longest_untimed)),
            longest_poll_is_exact: longest.is_exact() && longest.nanos() >= longest_untimed,
            state,
            since: Duration::from_nanos(now.saturating_sub(since)),
            waits: Vec::new(),
        }
    }
}
