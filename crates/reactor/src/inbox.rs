//! The inbox: how other threads speak to a reactor.
//!
//! A foreign thread leaves a message and, if the reactor is parked, wakes it. The reactor looks at one atomic a
//! turn and takes the lock only when somebody wrote. Messages are data and makers of tasks, never tasks: a future
//! lives and dies on the thread of its reactor.

use std::any::Any;
use std::collections::HashSet;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::core::ReactorId;
use crate::driver::{Token, Unpark};
use crate::notice::{Level, notice};
use crate::presence::{Life, Presence};
use crate::pulse::{Counter, PoolGauges, Pulse};
use crate::task::{JoinError, Origin, TaskWaker, message_of};
use crate::watchdog::Watched;

/// How other threads speak to a reactor, and what they may see of it.
pub(crate) struct Inbox {
    pub(crate) reactor: ReactorId,
    letters: Mutex<Letters>,
    /// How often somebody has written since they were read, written under the lock: for whoever looks from outside.
    pub(crate) unread: Counter,
    /// Its bell is rung when there is a letter.
    presence: Presence,
    unparker: Arc<dyn Unpark>,
    /// What the core publishes for whoever looks at it from outside.
    pub(crate) pulse: Pulse,
    pub(crate) watched: Watched,
    /// Set when the reactor begins, on a driver of which that is so.
    time_passes: AtomicBool,
    /// Set when the reactor begins, on the system's driver.
    pub(crate) pools: OnceLock<PoolGauges>,
}

/// What other threads have said and the reactor has not read yet.
#[derive(Default)]
pub(crate) struct Letters {
    pub(crate) wakes: Vec<Arc<TaskWaker>>,
    pub(crate) makers: Vec<Maker>,
    /// Sources for which another core left something.
    pub(crate) ready: Vec<Token>,
    /// Why the loop of another core of the runtime has failed.
    pub(crate) fault: Option<Box<dyn Any + Send>>,
    closed: bool,
}

/// Makes a task on the reactor's thread.
pub(crate) struct Maker {
    pub(crate) make: Box<dyn FnOnce() + Send>,
    /// Where it was asked for.
    pub(crate) place: &'static Location<'static>,
}

impl Letters {
    /// Where to write; `None` when the reactor has ended.
    fn open(&mut self) -> Option<&mut Self> {
        (!self.closed).then_some(self)
    }

    /// Takes what is there.
    fn take(&mut self) -> Self {
        let closed = self.closed;
        mem::replace(self, Self { closed, ..Self::default() })
    }

    /// Keeps one of each, in the order in which they came first, and makes room for as many again: so a core that is held
    /// while others wake its tasks again and again costs no more memory than it has tasks.
    #[cold]
    fn forget_repeated_wakes(&mut self) {
        let mut seen = HashSet::with_capacity(self.wakes.len());
        self.wakes.retain(|task| seen.insert(task.data()));
        self.wakes.reserve(self.wakes.len());
    }

    /// Takes what is there, and nothing is written any more.
    fn close(&mut self) -> Self {
        self.closed = true;
        self.take()
    }

    /// Drops them, each whatever the others do: what a maker has with it is anybody's, and may panic when it is dropped.
    /// That is told as a panic of the maker would be.
    pub(crate) fn forget(self) {
        let Self { makers, fault, .. } = self;
        for Maker { make, place } in makers {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(make))) {
                JoinError::panicked(payload).report(Maker::origin(place));
            }
        }
        if let Some(payload) = fault {
            notice(
                Level::Error,
                "core",
                format_args!(
                    "another core failed while this one ended: {}",
                    message_of(&*payload).unwrap_or("no message")
                ),
            );
            mem::forget(payload); // its drop may panic in turn
        }
    }
}

impl Maker {
    /// Whose a panic is that is not told by a handle.
    pub(crate) fn origin(place: &'static Location<'static>) -> Origin {
        Origin { name: Some("a function that makes a task"), place }
    }
}

impl Inbox {
    pub(crate) fn new(reactor: ReactorId, unparker: Arc<dyn Unpark>) -> Self {
        Self {
            reactor,
            letters: Mutex::default(),
            unread: Counter::default(),
            presence: Presence::new(),
            unparker,
            pulse: Pulse::default(),
            watched: Watched::default(),
            time_passes: AtomicBool::default(),
            pools: OnceLock::new(),
        }
    }

    /// The reactor begins on a driver whose [time passes](crate::driver::Driver::time_passes) by itself.
    pub(crate) fn handle_time_passes(&self) {
        self.time_passes.store(true, Ordering::Release);
    }

    /// Whether the reactor's time passes by itself; no before it has begun.
    pub(crate) fn time_passes(&self) -> bool {
        self.time_passes.load(Ordering::Acquire)
    }

    /// A foreign thread wakes a task. Forgotten when the reactor has ended, as the task then has too.
    pub(crate) fn wake(&self, task: Arc<TaskWaker>) {
        let mut letters = self.lock();
        if let Some(open) = letters.open() {
            if open.wakes.len() >= WAKES_MANY && open.wakes.len() == open.wakes.capacity() {
                open.forget_repeated_wakes();
            }
            open.wakes.push(task);
            self.post(letters);
        }
    }

    /// The tasks that foreign threads have woken and the reactor has not heard of, by the data of their wakers.
    pub(crate) fn woken(&self) -> HashSet<*const ()> {
        self.lock().wakes.iter().map(TaskWaker::data).collect()
    }

    /// A foreign thread sends what makes a task; given back when the reactor has ended.
    pub(crate) fn send(&self, maker: Maker) -> Result<(), Maker> {
        let mut letters = self.lock();
        let Some(open) = letters.open() else { return Err(maker) };
        open.makers.push(maker);
        self.post(letters);
        Ok(())
    }

    /// Another core left something for a source. Forgotten when the reactor has ended, as the source then has too.
    pub(crate) fn make_ready(&self, source: Token) {
        let mut letters = self.lock();
        if let Some(open) = letters.open() {
            // There are as many as this core has listeners that are spread, which is few.
            if !open.ready.contains(&source) {
                open.ready.push(source);
            }
            self.post(letters);
        }
    }

    /// Another core's loop has failed, by this panic. Given back when the reactor has ended.
    pub(crate) fn fail(&self, payload: Box<dyn Any + Send>) -> Result<(), Box<dyn Any + Send>> {
        let mut letters = self.lock();
        let Some(open) = letters.open().filter(|open| open.fault.is_none()) else { return Err(payload) };
        open.fault = Some(payload);
        self.post(letters);
        Ok(())
    }

    /// Takes all letters: one atomic load when there are none.
    pub(crate) fn take(&self) -> Option<Letters> {
        if !self.has_letters() {
            return None;
        }
        self.presence.bell.answer();
        let mut letters = self.lock();
        self.unread.set(0);
        Some(letters.take())
    }

    /// Whether there is a letter.
    pub(crate) fn has_letters(&self) -> bool {
        self.presence.bell.has_rung()
    }

    /// Announces that the reactor is going to park; false if it must not, since there is a letter.
    pub(crate) fn announce_park(&self) -> bool {
        self.presence.bell.announce_sleep()
    }

    /// Whether the last that was announced is that it parks; its own to ask.
    pub(crate) fn is_parked(&self) -> bool {
        self.presence.bell.is_asleep()
    }

    /// Announces that a turn has begun. Who sees it sees that turn's beginning too.
    pub(crate) fn announce_running(&self) {
        self.presence.bell.announce_awake();
    }

    /// Announces that somebody runs the reactor, from now on.
    pub(crate) fn announce_run(&self) {
        self.presence.announce_run();
    }

    /// Announces that nobody runs the reactor any more, for now.
    pub(crate) fn announce_out(&self) {
        self.presence.announce_out();
    }

    /// What the reactor is about; from any thread.
    pub(crate) fn life(&self) -> Life {
        self.presence.life()
    }

    /// Takes no more letters; late ones are forgotten or given back to whoever writes them. Those that are here are to be
    /// [forgotten](Letters::forget).
    pub(crate) fn close(&self) -> Letters {
        let mut letters = self.lock();
        self.unread.set(0);
        letters.close()
    }

    /// A letter was written.
    fn post(&self, letters: MutexGuard<'_, Letters>) {
        self.unread.add(1);
        drop(letters);
        if self.presence.bell.ring() {
            self.unparker.unpark();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        #[cfg(test)]
        LOCKS.set(LOCKS.get() + 1);
        // Nothing that can panic runs under this lock, so what it guards is whole even if it says otherwise.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From here on it is looked for wakes that were written twice, whenever there is no room for more.
const WAKES_MANY: usize = 1024;

#[cfg(test)]
thread_local! {
    /// How often this thread has taken the lock of an inbox.
    static LOCKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::bell::Bell;
    use crate::driver::hand::Hand;
    use crate::{Config, CoreId, Reactor, channel, spawn, spawn_on, yield_now};

    #[test]
    fn a_turn_in_which_nobody_spoke_to_the_core_takes_no_lock() {
        let (hand, clock) = Hand::new().unwrap();
        Reactor::with_driver(Config::default(), hand).run(async move {
            let (sender, mut receiver) = channel::mpsc::channel(1);
            for _ in 0..100 {
                let sender = sender.clone();
                let task = spawn(async move {
                    yield_now().await;
                    sender.send(1).await
                });
                assert_eq!(receiver.recv().await, Some(1));
                task.await.unwrap().unwrap();
                clock.pass(Duration::from_secs(1)).await;
            }
            assert_eq!(LOCKS.get(), 0);
            spawn_on(CoreId::current(), || async {}).await.unwrap();
            assert_eq!(LOCKS.get(), 2, "to write a letter, and to read it");
        });
    }

    #[test]
    fn whether_time_passes_is_for_the_driver_to_say() {
        let (hand, _clock) = Hand::new().unwrap();
        assert!(!Reactor::with_driver(Config::default(), hand).handle().inbox.time_passes());
        // It has nothing to do with whether somebody watches.
        let config = Config { held_max: None, ..Config::default() };
        assert!(Reactor::new(config).unwrap().handle().inbox.time_passes());
    }

    /// The lock and the bell are a model's, what is done under the one and when the other is rung is as above.
    #[test]
    fn a_maker_is_run_or_comes_back_whenever_the_reactor_ends() {
        use crate::atomics::modelled::model;
        model(Some(3), || {
            let letters = loom::sync::Arc::new(loom::sync::Mutex::new(Letters::default()));
            let bell = loom::sync::Arc::new(Bell::<loom::sync::atomic::AtomicBool>::new());
            let run = Arc::new(AtomicUsize::new(0));
            let writers = [(); 2].map(|()| {
                let (letters, bell, run) = (letters.clone(), bell.clone(), run.clone());
                loom::thread::spawn(move || {
                    let make = Box::new(move || {
                        run.fetch_add(1, Ordering::Relaxed);
                    });
                    let mut letters = letters.lock().unwrap();
                    let Some(open) = letters.open() else { return 1 };
                    open.makers.push(Maker { make, place: Location::caller() });
                    drop(letters);
                    let _nobody_sleeps = bell.ring();
                    0
                })
            });
            // A turn, and the end.
            if bell.has_rung() {
                bell.answer();
                let taken = letters.lock().unwrap().take();
                taken.makers.into_iter().for_each(|maker| (maker.make)());
            }
            let forgotten = letters.lock().unwrap().close().makers.len();
            let given_back: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
            assert_eq!(run.load(Ordering::Relaxed) + forgotten + given_back, 2);
            assert!(letters.lock().unwrap().makers.is_empty(), "nobody would ever see it");
        });
    }

    #[test]
    fn a_core_that_is_held_remembers_of_each_task_once_that_it_was_woken() {
        let inbox = Arc::new(Inbox::new(ReactorId::new(), Arc::new(Counted::default())));
        let tasks: Vec<_> =
            (0..3000).map(|entry| Arc::new(TaskWaker::new(entry, 0, inbox.clone()))).collect();
        for round in 0..100 {
            let task = |index: usize| tasks[(index * 7 + round) % tasks.len()].clone();
            (0..tasks.len()).for_each(|index| inbox.wake(task(index)));
        }
        (0..1000).for_each(|_| inbox.make_ready(Token(1)));
        let Letters { wakes, ready, .. } = inbox.take().unwrap();
        assert_eq!(ready, [Token(1)]);
        let woken: HashSet<_> = wakes.iter().map(TaskWaker::data).collect();
        assert!(tasks.iter().all(|task| woken.contains(&task.data())), "none is lost");
        let in_order = wakes.iter().zip([&tasks[0], &tasks[7]]);
        assert!(in_order.clone().all(|(woken, task)| Arc::ptr_eq(woken, task)), "they are in order");
        assert!(wakes.capacity() <= 4 * tasks.len(), "{}", wakes.capacity());
    }

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Unpark for Counted {
        fn unpark(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_is_awake_is_written_to_without_a_system_call_and_who_sleeps_is_woken_once() {
        let unparked = Arc::new(Counted::default());
        let inbox = Inbox::new(ReactorId::new(), unparked.clone());
        let write = || {
            for source in 0..10 {
                inbox.make_ready(Token(source));
            }
        };
        inbox.announce_run();
        write();
        assert_eq!(unparked.0.load(Ordering::Relaxed), 0);
        assert!(!inbox.announce_park(), "there is a letter");
        assert_eq!(inbox.take().unwrap().ready.len(), 10);
        assert!(inbox.announce_park());
        write();
        assert_eq!(unparked.0.load(Ordering::Relaxed), 1);
        inbox.announce_running();
        assert_eq!(inbox.take().unwrap().ready.len(), 10);
        assert!(inbox.take().is_none());
    }
}
