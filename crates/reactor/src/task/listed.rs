//! What is to be seen of the tasks of a table: all of them, for whoever lists them, and the one that runs.
//!
//! It changes nothing. Whoever looks may not spawn meanwhile.

use std::sync::Arc;

use super::account::Statement;
use super::entry::{Entry, Queued, TaskWaker};
use super::origin::Origin;
use super::table::{MAIN, TaskTable};
use crate::channel::parts::claims::Hold;
use crate::notice::{Level, notice};

/// A task as whoever lists them sees it.
pub(crate) struct Listed<'a> {
    entry: &'a Entry,
    pub(crate) is_running: bool,
    /// Whether it is ready and waits for its turn.
    pub(crate) is_queued: bool,
    /// Whether somebody holds a waker of it.
    pub(crate) is_held: bool,
    /// The data of its waker, by which whoever holds one is known; see [`std::task::Waker::data`].
    pub(crate) waker_data: *const (),
    /// Since when, in nanoseconds, it is in the state in which it is.
    pub(crate) since: u64,
    pub(crate) statement: Statement,
}

impl TaskTable {
    /// Every task that has not ended, and the future that the reactor was asked to run if it does.
    pub(crate) fn each(&self, mut tell: impl FnMut(Listed<'_>)) {
        let running = self.running.borrow();
        for (number, entry) in self.lists.borrow().entries.iter().filter(|(_, entry)| entry.is_live()) {
            self.listed(number, entry, running.as_ref()).into_iter().for_each(&mut tell);
        }
    }

    fn listed<'a>(
        &self,
        number: u32,
        entry: &'a Entry,
        running: Option<&Arc<TaskWaker>>,
    ) -> Option<Listed<'a>> {
        let running = running.filter(|running| running.entry() == number);
        let look = |waker: &Arc<TaskWaker>| Listed {
            entry,
            is_running: running.is_some(),
            is_queued: waker.queued() != Queued::No,
            is_held: waker.is_held(),
            waker_data: waker.data(),
            since: waker.since(),
            statement: entry
                .account
                .statement(self.doubts.borrow().get(&number).copied().unwrap_or_default()),
        };
        running.map(look).or_else(|| entry.with_waker(look))
    }

    /// Who the running task is; `None` if none runs, or the future that the reactor was asked to run does.
    pub(crate) fn running_origin(&self) -> Option<Origin> {
        let number = self.running.borrow().as_ref()?.entry();
        if number == MAIN { None } else { self.inbox.pulse.origin().origin() }
    }

    /// What the running task holds from now on.
    pub(crate) fn hold_by_running(&self) -> Hold {
        let (task, origin) = self.running().unwrap_or_default();
        Hold { task, origin, reactor: self.inbox.reactor, since: self.now() }
    }

    /// Tells the operator of the tasks that are about to be dropped: how many, and who the first are.
    pub(crate) fn report_left(&self) {
        let all = self.all();
        if all.is_empty() {
            return;
        }
        let origin = |&number: &u32| self.with(number, |entry| entry.account.origin()).origin();
        let named: Vec<String> =
            all.iter().filter_map(origin).take(NAMED_MAX).map(|origin| origin.to_string()).collect();
        let (count, named, more) = (all.len(), named.join("; "), all.len() - named.len());
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let what = "tasks had not ended and are dropped";
        notice(Level::Warning, "shutdown", format_args!("{count} {what}: {named}{more}"));
    }

    /// A tick of the running task said that it waits, and had asked nothing that was not ready.
    ///
    /// Something that it asked before may still hold its waker. If nothing does, it will never run again.
    pub(super) fn report_idle_tick(&self) {
        let running = self.running.borrow();
        let Some(waker) = &*running else { return };
        if waker.entry() != MAIN && waker.queued() == Queued::No && !waker.is_held() {
            let origin = self.inbox.pulse.origin().known();
            let says = "says that it waits for something, and asked nothing: it never ends";
            notice(Level::Error, "task", format_args!("{origin}, {says}"));
        }
    }
}

impl Listed<'_> {
    /// The data of the waker of whoever waits for its end.
    pub(crate) fn joiner_data(&self) -> Option<*const ()> {
        self.entry.joiner_data()
    }
}

/// So many of the tasks that are dropped at the end are named: enough to see which kind it was.
const NAMED_MAX: usize = 5;
