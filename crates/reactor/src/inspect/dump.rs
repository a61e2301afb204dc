//! The dump: what every reactor of the process does, as a table to read, also while a core is blocked.

use std::cmp::Reverse;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::round::{Round, TASKS_MAX};
use super::stats::{CoreState, CoreStats, Spawned};
use super::tasks::{Listing, TaskInfo, TaskState, worst};
use super::units::Brief;
use crate::core;
use crate::driver::os::{self, stderr};
use crate::inbox::Inbox;
use crate::pulse;

/// Prints on stderr what every reactor of the process does; as `SIGQUIT` does by default.
///
/// From any thread, also while another holds the lock of [`std::io::stderr`]. Each core is asked for its tasks and has a
/// quarter of a second to answer; of one that does not, the task is named that holds it, and for how long. On a core's own
/// thread that core answers at once, and waits for the others so long at most.
///
/// ```
/// ekiden_reactor::run(async {
///     ekiden_reactor::inspect::dump();
/// });
/// ```
pub fn dump() {
    stderr::tell(&Dump::take().to_string());
}

/// What every reactor of the process does, at one moment. Its text is a table of 80 columns, the worst first.
///
/// ```
/// use ekiden_reactor::inspect::Dump;
///
/// ekiden_reactor::run(async {
///     let text = Dump::take().to_string();
///     assert!(text.lines().all(|line| line.chars().count() <= 80));
///     assert!(text.contains("main"));
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dump {
    /// The reactors: first those that are held, the others in the order in which they were made.
    pub cores: Vec<CoreDump>,
}

/// What one reactor does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CoreDump {
    /// Its counters.
    pub stats: CoreStats,
    /// Its tasks, the worst first: those whose longest poll took long; those that were woken and wait for their turn;
    /// those that nothing can wake; then those that have waited longest. `None` if it did not answer.
    ///
    /// A thousand at most, and of more than a hundred thousand only so many are looked at, since the core stands still
    /// meanwhile.
    pub tasks: Option<Vec<TaskInfo>>,
    /// How many more it has.
    pub more: usize,
    /// For how long the turn has gone on in which it does not answer.
    pub held: Option<Duration>,
}

impl Dump {
    /// Asks all reactors; see [`dump`].
    #[must_use]
    pub fn take() -> Self {
        let reactors = pulse::reactors();
        // Before they are asked, which wakes those that are parked.
        let stats: Vec<CoreStats> = reactors.iter().map(|reactor| CoreStats::of(reactor)).collect();
        let here = core::try_with(|core| (core.id, Arc::new(worst(core, TASKS_MAX))));
        let round = Round::begin(here.clone());
        let is_here = |reactor: &Inbox| here.as_ref().is_some_and(|(id, _)| *id == reactor.reactor);
        let others = reactors.iter().filter(|reactor| !is_here(reactor));
        let asked = others.filter(|reactor| round.ask(reactor)).map(|reactor| reactor.reactor).collect();
        let mut answers = round.wait_for(asked);
        answers.extend(here);
        let mut cores: Vec<CoreDump> = reactors
            .iter()
            .zip(stats)
            .map(|(reactor, stats)| {
                let answer = answers.iter().position(|(id, _)| *id == reactor.reactor);
                CoreDump::new(reactor, stats, answer.map(|index| answers.swap_remove(index).1))
            })
            .collect();
        cores.sort_by_key(|core| Reverse(core.held));
        Self { cores }
    }
}

impl CoreDump {
    fn new(reactor: &Inbox, before: CoreStats, listing: Option<Arc<Listing>>) -> Self {
        let now = CoreStats::of(reactor);
        let is_held = listing.is_none() && now.state == CoreState::Running && reactor.time_passes();
        let held = is_held.then(|| os::now() - now.turn_began);
        let stats = if is_held { now } else { before };
        let (tasks, more) = listing.map(Arc::unwrap_or_clone).map(|all| (all.tasks, all.more)).unzip();
        Self { stats, tasks, more: more.unwrap_or(0), held }
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cores.iter().try_for_each(|core| core.fmt(f))
    }
}

/// ```text
/// reactor 1: parked · busy 37 % · turns 4812 · polls 5117 · tasks 12 · timers 5
///   sources 9
///     id state      since    polls      busy   longest  name, place
///     12 waiting     31 s     4812    ~1.2 s    ≤10 ms  clerk, src/office.rs:7
///          read tcp 10.0.0.7:5432 · timer in 4 s
/// ```
impl fmt::Display for CoreDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_stats(f)?;
        if let Some(held) = self.held {
            let by: &dyn fmt::Display = match &self.stats.running {
                Some(by) => by,
                None => &"the loop itself",
            };
            let text =
                format!("HELD for {} by {by}: it does not answer, and nothing else runs there", Brief(held));
            return write_wrapped(f, "  ", text.split(' '), " ");
        }
        match &self.tasks {
            None if self.stats.state == CoreState::Out => writeln!(f, "  nobody runs it"),
            None => writeln!(f, "  it did not answer"),
            Some(tasks) => {
                writeln!(f, "{HEAD}")?;
                tasks.iter().try_for_each(|task| write_task(f, task))?;
                if self.more > 0 { writeln!(f, "  and {} more", self.more) } else { Ok(()) }
            }
        }
    }
}

impl CoreDump {
    fn write_stats(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CoreStats { reactor, state, busy, idle, turns, polls, .. } = self.stats;
        let state = match state {
            CoreState::Out => "not run",
            CoreState::Running => "running",
            CoreState::Parked => "parked",
        };
        let mut parts = vec![format!("reactor {reactor}: {state}")];
        let time = (busy + idle).as_secs_f64();
        if time > 0.0 {
            parts.push(format!("busy {:.0} %", 100.0 * busy.as_secs_f64() / time));
        }
        parts.push(format!("turns {turns}"));
        parts.push(format!("polls {polls}"));
        let stats = &self.stats;
        for (what, count) in [
            ("ready", stats.ready),
            ("tasks", stats.tasks),
            ("timers", stats.timers),
            ("sources", stats.sources),
            ("connections", stats.connections),
            ("unread letters", stats.letters),
            ("blocking jobs", stats.blocking.busy),
            ("blocking jobs that wait", stats.blocking.waiting),
            ("look-ups", stats.lookups.busy),
            ("look-ups that wait", stats.lookups.waiting),
            ("lost panics", stats.panics),
            ("polls that held the core", stats.held),
        ] {
            if count > 0 {
                parts.push(format!("{what} {count}"));
            }
        }
        if stats.held > 0 {
            parts.push(format!("the worst {}", Brief(stats.held_worst)));
        }
        write_wrapped(f, "", parts.iter().map(String::as_str), " · ")
    }
}

fn write_task(f: &mut fmt::Formatter<'_>, task: &TaskInfo) -> fmt::Result {
    let state = match task.state {
        TaskState::Running => "running",
        TaskState::Ready => "ready",
        TaskState::Stuck => "STUCK",
        TaskState::Waiting => "waiting",
    };
    let longest = match task.longest_poll_is_exact {
        true => Brief(task.longest_poll).to_string(),
        false => format!("≤{}", Brief(task.longest_poll)),
    };
    let is_vague = task.busy_error * 10 > task.busy;
    let busy = format!("{}{}", if is_vague { "~" } else { "" }, Brief(task.busy));
    let mut line = format!(
        "{:>6} {state:<7} {:>8} {:>8} {:>9} {longest:>9}  ",
        task.id,
        Brief(task.since),
        task.polls,
        busy,
    );
    let room = WIDTH.saturating_sub(line.chars().count());
    line.push_str(&fitting(task.spawned, room));
    writeln!(f, "{line}")?;
    if task.waits.is_empty() {
        return match task.state {
            TaskState::Waiting => writeln!(f, "{INDENT}something of its own"),
            TaskState::Stuck => writeln!(f, "{INDENT}nothing that could wake it"),
            TaskState::Ready | TaskState::Running => Ok(()),
        };
    }
    let waits: Vec<String> = task.waits.iter().map(ToString::to_string).collect();
    write_wrapped(f, INDENT, waits.iter().map(String::as_str), " · ")
}

/// A name and a place, of which the end says most, in so many columns.
fn fitting(spawned: Spawned, room: usize) -> String {
    let text = spawned.brief().to_string();
    let len = text.chars().count();
    if len <= room {
        return text;
    }
    let name = spawned.name.map_or(String::new(), |name| format!("{name}, "));
    let named = name.chars().count();
    let place = text.chars().skip(named);
    if named + SHORTEST_PLACE > room {
        return text.chars().take(room.saturating_sub(1)).chain(['…']).collect();
    }
    // From a folder on, if one begins there.
    let tail: String = place.skip(len - room + 1).collect();
    let tail = tail.find('/').map_or(&*tail, |at| &tail[at..]);
    format!("{name}…{tail}")
}

/// Writes parts into lines of 80 columns, the first of which begins with an indent and the others with one more.
fn write_wrapped<'a>(
    f: &mut fmt::Formatter<'_>,
    indent: &str,
    parts: impl Iterator<Item = &'a str>,
    between: &str,
) -> fmt::Result {
    let (mut line, mut is_empty) = (indent.to_owned(), true);
    for part in parts {
        let len = line.chars().count() + between.chars().count() + part.chars().count();
        if !is_empty && len > WIDTH {
            writeln!(f, "{}", line.trim_end())?;
            line = format!("{indent}  ");
            is_empty = true;
        }
        if !is_empty {
            line.push_str(between);
        }
        // What is longer than a line is cut into pieces of one.
        for letter in part.chars() {
            if line.chars().count() == WIDTH {
                writeln!(f, "{line}")?;
                line = format!("{indent}  ");
            }
            line.write_char(letter)?;
        }
        is_empty = false;
    }
    writeln!(f, "{}", line.trim_end())
}

/// What a terminal shows of a line.
const WIDTH: usize = 80;

const HEAD: &str = "    id state      since    polls      busy   longest  name, place";
const INDENT: &str = "         ";

/// Less than this says nothing of a place.
const SHORTEST_PLACE: usize = 12;
