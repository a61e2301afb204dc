//! Tasks that wait for what can no longer happen.
//!
//! The table of tasks says what each waits for. Something can wake a task if it is of the world outside its program: a socket, a
//! timer, a signal, a job. Or it is for another task to do: to end, to give back what it holds, to use the other end of a
//! channel; then that other one must be able to go on. Whoever is left waits in vain:
//!
//! ```text
//!   serve ── accept tcp 0.0.0.0:80           can go on
//!   clerk ── mpsc recv                       can: serve may send
//!   left  ── mutex (held by right)           in vain
//!   right ── mutex (held by left)            in vain
//!   lost  ── nobody has its waker            in vain
//! ```
//!
//! It accuses nobody wrongly. It does not see who holds which end of a channel, so as long as any other task can go on, who
//! waits for one is thought to be able to.

use std::collections::BTreeSet;

use ekiden_reactor::inspect::{TaskInfo, TaskState, Wait};

use super::assert_none;
use crate::failure::line;
use crate::journal::HostId;
use crate::sim::Sim;

impl Sim {
    /// The tasks of a host's program and what each waits for; none if it does not run.
    ///
    /// How many there are when all is over shows whether any was forgotten.
    ///
    /// ```
    /// use ekiden_reactor::{sleep, spawn_named};
    /// use ekiden_sim::Sim;
    /// use std::time::Duration;
    ///
    /// let sim = Sim::new(7);
    /// sim.host("office", async || {
    ///     drop(spawn_named("clerk", sleep(Duration::from_secs(4))));
    ///     std::future::pending::<()>().await;
    /// });
    /// sim.run(async |sim| {
    ///     sleep(Duration::from_secs(3)).await;
    ///     let tasks = sim.tasks("office");
    ///     let clerk = tasks.iter().find(|task| task.spawned.name == Some("clerk")).unwrap();
    ///     assert!(clerk.waits[0].to_string().starts_with("timer in "));
    ///     sleep(Duration::from_secs(3)).await;
    ///     assert_eq!(sim.tasks("office").len(), 1); // its `main`
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[must_use]
    #[track_caller]
    pub fn tasks(&self, host: &str) -> Vec<TaskInfo> {
        let id = self.id(host);
        self.tasks_of(id).concat()
    }

    /// Looks whether some task, on any host, waits for what can no longer happen: for something that nobody is left to do.
    ///
    /// Such are those whose waker nobody has; those that wait for each other, by mutexes and semaphores or by their ends; and,
    /// where no task of the program waits for anything from without, all of them. The first future of a program is no such one
    /// when nobody has its waker: by `pending` it stays on purpose.
    ///
    /// ```should_panic
    /// use ekiden_reactor::channel::Mutex;
    /// use ekiden_reactor::{sleep, spawn_named};
    /// use ekiden_sim::Sim;
    /// use std::{rc::Rc, time::Duration};
    ///
    /// let sim = Sim::new(7);
    /// sim.run(async |sim| {
    ///     let (one, other) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
    ///     for (name, first, second) in [("left", &one, &other), ("right", &other, &one)] {
    ///         let (first, second) = (first.clone(), second.clone());
    ///         spawn_named(name, async move {
    ///             let _first = first.lock().await;
    ///             sleep(Duration::from_millis(1)).await;
    ///             let _second = second.lock().await;
    ///         });
    ///     }
    ///     sleep(Duration::from_secs(1)).await;
    ///     sim.assert_nobody_waits_in_vain(); // left waits for right, and right for left
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If some does, with all of them and what they wait for.
    #[track_caller]
    pub fn assert_nobody_waits_in_vain(&self) {
        let names: Vec<String> = self.0.world.lock().hosts.iter().map(|host| host.name.clone()).collect();
        let mut wrong = Vec::new();
        for (name, id) in names.iter().zip(0..) {
            for (tasks, core) in self.tasks_of(HostId(id)).iter().zip(0..) {
                let vain = in_vain(tasks, core);
                let waiting = tasks.iter().filter(|task| vain.contains(&task.id));
                wrong.extend(waiting.map(|task| format!("a task of `{name}` waits in vain: {}", line(task))));
            }
        }
        assert_none(&wrong);
    }
}

/// Which of a core's tasks wait in vain, by their numbers. Beyond the first core the first future waits for the runtime's end.
pub(crate) fn in_vain(tasks: &[TaskInfo], core: u16) -> BTreeSet<u32> {
    // Nobody can go on at first; then those who need nobody, and those who need one of them, until there are no more.
    let mut able = BTreeSet::new();
    loop {
        let more = tasks.iter().filter(|task| !able.contains(&task.id) && can_go_on(task, &able, tasks));
        let more: Vec<u32> = more.map(|task| task.id).collect();
        if more.is_empty() {
            let stays = |task: &TaskInfo| task.id == FIRST && (core > 0 || task.state == TaskState::Stuck);
            let left = tasks.iter().filter(|task| !able.contains(&task.id) && !stays(task));
            return left.map(|task| task.id).collect();
        }
        able.extend(more);
    }
}

/// Whether a task may go on, if these may.
fn can_go_on(task: &TaskInfo, able: &BTreeSet<u32>, tasks: &[TaskInfo]) -> bool {
    let exists = |id: u32| tasks.iter().any(|task| task.id == id);
    let can_end = |wait: &Wait| match wait {
        Wait::Join { id, .. } => able.contains(id) || !exists(*id),
        // What was taken by a task that is over is held by whomever it was given to.
        Wait::Held { by, .. } => by.is_empty() || by.iter().any(|by| able.contains(&by.id) || !exists(by.id)),
        Wait::Channel { what, between_threads: false, .. } if OF_TASKS.contains(what) => !able.is_empty(),
        _ => true,
    };
    match task.state {
        TaskState::Running | TaskState::Ready => true,
        TaskState::Stuck => false,
        // None of ours: whatever it is has its waker.
        _ => task.waits.is_empty() || task.waits.iter().any(can_end),
    }
}

/// The future that a reactor was asked to run.
const FIRST: u32 = 1;

/// What is for a task of the same reactor to end, as the table names it.
const OF_TASKS: [&str; 12] = [
    "oneshot recv",
    "oneshot closed",
    "mpsc recv",
    "mpsc send",
    "mpsc closed",
    "watch changed",
    "watch closed",
    "broadcast recv",
    "notify",
    "latch",
    "group join",
    "semaphore",
];
