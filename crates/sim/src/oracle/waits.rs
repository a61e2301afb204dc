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
//! It does not see who holds which end of a channel, so as long as any other task can go on, who waits for one is thought to be
//! able to: any of his core, or, if it is between threads, any of the program. So are all while a job that blocks, a function that
//! is sent to another core, or a timer of something within a task is still to come, as whoever that wakes may hold anything.
//!
//! It rather lets somebody go than accuse him wrongly, but for these, of which it does not know:
//!
//! - A permit or a guard is thought to be with the task that took it, of whichever core that is, unless that one is over or waits
//!   for more of the same itself: then it was handed on. Of one that is handed on otherwise nobody may wait.
//! - Hosts that share memory (an `Rc` of the scenario, or a channel whose end it keeps) wake each other by no network. In a
//!   program of one core what is between threads is thought to lead out of it; all else is thought to be within.
//! - Something that is not ours beside something that is, in one task: what will wake that is not in the table.

use std::collections::{BTreeMap, BTreeSet};

use ekiden_reactor::inspect::{Asked, Elsewhere, HeldBy, TaskInfo, TaskState, Wait};

use super::assert_none;
use crate::failure::line;
use crate::journal::HostId;
use crate::sim::Sim;

/// Who there is of a program.
pub(crate) struct Roll {
    /// The tasks of each of its cores that has begun.
    pub(crate) cores: BTreeMap<u16, Vec<TaskInfo>>,
    /// What has become of the first futures of those cores where it is no more.
    pub(crate) over: BTreeMap<u16, &'static str>,
    /// Whether something of it is still to be run that is no task: a job, or what makes a task on another core.
    pub(crate) has_errands: bool,
}

/// Names a task among those of its program, by its core and its number there.
type TaskId = (u16, u32);

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
        self.roll(id).cores.into_values().flatten().collect()
    }

    /// Looks whether some task, on any host, waits for what can no longer happen: for something that nobody is left to do.
    ///
    /// Such are those whose waker nobody has; those that wait for each other, by mutexes and semaphores or by their ends; and,
    /// where no task of the program waits for anything from without, on any of its [cores](Self::set_cores), all of them. The first
    /// future of a program is no such one when nobody has its waker: by `pending` it stays on purpose.
    ///
    /// What is between threads is thought to be between the cores of a program, if that has several; if it has one, it may be
    /// for another host's to end, and is never in vain. Who waits for what another host has by other memory that they share, or
    /// for a permit that its task has handed to somebody else, may be accused wrongly.
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
            let roll = self.roll(HostId(id));
            let vain = roll.in_vain();
            for (core, tasks) in &roll.cores {
                let on = if *core > 0 { format!(" on core {core}") } else { String::new() };
                let waiting = tasks.iter().filter(|task| vain.contains(&(*core, task.id)));
                wrong.extend(
                    waiting.map(|task| format!("a task of `{name}`{on} waits in vain: {}", line(task))),
                );
            }
        }
        assert_none(&wrong);
    }
}

impl Roll {
    /// Which of the tasks wait in vain.
    pub(crate) fn in_vain(&self) -> BTreeSet<TaskId> {
        // Nobody can go on at first; then those who need nobody, and those who need one of them, until there are no more.
        let mut able = BTreeSet::new();
        loop {
            let more = self.tasks().filter(|(core, task)| {
                !able.contains(&(*core, task.id)) && self.can_go_on(*core, task, &able)
            });
            let more: Vec<TaskId> = more.map(|(core, task)| (core, task.id)).collect();
            if more.is_empty() {
                let stays = |task: &TaskInfo| task.id == FIRST && task.state == TaskState::Stuck;
                let left =
                    self.tasks().filter(|(core, task)| !able.contains(&(*core, task.id)) && !stays(task));
                return left.map(|(core, task)| (core, task.id)).collect();
            }
            able.extend(more);
        }
    }

    /// All tasks and their cores. Beyond the first core the first future is ours: it waits for the runtime's end, and does nothing
    /// for anybody.
    fn tasks(&self) -> impl Iterator<Item = (u16, &TaskInfo)> {
        let all = self.cores.iter().flat_map(|(core, tasks)| tasks.iter().map(|task| (*core, task)));
        all.filter(|(core, task)| *core == 0 || task.id != FIRST)
    }

    /// Whether a task may go on, if these may.
    fn can_go_on(&self, core: u16, task: &TaskInfo, able: &BTreeSet<TaskId>) -> bool {
        match task.state {
            TaskState::Running | TaskState::Ready => true,
            TaskState::Stuck => false,
            // None of ours: whatever it is has its waker.
            _ => task.waits.is_empty() || task.waits.iter().any(|wait| self.can_end(core, task, wait, able)),
        }
    }

    /// Whether something that a task of that core waits for may come.
    fn can_end(&self, core: u16, task: &TaskInfo, wait: &Wait, able: &BTreeSet<TaskId>) -> bool {
        let is_any_able = |core: u16| able.range((core, 0)..).next().is_some_and(|(of, _)| *of == core);
        let is_over = |core: u16, id: u32| {
            self.cores.get(&core).is_none_or(|tasks| !tasks.iter().any(|task| task.id == id))
        };
        // What was taken by a task that is over is held by whomever it was given to.
        let may_give = |core: u16, id: u32| able.contains(&(core, id)) || is_over(core, id);
        match wait {
            Wait::Join { id, .. } => may_give(core, *id),
            Wait::Held { what, between_threads, by, more, free, .. } => {
                let gives = |by: &HeldBy| match by.elsewhere {
                    // Who is no task, or of another program, is not looked at.
                    _ if by.id == 0 => true,
                    Some(Elsewhere { core: None, .. }) => true,
                    Some(Elsewhere { core: Some(core), .. }) => may_give(core.index() as u16, by.id),
                    None => may_give(core, by.id),
                };
                // Who waits for what he holds himself has handed it on, as who accepts connections does; more may hold it than
                // are named; and what is free is for who came before, and may have lost interest.
                let is_own = |by: &HeldBy| by.elsewhere.is_none() && by.id == task.id;
                let is_handed_on = *what != Asked::Mutex && by.iter().any(is_own);
                let is_anyones = is_handed_on || *more > 0 || *free > 0;
                let may_anyone = || match between_threads {
                    true => self.cores.len() == 1 || !able.is_empty(),
                    false => is_any_able(core),
                };
                self.has_errands
                    || (by.is_empty() && *more == 0)
                    || by.iter().any(gives)
                    || (is_anyones && may_anyone())
            }
            Wait::Channel { what, between_threads, .. } => {
                let is_of_tasks = OF_TASKS.contains(what);
                self.has_errands
                    || match () {
                        () if is_of_tasks && !between_threads => is_any_able(core),
                        () if is_of_tasks || *what == Asked::Remote => {
                            self.cores.len() == 1 || !able.is_empty()
                        }
                        () => true,
                    }
            }
            _ => true,
        }
    }
}

/// The future that a reactor was asked to run.
const FIRST: u32 = 1;

/// What is for a task to end: of the same core, or of any if it is between threads.
const OF_TASKS: [Asked; 13] = [
    Asked::OneshotRecv,
    Asked::OneshotClosed,
    Asked::MpscRecv,
    Asked::MpscSend,
    Asked::MpscClosed,
    Asked::WatchChanged,
    Asked::WatchClosed,
    Asked::BroadcastRecv,
    Asked::Notify,
    Asked::Latch,
    Asked::Group,
    Asked::Semaphore,
    Asked::Mutex,
];
