//! How a run has failed, and all that there is to say about it.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use ekiden_reactor::inspect::{HeldBy, TaskInfo, TaskState, Wait};

use crate::faults::Faults;
use crate::journal::{At, Line};
use crate::oracle::Roll;
use crate::world::World;

/// How a run has failed: what was wrong, and what the world was like.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) seed: u64,
    /// The first line or more of what it says.
    pub(crate) what: String,
    pub(crate) text: String,
}

impl Failure {
    /// `tables` has the tasks of each host.
    pub(crate) fn new(seed: u64, what: &str, world: &World, tables: &[String], faults: &Faults) -> Self {
        let mut text = format!("{what}\n\nseed {seed}, at {} of the world's time\n", At(world.now));
        // Writing to a string does not fail.
        let _ = write!(text, "\nhosts\n");
        for (host, table) in world.hosts.iter().zip(tables) {
            let state = match (host.is_up, host.is_paused) {
                (true, false) => "runs",
                (true, true) => "is paused",
                (false, _) => "does not run",
            };
            let _ = writeln!(text, "  {} ({}) {state}", host.name, host.ip);
            text.push_str(table);
        }
        let names = world.journal.names();
        for (from, to) in world.links.cut() {
            let _ = writeln!(text, "  {} is not heard by {}", names[from.index()], names[to.index()]);
        }
        if !faults.is_empty() {
            let _ = writeln!(text, "\nfaults\n{}", indented(faults));
        }
        let _ = writeln!(text, "\nlast of {} events", world.journal.count());
        for event in world.journal.last() {
            let _ = writeln!(text, "  {}", Line(event, names));
        }
        if !world.notices.is_empty() {
            let _ = writeln!(text, "\nwhat operators were told last");
            for notice in &world.notices {
                let _ = writeln!(text, "  {notice}");
            }
        }
        Self { seed, what: what.to_owned(), text }
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// The tasks of a program, a line each; of each core so many at most, the worst if there are more.
pub(crate) fn table(roll: &Roll, tasks_max: usize) -> String {
    let (mut text, vain) = (String::new(), roll.in_vain());
    for (core, tasks) in &roll.cores {
        if *core > 0 {
            let _ = writeln!(text, "    on core {core}");
        }
        let main = tasks.first().map(|main| main.id);
        let mut listed: Vec<_> = tasks
            .iter()
            .map(|task| {
                let is_main = main == Some(task.id);
                let over = if is_main { roll.over.get(core).copied() } else { None };
                match (over, &task.state) {
                    (Some(over), _) => (0, over, task),
                    (_, TaskState::Stuck) => (1, "STUCK", task),
                    _ if vain.contains(&(*core, task.id)) => (2, "IN VAIN", task),
                    (_, TaskState::Running) => (3, "running", task),
                    (_, TaskState::Ready) => (if is_main { 3 } else { 4 }, "ready", task),
                    _ => (if is_main { 3 } else { 5 }, "waiting", task),
                }
            })
            .collect();
        if listed.len() > tasks_max {
            listed.sort_by_key(|(rank, ..)| *rank);
        }
        let left = listed.split_off(tasks_max.min(listed.len()));
        for (_, state, task) in listed {
            let _ = write!(text, "    {:>4} {state:<7} for {:?}: {}", task.id, task.since, task.spawned);
            let waits = waits(task);
            let _ = if waits.is_empty() { writeln!(text) } else { writeln!(text, "\n           {waits}") };
        }
        if !left.is_empty() {
            let mut states = BTreeMap::new();
            left.iter().for_each(|(_, state, _)| *states.entry(*state).or_insert(0) += 1);
            let states: Vec<String> =
                states.iter().map(|(state, count)| format!("{count} {state}")).collect();
            let _ = writeln!(text, "    and {} more: {}", left.len(), states.join(", "));
        }
    }
    text
}

/// How many tasks are told of each core, of so many.
pub(crate) fn tasks_max(cores: usize) -> usize {
    (TASKS_MAX / cores.max(1)).max(1)
}

/// A task and what it waits for.
pub(crate) fn line(task: &TaskInfo) -> String {
    let waits = match &*waits(task) {
        "" => "for nothing that could wake it".to_owned(),
        waits => format!("for {waits}"),
    };
    format!("{waits}: task {}, {}", task.id, task.spawned)
}

fn waits(task: &TaskInfo) -> String {
    let waits: Vec<String> = task.waits.iter().map(text_of).collect();
    waits.join(" · ")
}

/// As the reactor has it; but a holder elsewhere is of a core, as reactors are numbered among all of this process.
fn text_of(wait: &Wait) -> String {
    let Wait::Held { what, by, more, .. } = wait else { return wait.to_string() };
    if by.iter().all(|by| by.elsewhere.is_none()) {
        return wait.to_string();
    }
    let holder = |by: &HeldBy| match (by.elsewhere, by.spawned) {
        (Some(elsewhere), Some(spawned)) => {
            let of = elsewhere.core.map_or("another program".to_owned(), |core| core.to_string());
            format!("task {} of {of}, {spawned} for {:?}", by.id, by.time)
        }
        _ => by.to_string(),
    };
    let mut holders: Vec<String> = by.iter().map(holder).collect();
    if *more > 0 {
        holders.push(format!("{more} more"));
    }
    format!("{what} between threads (held by {})", holders.join(", "))
}

/// Who is busy: the tasks that ran most often since each had been polled so often, by their numbers.
pub(crate) fn busiest(before: &BTreeMap<u32, u32>, tasks: &[TaskInfo]) -> String {
    let polls = |task: &TaskInfo| task.polls.wrapping_sub(before.get(&task.id).copied().unwrap_or_default());
    let mut ran: Vec<_> =
        tasks.iter().map(|task| (polls(task), task)).filter(|(polls, _)| *polls > 0).collect();
    ran.sort_by_key(|(polls, task)| (Reverse(*polls), task.id));
    // Others run now and then, and be it for nothing.
    let least = ran.first().map_or(0, |(polls, _)| polls / 10);
    let most = ran.iter().filter(|(polls, _)| *polls > least).take(BUSIEST_MAX);
    let lines: Vec<String> =
        most.map(|(polls, task)| format!("task {}, {} ({polls} polls)", task.id, task.spawned)).collect();
    lines.join("; ")
}

/// A schedule, as it stands in a text.
pub(crate) fn indented(faults: &Faults) -> String {
    format!("  {}", faults.to_string().replace('\n', "\n  "))
}

/// What a panic said.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Of all hosts: as many as one looks through.
const TASKS_MAX: usize = 100;

/// As many as one reads.
const BUSIEST_MAX: usize = 5;
