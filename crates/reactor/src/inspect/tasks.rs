//! The list of tasks.
//!
//! It is made when it is asked for. Who waits for sockets and timers is in the core's own tables, so it is looked up
//! there and matched by the address in the waker; what else a task waits for it has noted in its last poll.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use super::stats::Spawned;
use super::waits::Wait;
use crate::core::{self, Core};
use crate::task::account::Statement;
use crate::task::listed::Listed;
use crate::task::waits::Asked;

/// Every task of the reactor that runs on this thread, the future that it was asked to run included.
///
/// It takes a look at every task, socket and timer of the core: some milliseconds for ten thousand, in which nothing
/// else runs. Those that are gone cost nothing, however many there once were; but for
/// places of tasks that waited for locks and semaphores, which are passed over one by one.
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

/// Tasks of a core, and how many more it has.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub(super) tasks: Vec<TaskInfo>,
    pub(super) more: usize,
}

/// A task as it was found.
struct Found {
    waker: *const (),
    statement: Statement,
    state: TaskState,
    since: u64,
}

/// The less the worse.
type Badness = (u8, Reverse<Duration>);

/// All tasks.
pub(super) fn list(core: &Core) -> Vec<TaskInfo> {
    let mut found = Vec::with_capacity(core.tasks.len() + 1);
    let woken = core.inbox.woken();
    core.tasks.each(|task| found.push(Found::new(core, &task, &woken)));
    describe(core, core.driver.now().as_nanos(), found, usize::MAX)
}

/// How many timers of the reactor that runs on this thread wake something within a task, such as a child of a
/// `FuturesUnordered`, and not the task itself: of such a timer the table does not tell whose it is.
///
/// ```
/// use ekiden_reactor::{inspect, sleep, spawn, yield_now};
/// use futures_util::future::join_all;
/// use std::time::Duration;
///
/// ekiden_reactor::run(async {
///     let second = Duration::from_secs(1);
///     let one = spawn(sleep(second));
///     let many = spawn(join_all((0..40).map(|_| sleep(second))));
///     yield_now().await;
///     assert_eq!(inspect::timers_within_tasks(), 40);
/// });
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
#[must_use]
pub fn timers_within_tasks() -> usize {
    core::with(|core| {
        let mut wakers = HashSet::new();
        core.tasks.each(|task| {
            wakers.insert(task.waker_data);
        });
        let mut count = 0;
        core.timers.borrow().each(|_, waker| count += usize::from(!wakers.contains(&waker.data())));
        count
    })
}

/// The worst tasks, so many at most, in that order. Of very many the first are looked at, so that whoever asks is no worse
/// for the core than what he looks for.
pub(super) fn worst(core: &Core, max: usize) -> Listing {
    let now = core.driver.now().as_nanos();
    let (mut ranked, mut count, woken) = (Vec::new(), 0, core.inbox.woken());
    core.tasks.each(|task| {
        if count < LOOKED_AT_MAX {
            let found = Found::new(core, &task, &woken);
            ranked.push((found.badness(core, now), found));
        }
        count += 1;
    });
    if ranked.len() > max {
        ranked.select_nth_unstable_by_key(max, |(badness, _)| *badness);
        ranked.truncate(max);
    }
    ranked.sort_by_key(|(badness, _)| *badness);
    let found: Vec<Found> = ranked.into_iter().map(|(_, found)| found).collect();
    let more = count - found.len();
    Listing { tasks: describe(core, now, found, LOOKED_AT_MAX), more }
}

/// What there is to know of the tasks that were found. Who waits for their ends is looked for among so many.
fn describe(core: &Core, now: u64, found: Vec<Found>, looked_at_max: usize) -> Vec<TaskInfo> {
    let mut by_waker: HashMap<*const (), usize, Mixing> = HashMap::default();
    let mut by_number: HashMap<u32, usize, Mixing> = HashMap::default();
    for (index, found) in found.iter().enumerate() {
        by_waker.insert(found.waker, index);
        by_number.insert(found.statement.birth.number, index);
    }
    let find =
        |waker: *const (), number: u32| by_waker.get(&waker).or_else(|| by_number.get(&number)).copied();
    let mut tasks: Vec<TaskInfo> = found.iter().map(|found| TaskInfo::new(core, now, found)).collect();
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
            waits[index].push(Wait::held(core, claim, now));
        }
    });
    let (mut joining, mut left) = (vec![false; tasks.len()], looked_at_max);
    core.tasks.each(|task| {
        let Some(fewer) = left.checked_sub(1) else { return };
        left = fewer;
        if let Some(index) = task.joiner_data().and_then(|joiner| find(joiner, 0)) {
            joining[index] = true;
            let birth = task.statement.birth;
            let spawned = birth.origin.known().into();
            waits[index].push(Wait::Join { id: birth.number, spawned: Some(spawned) });
        }
    });
    for (index, found) in found.iter().enumerate() {
        let notes = found.statement.notes;
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
        if notes.are_full() {
            waits[index].push(Wait::More);
        }
    }
    for (task, waits) in tasks.iter_mut().zip(waits) {
        if task.state == TaskState::Waiting {
            task.waits = waits;
        }
    }
    tasks
}

impl Found {
    /// `woken` are those that other threads have woken and the core has not heard of.
    fn new(core: &Core, task: &Listed<'_>, woken: &HashSet<*const ()>) -> Self {
        let turn_began = core.turn_began.get().as_nanos();
        let (state, since) = match () {
            () if task.is_running => (TaskState::Running, turn_began),
            () if task.is_queued => (TaskState::Ready, task.since),
            () if woken.contains(&task.waker_data) => (TaskState::Ready, turn_began),
            () if task.is_held => (TaskState::Waiting, task.since),
            () => (TaskState::Stuck, task.since),
        };
        Self { waker: task.waker_data, statement: task.statement, state, since }
    }

    fn since(&self, now: u64) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.since))
    }

    /// Its longest poll, and whether that was timed.
    fn longest(&self, core: &Core) -> (Duration, bool) {
        let Statement { untimed_polls, longest, .. } = self.statement;
        let untimed = if untimed_polls > 0 { core.timing.longest_untimed() } else { 0 };
        (Duration::from_nanos(longest.nanos().max(untimed)), longest.is_exact() && longest.nanos() >= untimed)
    }

    fn badness(&self, core: &Core, now: u64) -> Badness {
        let (since, (longest, is_exact)) = (self.since(now), self.longest(core));
        match self.state {
            _ if longest >= LONG_POLL && is_exact => (0, Reverse(longest)),
            TaskState::Ready if since >= LONG_READY => (1, Reverse(since)),
            TaskState::Stuck => (2, Reverse(since)),
            TaskState::Waiting => (3, Reverse(since)),
            TaskState::Ready | TaskState::Running => (4, Reverse(since)),
        }
    }
}

impl TaskInfo {
    fn new(core: &Core, now: u64, found: &Found) -> Self {
        let Statement { birth, born, polls, untimed_polls, timed_nanos, doubt_nanos, .. } = found.statement;
        let timing = &core.timing;
        let estimate = timing.estimate(untimed_polls);
        let (longest_poll, longest_poll_is_exact) = found.longest(core);
        Self {
            id: birth.number,
            spawned: birth.origin.known().into(),
            parent: birth
                .parent_origin
                .origin()
                .map(|origin| Parent { id: birth.parent, spawned: origin.into() }),
            age: Duration::from_nanos(now.saturating_sub(born)),
            polls,
            busy: Duration::from_nanos(timed_nanos + estimate),
            busy_error: Duration::from_nanos(estimate + doubt_nanos + timing.lost_nanos()),
            longest_poll,
            longest_poll_is_exact,
            state: found.state,
            since: found.since(now),
            waits: Vec::new(),
        }
    }
}

/// Mixes a number, which is all that is ever looked up here: a table of a million timers is gone through while the core
/// stands still.
#[derive(Default)]
struct Mixer(u64);

type Mixing = BuildHasherDefault<Mixer>;

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4); the upper bits are the better ones.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// From here on a poll is worth being at the top.
const LONG_POLL: Duration = Duration::from_millis(10);

/// So long a task that was woken waits only where others take too long.
const LONG_READY: Duration = Duration::from_millis(10);

/// Some tens of milliseconds are what it takes to look at so many.
const LOOKED_AT_MAX: usize = 100_000;
