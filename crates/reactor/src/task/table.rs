//! The task table: all tasks of a reactor, and which of them are ready to run.
//!
//! What travels with a waker is an id, so a waker may be cloned, used and dropped on any thread, at any time, even
//! after the reactor has ended; the future itself never leaves the table. On its own reactor's thread a wake-up is
//! a look into the table and a push to the run queue, with no atomic and no allocation.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use slab::Slab;

use super::account::{Account, Birth};
use super::budget;
use super::in_context::in_context;
use super::job::{self, Job, Report};
use super::join::JoinHandle;
use super::origin::{Origin, OriginCache, OriginId};
use super::tick::TickScope;
use super::waits;
use crate::channel::parts::claims::Hold;
use crate::context;
use crate::core::{self, Core, ReactorId};
use crate::inbox::Inbox;
use crate::notice::{Level, notice};
use crate::turns::Ready;

/// All tasks of one reactor.
pub(crate) struct TaskTable {
    home: ReactorId,
    inbox: Arc<Inbox>,
    entries: RefCell<Slab<Rc<Entry>>>,
    ready: RefCell<VecDeque<Rc<Entry>>>,
    /// Ready too, but for the next turn: they have yielded, to the others and to the world.
    yielded: RefCell<VecDeque<Rc<Entry>>>,
    /// Entries whose task has ended and whose waker nobody else holds: the next spawn takes one.
    spare: RefCell<Vec<Rc<Entry>>>,
    /// Of the future that the reactor was asked to run; it lives on that call's stack and not in the table.
    main: Rc<Entry>,
    /// Whose turn it is.
    pub(super) running: RefCell<Option<Rc<Entry>>>,
    pub(crate) tick: TickScope,
    origins: OriginCache,
    generations: Cell<u32>,
    /// Who ran last in this turn, if it is to be timed by the end of that.
    last: Cell<Option<Rc<Entry>>>,
    /// The number of the task that was spawned last.
    spawned: Cell<u32>,
}

/// One task's place in the table.
pub(crate) struct Entry {
    pub(crate) waker: Waker,
    /// Kept apart from `waker` to see whether anybody else holds one.
    shared: Arc<TaskWaker>,
    queued: Cell<Queued>,
    /// It is to be dropped instead of being polled again.
    is_aborted: Cell<bool>,
    has_ended: Cell<bool>,
    pub(crate) account: Account,
    /// Elsewhere while it runs, and `None` when it has ended.
    job: Cell<Option<Job>>,
}

/// In which queue a task waits to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queued {
    No,
    /// In that of this turn.
    Ready,
    /// In that of this turn, from which it goes to the next one's: it was woken, and then it yielded.
    Yields,
    /// In that of the next turn, or come from there.
    Yielded,
}

/// A task's place in its reactor's table, and which of the tasks that had this place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskId {
    slot: u32,
    generation: u32,
}

#[cfg(test)]
impl TaskId {
    /// One of no table.
    pub(crate) fn numbered(slot: u32) -> Self {
        Self { slot, generation: 0 }
    }
}

/// What a task's waker carries: ids.
struct TaskWaker {
    home: ReactorId,
    task: TaskId,
    inbox: Arc<Inbox>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if core::if_current(self.home, |core| core.tasks.wake(self.task)).is_none() {
            self.inbox.wake(self.task);
        }
    }
}

impl TaskTable {
    pub(crate) fn new(home: ReactorId, inbox: Arc<Inbox>) -> Self {
        let main = Entry::new(TaskId { slot: MAIN, generation: 0 }, home, inbox.clone());
        Self {
            home,
            inbox,
            main: Rc::new(main),
            entries: RefCell::default(),
            ready: RefCell::default(),
            yielded: RefCell::default(),
            spare: RefCell::default(),
            running: RefCell::default(),
            tick: TickScope::default(),
            origins: OriginCache::default(),
            generations: Cell::new(0),
            last: Cell::default(),
            spawned: Cell::new(0),
        }
    }

    /// Puts a future into the table, ready to run. `R` is told of a result that nobody waits for.
    pub(crate) fn spawn<F, R>(&self, future: F, origin: Origin) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        R: Report<F::Output> + 'static,
    {
        let origin = self.origins.number(origin);
        let (job, outcome) = job::new::<F, R>(future, origin);
        let entry = self.place(if context::is_none() { job } else { in_context(job) }, origin);
        self.enqueue(&entry);
        JoinHandle::new(outcome, entry)
    }

    fn place(&self, job: Job, origin: OriginId) -> Rc<Entry> {
        let mut entries = self.entries.borrow_mut();
        let vacant = entries.vacant_entry();
        let slot = vacant.key();
        let entry = match self.spare.borrow_mut().pop() {
            // The slab hands out the slot freed last, and so do we, hence this nearly always fits.
            Some(entry) if entry.id().slot as usize == slot => entry,
            _ => Rc::new(Entry::new(self.next_id(slot), self.home, self.inbox.clone())),
        };
        entry.job.set(Some(job));
        entry.is_aborted.set(false);
        entry.has_ended.set(false);
        entry.account.open(self.birth(origin));
        vacant.insert(entry.clone());
        entry
    }

    fn birth(&self, origin: OriginId) -> Birth {
        // Zero is nobody's number.
        let number = self.spawned.get().wrapping_add(1).max(1);
        self.spawned.set(number);
        let running = self.running.borrow();
        let (parent, parent_origin) = match &*running {
            Some(parent) => (parent.account.number(), parent.account.origin()),
            None => (0, OriginId::NONE),
        };
        Birth { nanos: self.now(), number, parent, origin, parent_origin }
    }

    /// When this turn began.
    fn now(&self) -> u64 {
        self.inbox.pulse.turn_began.get()
    }

    fn next_id(&self, slot: usize) -> TaskId {
        let slot =
            u32::try_from(slot).ok().filter(|&slot| slot != MAIN).expect("fewer than four billion tasks");
        let generation = self.generations.get();
        self.generations.set(generation.wrapping_add(1));
        TaskId { slot, generation }
    }

    /// Makes a task ready, by its id: nothing happens if it has ended or is ready already.
    pub(crate) fn wake(&self, id: TaskId) {
        if id.slot == MAIN {
            return self.wake_main();
        }
        let entries = self.entries.borrow();
        if let Some(entry) = entries.get(id.slot as usize)
            && entry.id() == id
        {
            self.enqueue(entry);
        }
    }

    /// The future that the reactor was asked to run begins, and is ready.
    pub(crate) fn begin_main(&self, place: &'static Location<'static>) {
        self.main.account.open(self.birth(self.origins.number(Origin { name: Some(MAIN_NAME), place })));
        self.wake_main();
    }

    fn wake_main(&self) {
        self.enqueue(&self.main);
    }

    fn enqueue(&self, entry: &Rc<Entry>) {
        if entry.queued.get() == Queued::No {
            entry.queued.set(Queued::Ready);
            entry.account.handle_woken(self.now());
            self.ready.borrow_mut().push_back(entry.clone());
        }
    }

    /// Wakes the running task in the next turn, so that others, timers and sockets come first.
    pub(crate) fn yield_running(&self, waker: &Waker) {
        match &*self.running.borrow() {
            Some(entry) if entry.waker.will_wake(waker) => {
                match entry.queued.get() {
                    Queued::No => self.put_off(entry.clone()),
                    Queued::Ready => entry.queued.set(Queued::Yields),
                    Queued::Yields | Queued::Yielded => {}
                }
                return;
            }
            _ => {}
        }
        // Something within the task has a waker of its own; it knows whom to wake.
        waker.wake_by_ref();
    }

    /// A new turn begins: whoever has yielded is ready again. How many are ready in all.
    pub(crate) fn begin_turn(&self) -> usize {
        let (mut ready, mut yielded) = (self.ready.borrow_mut(), self.yielded.borrow_mut());
        if ready.is_empty() {
            std::mem::swap(&mut *ready, &mut *yielded);
        } else if !yielded.is_empty() {
            ready.append(&mut yielded);
        }
        ready.len()
    }

    /// The next task that is ready.
    pub(crate) fn next_ready(&self) -> Option<Rc<Entry>> {
        loop {
            let entry = self.ready.borrow_mut().pop_front()?;
            if entry.queued.get() != Queued::Yields {
                return Some(entry);
            }
            self.put_off(entry);
        }
    }

    /// Somebody else says which of the tasks that are ready is the next.
    pub(crate) fn bring_forward(&self, choose: &mut impl FnMut(&Ready<'_>) -> usize) {
        loop {
            let chosen = match &*self.ready.borrow() {
                ready if ready.is_empty() => return,
                ready => choose(&Ready(ready)),
            };
            let mut ready = self.ready.borrow_mut();
            ready.swap(0, chosen);
            if ready.front().is_none_or(|first| first.queued.get() != Queued::Yields) {
                return;
            }
            let yields = ready.pop_front();
            drop(ready);
            yields.into_iter().for_each(|yields| self.put_off(yields));
        }
    }

    /// Wakes a task that nobody has woken: the one of this index, of those there are and then the first one.
    pub(crate) fn wake_spuriously(&self, index: usize) {
        let entry = self.entries.borrow().iter().nth(index).map(|(_, entry)| entry.clone());
        self.enqueue(entry.as_ref().unwrap_or(&self.main));
    }

    fn put_off(&self, entry: Rc<Entry>) {
        entry.queued.set(Queued::Yielded);
        self.yielded.borrow_mut().push_back(entry);
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.borrow().is_empty() || !self.yielded.borrow().is_empty()
    }

    /// Runs a task until it waits or ends.
    pub(crate) fn run(&self, core: &Core, entry: Rc<Entry>) {
        let Some(mut job) = entry.job.take() else { return };
        let (origin, is_aborted) = (entry.account.origin(), entry.is_aborted.get());
        let (entry, ended) = self.turn_of(core, entry, |cx| {
            if is_aborted {
                job.as_mut().cancel(origin);
            }
            is_aborted || job.as_mut().run(cx, origin)
        });
        if ended {
            self.remove(&entry, job);
        } else {
            entry.job.set(Some(job));
        }
    }

    /// Polls the future that the reactor was asked to run.
    pub(crate) fn poll_main<R>(
        &self,
        core: &Core,
        entry: Rc<Entry>,
        poll: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        self.turn_of(core, entry, poll).1
    }

    fn turn_of<R>(
        &self,
        core: &Core,
        entry: Rc<Entry>,
        run: impl FnOnce(&mut Context<'_>) -> R,
    ) -> (Rc<Entry>, R) {
        entry.queued.set(Queued::No);
        budget::refill();
        waits::begin();
        self.inbox.pulse.begin_poll(entry.account.origin());
        // Moved there and back, as to count it twice would cost more.
        self.running.replace(Some(entry));
        let running = self.running.borrow();
        let result = run(&mut Context::from_waker(&running.as_ref().expect("it was put there").waker));
        drop(running);
        let entry = self.running.take().expect("nobody else takes it");
        self.inbox.pulse.end_poll();
        entry.account.handle_polled(self.now(), waits::taken());
        if core.timing.is_on() {
            self.time(core, &entry);
        }
        (entry, result)
    }

    /// The reactor is run no more: if that is by a panic of its future, the poll of that has ended too.
    pub(crate) fn handle_run_ended(&self) {
        if self.running.take().is_some() {
            self.inbox.pulse.end_poll();
        }
    }

    /// Times the poll that has ended. If nobody runs after it, the end of the turn's work will be its end, and the clock
    /// need not be read twice.
    #[cold]
    fn time(&self, core: &Core, entry: &Rc<Entry>) {
        if self.ready.borrow().is_empty() {
            self.last.set(Some(entry.clone()));
        } else {
            entry.account.handle_timed(core.timing.end_poll(core.driver.now().as_nanos()));
        }
    }

    /// The work of a turn whose polls are timed has ended.
    pub(crate) fn handle_turn_ended(&self, core: &Core, now: u64) {
        if let Some(last) = self.last.take() {
            last.account.handle_timed(core.timing.end_poll(now));
        }
    }

    /// A turn that began then was long, and nobody was timed.
    pub(crate) fn handle_long_turn(&self, began: u64, nanos: u64, polls: u64) {
        let tell = |entry: &Entry| {
            if entry.account.since() == began {
                // Whoever was woken in it may have run before that, or not.
                let share = if entry.queued.get() == Queued::Ready { 0 } else { nanos / polls };
                entry.account.handle_long_turn(nanos, share);
            }
        };
        self.entries.borrow().iter().for_each(|(_, entry)| tell(entry));
        tell(&self.main);
    }

    fn remove(&self, entry: &Rc<Entry>, job: Job) {
        entry.has_ended.set(true);
        self.entries.borrow_mut().try_remove(entry.id().slot as usize);
        drop(job);
        // A waker that is still somewhere, or a wake-up that is still queued, must never reach the next task here.
        let mut spare = self.spare.borrow_mut();
        if !entry.is_expected() && spare.len() < SPARE_MAX {
            spare.push(entry.clone());
        }
    }

    /// Ends all tasks: their futures are dropped here, on their own thread.
    pub(crate) fn clear(&self) {
        // A future that is dropped may spawn, so this goes on until nothing is left; a future whose drop always
        // spawns its like would go on for ever, hence the bound.
        for _ in 0..CLEAR_ROUNDS_MAX {
            self.ready.borrow_mut().clear();
            self.yielded.borrow_mut().clear();
            let entries = std::mem::take(&mut *self.entries.borrow_mut());
            if entries.is_empty() {
                return;
            }
            for (_, entry) in entries {
                entry.has_ended.set(true);
                if let Some(mut job) = entry.job.take() {
                    let origin = entry.account.origin();
                    self.inbox.pulse.begin_poll(origin);
                    job.as_mut().cancel(origin);
                    self.inbox.pulse.end_poll();
                }
            }
        }
        // Without a reactor they could not even be dropped, if they spawn by that.
        let left = std::mem::take(&mut *self.entries.borrow_mut());
        notice(
            Level::Error,
            "task",
            format_args!("{} tasks spawn tasks whenever they are dropped, and are leaked", left.len()),
        );
        std::mem::forget(left);
        std::mem::forget(std::mem::take(&mut *self.ready.borrow_mut()));
    }

    /// Who the running task is; `None` if none runs, or the future that the reactor was asked to run does.
    pub(crate) fn running_origin(&self) -> Option<Origin> {
        let running = self.running.borrow();
        let entry = running.as_ref().filter(|entry| !entry.is_main())?;
        entry.account.origin().origin()
    }

    /// Every task that has not ended, and the future that the reactor was asked to run if it does; with whether it is
    /// this that runs just now.
    pub(crate) fn each(&self, mut tell: impl FnMut(&Entry, bool)) {
        let running = self.running.borrow();
        let mut tell = |entry: &Rc<Entry>| {
            tell(entry, running.as_ref().is_some_and(|running| Rc::ptr_eq(running, entry)))
        };
        if self.main.account.number() != 0 {
            tell(&self.main);
        }
        self.entries.borrow().iter().for_each(|(_, entry)| tell(entry));
    }

    /// The number of the running task; zero if none runs.
    pub(crate) fn running_number(&self) -> u32 {
        self.running.borrow().as_ref().map_or(0, |entry| entry.account.number())
    }

    /// What the running task holds from now on.
    pub(crate) fn hold_by_running(&self) -> Hold {
        match &*self.running.borrow() {
            Some(entry) => {
                let (task, origin) = (entry.account.number(), entry.account.origin());
                Hold { task, origin, since: self.now() }
            }
            None => Hold { since: self.now(), ..Hold::default() },
        }
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Tells the operator of the tasks that are about to be dropped: how many, and who the first are.
    pub(crate) fn report_left(&self) {
        let entries = self.entries.borrow();
        if entries.is_empty() {
            return;
        }
        let origins = entries.iter().filter_map(|(_, entry)| entry.account.origin().origin());
        let named: Vec<String> = origins.take(NAMED_MAX).map(|origin| origin.to_string()).collect();
        let (count, named, more) = (entries.len(), named.join("; "), entries.len() - named.len());
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        drop(entries); // before a hook, which may do anything
        let what = "tasks had not ended and are dropped";
        notice(Level::Warning, "shutdown", format_args!("{count} {what}: {named}{more}"));
    }

    /// Whether a task that [nobody is expected](Entry::is_expected) to wake was woken by another thread a moment ago: then
    /// the waker is gone, and the word of it has not been read. To be asked after that, so that no word is missed.
    pub(crate) fn is_woken_from_elsewhere(&self, entry: &Entry) -> bool {
        self.inbox.has_woken(entry.id())
    }

    /// A tick of the running task said that it waits, and had asked nothing that was not ready.
    ///
    /// Something that it asked before may still hold its waker. If nothing does, it will never run again.
    pub(super) fn report_idle_tick(&self) {
        let running = self.running.borrow();
        let Some(entry) = running.as_ref() else { return };
        if !entry.is_main() && !entry.is_expected() && !self.is_woken_from_elsewhere(entry) {
            let origin = entry.account.origin().known();
            let says = "says that it waits for something, and asked nothing: it never ends";
            notice(Level::Error, "task", format_args!("{origin}, {says}"));
        }
    }
}

impl Entry {
    fn new(id: TaskId, home: ReactorId, inbox: Arc<Inbox>) -> Self {
        let shared = Arc::new(TaskWaker { home, task: id, inbox });
        Self {
            waker: Waker::from(shared.clone()),
            shared,
            queued: Cell::new(Queued::No),
            is_aborted: Cell::new(false),
            has_ended: Cell::new(false),
            account: Account::default(),
            job: Cell::default(),
        }
    }

    pub(crate) fn is_main(&self) -> bool {
        self.id().slot == MAIN
    }

    /// Ends its task, unless that has ended: its future is dropped in the next turn.
    pub(super) fn abort(&self) {
        if !self.has_ended.get() {
            self.is_aborted.set(true);
            self.waker.wake_by_ref();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    fn id(&self) -> TaskId {
        self.shared.task
    }

    /// Whether it is ready and waits for its turn.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.get() != Queued::No
    }

    /// The data of its waker, by which whoever holds one is known; see [`Waker::data`].
    pub(crate) fn waker_data(&self) -> *const () {
        self.waker.data()
    }

    /// The same of whoever waits for its end.
    pub(crate) fn joiner_data(&self) -> Option<*const ()> {
        let job = self.job.take()?;
        let data = job.joiner_data();
        self.job.set(Some(job));
        data
    }

    /// Whether a wake-up is queued, or somebody holds a waker to queue one: two are the entry's own.
    pub(crate) fn is_expected(&self) -> bool {
        self.is_queued() || Arc::strong_count(&self.shared) > 2
    }
}

/// The slot of the future that the reactor was asked to run, which has none.
const MAIN: u32 = u32::MAX;

/// What that future is called where tasks are listed.
const MAIN_NAME: &str = "main";

/// Enough for a thousand tasks that are spawned at once and then again; an entry is some hundred bytes.
const SPARE_MAX: usize = 1024;

/// So many of the tasks that are dropped at the end are named: enough to see which kind it was.
const NAMED_MAX: usize = 5;

/// How often the end of a reactor drops tasks that were spawned by dropping tasks.
const CLEAR_ROUNDS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{self, TaskState};
    use crate::{run, spawn};

    #[test]
    fn after_the_last_number_comes_the_first_and_none_is_nobodys() {
        run(async {
            core::with(|core| core.tasks.spawned.set(u32::MAX - 1));
            let tasks = [spawn(std::future::pending::<()>()), spawn(std::future::pending())];
            let listed = inspect::tasks().into_iter().filter(|task| task.state == TaskState::Ready);
            assert_eq!(listed.map(|task| task.id).collect::<Vec<_>>(), [u32::MAX, 1]);
            drop(tasks);
        });
    }
}
