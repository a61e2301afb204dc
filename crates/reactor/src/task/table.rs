//! The task table: all tasks of a reactor, and which of them are ready to run.
//!
//! What travels with a waker is a number and where to send it, so a waker may be cloned, used and dropped on any thread, at
//! any time, even after the reactor has ended; the future itself never leaves the table. On its own reactor's thread a wake-up
//! is a look at what the waker carries and a push to the run queue, with no atomic operation that takes longer than a move,
//! and no allocation.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::account::Birth;
use super::budget;
use super::entry::{Entry, Queued, TaskId, TaskWaker};
use super::in_context::in_context;
use super::job::{self, Job, Report};
use super::join::Outcome;
use super::origin::{Origin, OriginCache, OriginId};
use super::tick::TickScope;
use super::unread::UnreadPanics;
use super::waits;
use crate::context;
use crate::core::Core;
use crate::inbox::Inbox;
use crate::notice::{Level, notice};
use crate::pages::{Held, Pages};
use crate::turns::Ready;

/// All tasks of one reactor.
pub(crate) struct TaskTable {
    pub(super) inbox: Arc<Inbox>,
    pub(super) lists: RefCell<Lists>,
    /// How many are tasks, that future not counted.
    len: Cell<usize>,
    /// Ready too, but for the next turn: they have yielded, to the others and to the world.
    yielded: RefCell<VecDeque<u32>>,
    /// The waker of whose turn it is.
    pub(super) running: RefCell<Option<Arc<TaskWaker>>>,
    /// Its number; zero if nobody runs.
    running_number: Cell<u32>,
    pub(crate) tick: TickScope,
    pub(crate) unread: UnreadPanics,
    origins: OriginCache,
    /// Who ran last in this turn, if it is to be timed by the end of that.
    last: Cell<Option<TaskId>>,
    /// The number of the task that was spawned last.
    spawned: Cell<u32>,
    /// Of those few of whose time some is in doubt, how many nanoseconds; by their entries.
    pub(super) doubts: RefCell<HashMap<u32, u64>>,
}

/// All entries, and those that are ready. In one cell, as whoever takes one that is ready looks at it.
#[derive(Default)]
pub(crate) struct Lists {
    /// The first is that of the future that the reactor was asked to run, which lives on that call's stack and not here.
    pub(super) entries: Pages<Entry>,
    ready: VecDeque<u32>,
}

impl Lists {
    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The number of the one at that place of those that are ready, and where it comes from.
    pub(crate) fn ready_at(&self, index: usize) -> (u32, OriginId) {
        let account = &self.entries.get(self.ready[index]).expect("an entry is never removed").account;
        (account.number(), account.origin())
    }
}

impl TaskTable {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        let mut lists = Lists::default();
        assert_eq!(lists.entries.take(), MAIN, "the first is its own");
        Self {
            inbox,
            lists: RefCell::new(lists),
            len: Cell::new(0),
            yielded: RefCell::default(),
            running: RefCell::default(),
            running_number: Cell::default(),
            tick: TickScope::default(),
            unread: UnreadPanics::default(),
            origins: OriginCache::default(),
            last: Cell::default(),
            spawned: Cell::new(0),
            doubts: RefCell::new(HashMap::with_capacity(DOUBTS)),
        }
    }

    /// Puts a future into the table, ready to run. `R` is told of a result that nobody waits for.
    pub(crate) fn spawn<F, R>(&self, future: F, origin: Origin) -> (Rc<Outcome<F::Output>>, TaskId)
    where
        F: Future + 'static,
        R: Report<F::Output> + 'static,
    {
        let origin = self.origins.number(origin);
        let (job, outcome) = job::new::<F, R>(future, origin);
        let id = self.place(if context::is_none() { job } else { in_context(job) }, origin);
        (outcome, id)
    }

    fn place(&self, job: Job, origin: OriginId) -> TaskId {
        let birth = self.birth(origin);
        let mut lists = self.lists.borrow_mut();
        let number = lists.entries.take();
        let entry = lists.entries.get(number).expect("it was taken");
        mem::forget(entry.job.replace(Some(job))); // there was none, which need not be found out
        self.open(number, entry, birth);
        lists.ready.push_back(number);
        self.len.set(self.len.get() + 1);
        TaskId { entry: number, number: birth.number }
    }

    /// A task begins, and is to be queued.
    #[inline]
    fn open(&self, number: u32, entry: &Entry, birth: Birth) {
        let now = self.now();
        let waker = match entry.waker.take() {
            Some(waker) => {
                waker.set_since(now);
                waker
            }
            None => Arc::new(TaskWaker::new(number, now, self.inbox.clone())),
        };
        waker.set_queued(Queued::Ready);
        entry.put_waker(Some(waker));
        entry.account.open(birth, now);
        entry.marks().is_live.set(true);
        entry.marks().is_aborted.set(false);
    }

    fn birth(&self, origin: OriginId) -> Birth {
        // Zero is nobody's number.
        let number = self.spawned.get().wrapping_add(1).max(1);
        self.spawned.set(number);
        let (parent, parent_origin) = self.running().unwrap_or((0, OriginId::NONE));
        Birth { number, parent, origin, parent_origin }
    }

    /// The number of the running task, and where it comes from.
    pub(super) fn running(&self) -> Option<(u32, OriginId)> {
        let number = self.running_number();
        (number != 0).then(|| (number, self.inbox.pulse.origin()))
    }

    /// When this turn began.
    pub(super) fn now(&self) -> u64 {
        self.inbox.pulse.turn_began.get()
    }

    /// Looks at an entry. Nothing that others have written runs meanwhile.
    #[inline]
    pub(super) fn with<R>(&self, entry: u32, look: impl FnOnce(&Entry) -> R) -> R {
        look(self.lists.borrow().entries.get(entry).expect("an entry is never removed"))
    }

    /// Makes a task of this reactor ready: nothing happens if it has ended or is ready already.
    #[inline]
    pub(crate) fn wake(&self, waker: &TaskWaker) {
        if waker.queued() == Queued::No {
            waker.set_queued(Queued::Ready);
            waker.set_since(self.now());
            self.lists.borrow_mut().ready.push_back(waker.entry());
        }
    }

    /// A task is to be ended, unless it has ended: its future is dropped in the next turn if it is woken for that.
    pub(super) fn abort(&self, id: TaskId) -> Option<Arc<TaskWaker>> {
        self.with(id.entry, |entry| {
            if !entry.is_of(id) {
                return None;
            }
            entry.marks().is_aborted.set(true);
            entry.with_waker(Arc::clone).or_else(|| self.running.borrow().clone())
        })
    }

    /// Whether a task has ended.
    pub(super) fn has_ended(&self, id: TaskId) -> bool {
        self.with(id.entry, |entry| !entry.is_of(id))
    }

    /// The future that the reactor was asked to run begins, and is ready.
    pub(crate) fn begin_main(&self, place: &'static Location<'static>) {
        let birth = self.birth(self.origins.number(Origin { name: Some(MAIN_NAME), place }));
        let is_queued = self.with(MAIN, |entry| {
            // It may have been woken when what was run before it had ended.
            let is_queued = entry.with_waker(|waker| waker.queued() != Queued::No).unwrap_or(false);
            self.open(MAIN, entry, birth);
            is_queued
        });
        if !is_queued {
            self.lists.borrow_mut().ready.push_back(MAIN);
        }
        self.doubts.borrow_mut().remove(&MAIN);
    }

    /// Wakes the running task in the next turn, so that others, timers and sockets come first.
    pub(crate) fn yield_running(&self, waker: &Waker) {
        match &*self.running.borrow() {
            Some(running) if running.is_of(waker) => {
                return match running.queued() {
                    Queued::No => self.put_off(running),
                    Queued::Ready => self.with(running.entry(), |entry| entry.marks().yields.set(true)),
                    Queued::Yielded | Queued::Over => {}
                };
            }
            _ => {}
        }
        // Something within the task has a waker of its own; it knows whom to wake.
        waker.wake_by_ref();
    }

    /// A new turn begins: whoever has yielded is ready again. How many are ready in all.
    pub(crate) fn begin_turn(&self) -> usize {
        let (mut lists, mut yielded) = (self.lists.borrow_mut(), self.yielded.borrow_mut());
        let ready = &mut lists.ready;
        if ready.is_empty() {
            mem::swap(ready, &mut *yielded);
        } else if !yielded.is_empty() {
            ready.append(&mut yielded);
        }
        ready.len()
    }

    /// The next task that is ready.
    #[inline(always)]
    pub(crate) fn next_ready(&self) -> Option<Next> {
        let mut lists = self.lists.borrow_mut();
        let number = lists.ready.pop_front()?;
        let ready = lists.entries.hold(number).expect("an entry is never removed");
        drop(lists);
        if ready.marks().yields.get() { self.next_but(&ready) } else { Some(ready) }
    }

    /// The next but this one, which yields.
    #[cold]
    fn next_but(&self, yields: &Next) -> Option<Next> {
        self.put_off_entry(yields);
        self.next_ready()
    }

    /// Somebody else says which of the tasks that are ready is the next.
    pub(crate) fn bring_forward(&self, choose: &mut impl FnMut(&Ready<'_>) -> usize) {
        loop {
            let chosen = match &*self.lists.borrow() {
                lists if lists.ready.is_empty() => return,
                lists => choose(&Ready(lists)),
            };
            let mut lists = self.lists.borrow_mut();
            lists.ready.swap(0, chosen);
            let first = lists.entries.hold(lists.ready[0]).expect("an entry is never removed");
            if !first.marks().yields.get() {
                return;
            }
            lists.ready.pop_front();
            drop(lists);
            self.put_off_entry(&first);
        }
    }

    /// Wakes a task that nobody has woken: the one of this index, of those there are and then the first one.
    pub(crate) fn wake_spuriously(&self, index: usize) {
        let number = self.all().get(index).copied().unwrap_or(MAIN);
        if let Some(waker) = self.with(number, |entry| entry.with_waker(Arc::clone)) {
            self.wake(&waker);
        }
    }

    fn put_off_entry(&self, yields: &Entry) {
        yields.marks().yields.set(false);
        yields.with_waker(|waker| self.put_off(waker));
    }

    fn put_off(&self, waker: &TaskWaker) {
        waker.set_queued(Queued::Yielded);
        self.yielded.borrow_mut().push_back(waker.entry());
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.lists.borrow().ready.is_empty() || !self.yielded.borrow().is_empty()
    }

    /// Runs a task until it waits or ends.
    #[inline]
    pub(crate) fn run(&self, core: &Core, ready: Next) {
        let entry = &*ready;
        let Some(mut job) = entry.job.take() else { return self.handle_no_job(ready) };
        let (origin, is_aborted) = (entry.account.origin(), entry.marks().is_aborted.get());
        let ended = self.turn_of(core, entry, |cx| {
            if is_aborted {
                job.as_mut().cancel(origin);
            }
            is_aborted || job.as_mut().run(cx, origin)
        });
        if ended {
            self.remove(ready, job);
        } else {
            mem::forget(entry.job.replace(Some(job))); // it is here
        }
    }

    /// Polls the future that the reactor was asked to run.
    pub(crate) fn poll_main<R>(
        &self,
        core: &Core,
        ready: &Next,
        poll: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        self.turn_of(core, ready, poll)
    }

    #[inline]
    fn turn_of<R>(&self, core: &Core, entry: &Entry, run: impl FnOnce(&mut Context<'_>) -> R) -> R {
        budget::refill();
        waits::begin();
        self.inbox.pulse.begin_poll(entry.account.origin());
        let waker = entry.waker.take();
        if let Some(waker) = &waker {
            waker.set_queued(Queued::No);
        }
        // Moved there and back, as to count it twice would cost more.
        mem::forget(self.running.replace(waker)); // nobody runs, which need not be found out
        self.running_number.set(entry.account.number());
        let turn = Turn { table: self, entry };
        let running = self.running.borrow();
        let waker = running.as_ref().expect("nobody runs twice").lend();
        let result = run(&mut Context::from_waker(&waker));
        drop(running);
        drop(turn);
        entry.account.handle_polled(waits::taken());
        if core.timing.is_on() {
            self.time(core, entry);
        }
        result
    }

    /// It has ended, and its entry was kept for this; or a panic of what was told of it has ended its turn half-way.
    #[cold]
    fn handle_no_job(&self, ready: Next) {
        if ready.is_live() {
            ready.with_waker(|waker| waker.set_queued(Queued::No));
        } else {
            self.free(ready);
        }
    }

    /// Times the poll that has ended. If nobody runs after it, the end of the turn's work will be its end, and the clock
    /// need not be read twice.
    #[cold]
    fn time(&self, core: &Core, entry: &Entry) {
        if self.lists.borrow().ready.is_empty() {
            let number = entry.account.number();
            self.last.set(entry.with_waker(|waker| TaskId { entry: waker.entry(), number }));
        } else {
            entry.account.handle_timed(core.timing.end_poll(core.driver.now().as_nanos()));
        }
    }

    /// The work of a turn whose polls are timed has ended.
    pub(crate) fn handle_turn_ended(&self, core: &Core, now: u64) {
        if let Some(last) = self.last.take() {
            let nanos = core.timing.end_poll(now);
            self.with(last.entry, |entry| {
                // It may have ended by that.
                if entry.is_of(last) {
                    entry.account.handle_timed(nanos);
                }
            });
        }
    }

    /// A turn that began then was long, and nobody was timed.
    pub(crate) fn handle_long_turn(&self, began: u64, nanos: u64, polls: u64) {
        for (number, entry) in self.lists.borrow().entries.iter().filter(|(_, entry)| entry.is_live()) {
            let state = entry.with_waker(|waker| (waker.since(), waker.queued()));
            let Some((_, queued)) = state.filter(|(since, _)| *since == began) else { continue };
            // Whoever was woken in it may have run before that, or not.
            let share = if queued == Queued::Ready { 0 } else { nanos / polls };
            if entry.account.handle_long_turn(nanos, share) {
                *self.doubts.borrow_mut().entry(number).or_default() += nanos;
            }
        }
    }

    fn remove(&self, ready: Next, job: Job) {
        self.end(ready.entry, &ready);
        drop(job);
        // A wake-up that is still queued must not reach the next task here; it frees the entry itself.
        if ready.with_waker(|waker| waker.queued()).is_none_or(|queued| queued == Queued::No) {
            self.free(ready);
        }
    }

    /// Gives back the entry of a task that has ended.
    fn free(&self, ready: Next) {
        let entries = &mut self.lists.borrow_mut().entries;
        if let Some(waker) = ready.waker.take() {
            // Nor may a waker that is still somewhere.
            if waker.is_held() || entries.free() >= SPARE_MAX {
                waker.set_queued(Queued::Over);
            } else {
                ready.put_waker(Some(waker));
            }
        }
        entries.give_back(ready.entry);
    }

    /// A task is no more.
    #[inline]
    fn end(&self, number: u32, entry: &Entry) {
        entry.marks().is_live.set(false);
        self.len.set(self.len.get() - 1);
        if entry.account.is_doubtful() {
            self.doubts.borrow_mut().remove(&number);
        }
    }

    /// Ends all tasks: their futures are dropped here, on their own thread.
    pub(crate) fn clear(&self) {
        // A future that is dropped may spawn, so this goes on until nothing is left; a future whose drop always
        // spawns its like would go on for ever, hence the bound.
        for _ in 0..CLEAR_ROUNDS_MAX {
            self.lists.borrow_mut().ready.clear();
            self.yielded.borrow_mut().clear();
            let all = self.all();
            if all.is_empty() {
                return;
            }
            all.into_iter().for_each(|number| self.cancel(number));
        }
        // Without a reactor they could not even be dropped, if they spawn by that.
        let left = self.all();
        notice(
            Level::Error,
            "task",
            format_args!("{} tasks spawn tasks whenever they are dropped, and are leaked", left.len()),
        );
        left.into_iter().for_each(|number| self.with(number, |entry| mem::forget(entry.job.take())));
    }

    /// The entries of all tasks.
    pub(super) fn all(&self) -> Vec<u32> {
        let lists = self.lists.borrow();
        let tasks = lists.entries.iter().filter(|(number, entry)| *number != MAIN && entry.is_live());
        tasks.map(|(number, _)| number).collect()
    }

    /// Ends a task when the reactor ends. Its entry is nobody's any more.
    fn cancel(&self, number: u32) {
        let job = self.with(number, |entry| {
            self.end(number, entry);
            entry.with_waker(|waker| waker.set_queued(Queued::Over));
            Some((entry.job.take()?, entry.account.origin()))
        });
        if let Some((mut job, origin)) = job {
            self.inbox.pulse.begin_poll(origin);
            job.as_mut().cancel(origin);
            self.inbox.pulse.end_poll();
        }
    }

    /// The number of the running task; zero if none runs.
    #[inline]
    pub(crate) fn running_number(&self) -> u32 {
        self.running_number.get()
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// What it takes to look at all of them, by how many: see [`Pages::looks`].
    pub(crate) fn looks(&self) -> usize {
        self.lists.borrow().entries.looks()
    }
}

/// A task whose turn it is.
pub(crate) type Next = Held<Entry>;

impl Next {
    /// Whether it is the future that the reactor was asked to run.
    #[inline]
    pub(crate) fn is_main(&self) -> bool {
        self.entry == MAIN
    }
}

/// A turn of a task; ends when this is dropped, also by a panic.
struct Turn<'a> {
    table: &'a TaskTable,
    entry: &'a Entry,
}

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        let waker = self.table.running.take();
        if let Some(waker) = &waker {
            waker.set_since(self.table.now());
        }
        self.entry.put_waker(waker);
        self.table.running_number.set(0);
        self.table.inbox.pulse.end_poll();
    }
}

/// The entry of the future that the reactor was asked to run.
pub(super) const MAIN: u32 = 0;

/// What that future is called where tasks are listed.
const MAIN_NAME: &str = "main";

/// Enough for a thousand tasks that are spawned at once and then again; a waker is some fifty bytes.
const SPARE_MAX: usize = 1024;

/// So many tasks' doubts need no memory that is not there.
const DOUBTS: usize = 28;

/// How often the end of a reactor drops tasks that were spawned by dropping tasks.
const CLEAR_ROUNDS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::{Poll, Wake};

    use super::*;
    use crate::inspect::{self, TaskState};
    use crate::{core, run, spawn, yield_now};

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

    #[test]
    fn where_there_once_were_many_those_are_looked_at_that_are_there() {
        run(async {
            let crowd: Vec<_> = (0..20_000).map(|_| spawn(async {})).collect();
            for task in crowd {
                task.await.unwrap();
            }
            let left = spawn(std::future::pending::<()>());
            let looked_at = core::with(|core| core.tasks.lists.borrow().entries.iter().count());
            assert!(looked_at < 1_500, "{looked_at} are looked at");
            assert_eq!(inspect::tasks().len(), 2, "it and the main one");
            drop(left);
        });
    }

    /// Wakes one task after the other.
    struct Both([Waker; 2]);

    impl Wake for Both {
        fn wake(self: Arc<Self>) {
            self.0.iter().for_each(Waker::wake_by_ref);
        }
    }

    #[test]
    fn a_wake_up_that_is_left_over_reaches_no_later_task() {
        run(async {
            let (own, is_over) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(false)));
            let (its_own, it_is_over) = (own.clone(), is_over.clone());
            let mut first = spawn(poll_fn(move |cx| {
                *its_own.borrow_mut() = Some(cx.waker().clone());
                if it_is_over.get() { Poll::Ready(()) } else { Poll::Pending }
            }));
            yield_now().await;
            let own: Waker = own.take().expect("it was polled");
            is_over.set(true);
            own.wake_by_ref();
            // Its end wakes whoever waits for it and then the task itself, which is queued behind him when it is no more.
            let end = poll_fn(|cx| {
                let both = Waker::from(Arc::new(Both([cx.waker().clone(), own.clone()])));
                Pin::new(&mut first).poll(&mut Context::from_waker(&both))
            });
            end.await.unwrap();
            for _ in 0..3 {
                let later = spawn(std::future::pending::<()>());
                yield_now().await;
                own.wake_by_ref();
                yield_now().await;
                let listed = inspect::tasks().into_iter().find(|task| task.spawned.name.is_none()).unwrap();
                assert_eq!(listed.polls, 1);
                later.abort();
                assert!(later.await.unwrap_err().is_aborted());
            }
        });
    }
}
