//! The calls that a server runs for one connection: [`Running`].
//!
//! A call's future has no name, so each is kept in a box; the box is used again as long as the connection is busy and
//! freed when it is idle: one allocation for a busy period is the price of an idle connection that holds nothing. It is
//! made where it runs: it may be large, and is not moved about.
//!
//! A panic, as a call is made, polled or dropped, is what becomes of it, and whoever keeps the calls says what it ends.
//!
//! The first call shares the task's own waker and is polled whenever the task is. Of the others each has a waker of
//! its own, so that of a thousand calls only those are polled that have something to do. Their wakers share a lock,
//! which is free unless another thread wakes a call.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::panic::Panic;

/// Futures that run at once, each with a tag that says whose its output is.
#[derive(Debug)]
pub(crate) struct Running<F, T> {
    /// The call that is polled with the task's waker.
    first: Option<Place<F, T>>,
    /// The further ones. Behind a pointer, since most connections have none.
    more: Option<Box<Many<F, T>>>,
    len: usize,
}

/// What a call has answered, or what it panicked with.
pub(crate) type Outcome<O> = Result<O, Panic>;

/// Names a call for as long as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call(usize);

#[derive(Debug)]
struct Many<F, T> {
    places: Vec<More<F, T>>,
    /// The places that no call uses.
    free: Vec<usize>,
    woken: Arc<Woken>,
}

#[derive(Debug)]
struct Place<F, T> {
    future: Pin<Box<Option<F>>>,
    /// Present while there is a future that runs.
    tag: Option<T>,
}

#[derive(Debug)]
struct More<F, T> {
    place: Place<F, T>,
    flag: Arc<Flag>,
    waker: Waker,
}

/// Which of the further calls were woken.
#[derive(Debug, Default)]
struct Woken(Mutex<WokenState>);

#[derive(Debug, Default)]
struct WokenState {
    places: Vec<usize>,
    /// The task's, unless it was woken already.
    task: Option<Waker>,
}

/// Wakes one place.
#[derive(Debug)]
struct Flag {
    place: usize,
    is_woken: AtomicBool,
    woken: Arc<Woken>,
}

impl<F: Future, T> Running<F, T> {
    pub(crate) const fn new() -> Self {
        Self { first: None, more: None, len: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Starts a call, and polls it at once: many answer at once, which is told, and have no name. Others go on by the one
    /// that is returned.
    #[inline]
    pub(crate) fn start(
        &mut self,
        make: impl FnOnce() -> F,
        tag: T,
        cx: &mut Context<'_>,
        handle_done: impl FnOnce(T, Outcome<F::Output>),
    ) -> Option<Call> {
        let first = self.first.get_or_insert_with(Place::new);
        let call = if first.tag.is_none() {
            first.start(make, tag, cx, handle_done).then_some(Call(0))
        } else {
            self.more.get_or_insert_with(Box::default).start(make, tag, cx, handle_done)
        };
        self.len += usize::from(call.is_some());
        call
    }

    /// Drops a call, which must run. What that drops can run anything, so nothing may be borrowed.
    ///
    /// # Errors
    ///
    /// It panicked when it was dropped.
    pub(crate) fn cancel(&mut self, call: Call) -> Result<(), Panic> {
        let place = match (call.0, &mut self.first, &mut self.more) {
            (0, Some(first), _) => first,
            (at, _, Some(more)) => more.cancel(at - 1),
            _ => unreachable!("whoever cancels a call has started it"),
        };
        place.tag = None;
        self.len -= 1;
        Panic::catch(|| place.future.set(None))
    }

    /// Polls those that were woken, and tells which are done.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, mut handle_done: impl FnMut(T, Outcome<F::Output>)) {
        let mut settle = |(tag, outcome)| {
            self.len -= 1;
            handle_done(tag, outcome);
        };
        if let Some(first) = &mut self.first {
            first.poll(cx).into_iter().for_each(&mut settle);
        }
        if let Some(more) = &mut self.more {
            more.poll(cx, settle);
        }
    }

    /// Frees the boxes if no call uses one.
    pub(crate) fn settle(&mut self) {
        if self.is_empty() && self.first.take().is_some() {
            self.more = None;
        }
    }

    #[cfg(test)]
    pub(crate) fn is_unallocated(&self) -> bool {
        self.first.is_none() && self.more.is_none()
    }
}

impl<F: Future, T> Many<F, T> {
    fn start(
        &mut self,
        make: impl FnOnce() -> F,
        tag: T,
        cx: &Context<'_>,
        handle_done: impl FnOnce(T, Outcome<F::Output>),
    ) -> Option<Call> {
        let at = self.free_place();
        self.woken.register(cx.waker());
        let free = &mut self.free;
        let goes_on = self.places[at].start(make, tag, |tag, outcome| {
            free.push(at);
            handle_done(tag, outcome);
        });
        goes_on.then_some(Call(at + 1))
    }

    /// The place of a call that is given up. Whoever wakes it from now on wakes whom it is given to next, in vain.
    fn cancel(&mut self, at: usize) -> &mut Place<F, T> {
        self.free.push(at);
        &mut self.places[at].place
    }

    fn poll(&mut self, cx: &Context<'_>, mut handle_done: impl FnMut((T, Outcome<F::Output>))) {
        // Registered before looking, so that whoever is woken from now on wakes the task again.
        self.woken.register(cx.waker());
        // On a line of its own, so that nothing is locked while they are polled.
        let woken = std::mem::take(&mut self.woken.lock().places);
        for at in woken {
            if let Some(done) = self.places[at].poll() {
                self.free.push(at);
                handle_done(done);
            }
        }
    }

    fn free_place(&mut self) -> usize {
        if let Some(at) = self.free.pop() {
            return at;
        }
        let at = self.places.len();
        let woken = Arc::clone(&self.woken);
        let flag = Arc::new(Flag { place: at, is_woken: AtomicBool::new(false), woken });
        let waker = Waker::from(Arc::clone(&flag));
        self.places.push(More { place: Place::new(), flag, waker });
        at
    }
}

impl<F, T> Default for Many<F, T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new(), woken: Arc::default() }
    }
}

/// One that is dropped as its connection ends may panic, like any: and two of them at once would end the process.
impl<F, T> Drop for Place<F, T> {
    fn drop(&mut self) {
        if self.tag.is_some() {
            drop(Panic::catch(|| self.future.set(None)));
        }
    }
}

impl<F: Future, T> Place<F, T> {
    fn new() -> Self {
        Self { future: Box::pin(None), tag: None }
    }

    /// Makes a call here and polls it. Says whether it goes on.
    #[inline]
    fn start(
        &mut self,
        make: impl FnOnce() -> F,
        tag: T,
        cx: &mut Context<'_>,
        handle_done: impl FnOnce(T, Outcome<F::Output>),
    ) -> bool {
        let mut make = Some(make);
        let outcome = self.run(|mut future| {
            let Some(make) = make.take() else { return Poll::Pending };
            future.set(Some(make()));
            poll(future, cx)
        });
        match outcome {
            Some(outcome) => {
                handle_done(tag, outcome);
                false
            }
            None => {
                self.tag = Some(tag);
                true
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Option<(T, Outcome<F::Output>)> {
        self.tag.as_ref()?;
        let outcome = self.run(|future| poll(future, cx))?;
        Some((self.tag.take()?, outcome))
    }

    /// Runs the future, and drops it when it has ended.
    #[inline]
    fn run(
        &mut self,
        run: impl FnOnce(Pin<&mut Option<F>>) -> Poll<F::Output>,
    ) -> Option<Outcome<F::Output>> {
        let (mut run, mut outcome) = (Some(run), None);
        // It is given where to find things and where to put them, since both may be large, too.
        let caught = Panic::catch(|| {
            let Some(run) = run.take() else { return };
            if let Poll::Ready(output) = run(self.future.as_mut()) {
                outcome = Some(Ok(output));
                // Here, since to drop it may panic, too.
                self.future.set(None);
            }
        });
        if let Err(panic) = caught {
            self.clear_away(outcome.replace(Err(panic)));
        }
        outcome
    }

    /// Drops what a panic has left, whatever that does.
    #[cold]
    fn clear_away(&mut self, output: Option<Outcome<F::Output>>) {
        drop(Panic::catch(|| self.future.set(None)));
        drop(Panic::catch(|| drop(output)));
    }
}

fn poll<F: Future>(future: Pin<&mut Option<F>>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.as_pin_mut().expect("a place that is used has a future").poll(cx)
}

impl<F: Future, T> More<F, T> {
    fn start(
        &mut self,
        make: impl FnOnce() -> F,
        tag: T,
        handle_done: impl FnOnce(T, Outcome<F::Output>),
    ) -> bool {
        self.flag.is_woken.store(false, Ordering::Release);
        self.place.start(make, tag, &mut Context::from_waker(&self.waker), handle_done)
    }

    fn poll(&mut self) -> Option<(T, Outcome<F::Output>)> {
        // Before the poll: what wakes it meanwhile wants it polled again.
        self.flag.is_woken.store(false, Ordering::Release);
        self.place.poll(&mut Context::from_waker(&self.waker))
    }
}

impl Woken {
    /// Whoever is woken shall wake the task.
    fn register(&self, task: &Waker) {
        let mut state = self.lock();
        if !state.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            let replaced = state.task.replace(task.clone());
            drop(state);
            drop(replaced); // To drop a waker can run anything, so nothing is locked.
        }
    }

    fn lock(&self) -> MutexGuard<'_, WokenState> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_woken.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.woken.lock();
        state.places.push(self.place);
        let task = state.task.take();
        drop(state);
        task.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    /// A call that is over when its test says so, and counts how often it was polled.
    #[derive(Clone, Default)]
    struct Call(Rc<Inner>);

    #[derive(Default)]
    struct Inner {
        is_over: Cell<bool>,
        polls: Cell<u32>,
        yields: Cell<u32>,
        waker: RefCell<Option<Waker>>,
    }

    impl Call {
        fn end(&self) {
            self.0.is_over.set(true);
            self.wake();
        }

        fn wake(&self) {
            self.0.waker.take().unwrap().wake();
        }

        fn polls(&self) -> u32 {
            self.0.polls.get()
        }
    }

    impl Future for Call {
        type Output = &'static str;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
            self.0.polls.set(self.0.polls.get() + 1);
            self.0.waker.replace(Some(cx.waker().clone()));
            if self.0.yields.get() > 0 {
                self.0.yields.update(|yields| yields - 1);
                cx.waker().wake_by_ref();
            }
            if self.0.is_over.get() { Poll::Ready("done") } else { Poll::Pending }
        }
    }

    /// A task that counts how often it was woken.
    #[derive(Default)]
    struct Task(std::sync::atomic::AtomicU32);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Task {
        fn wakes(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn poll(running: &mut Running<Call, usize>, task: &Arc<Task>) -> Vec<usize> {
        let mut done = Vec::new();
        let waker = Waker::from(Arc::clone(task));
        running.poll(&mut Context::from_waker(&waker), |tag, _| done.push(tag));
        done
    }

    fn start(running: &mut Running<Call, usize>, calls: &[Call], task: &Arc<Task>) {
        let waker = Waker::from(Arc::clone(task));
        for (tag, call) in calls.iter().enumerate() {
            begin(running, call, tag, &mut Context::from_waker(&waker)).unwrap();
        }
    }

    /// Starts a call. Names it if it goes on.
    fn begin(
        running: &mut Running<Call, usize>,
        call: &Call,
        tag: usize,
        cx: &mut Context<'_>,
    ) -> Option<super::Call> {
        let done = |done, outcome: Outcome<_>| assert_eq!((done, outcome.unwrap()), (tag, "done"));
        running.start(|| call.clone(), tag, cx, done)
    }

    fn places(running: &Running<Call, usize>) -> usize {
        running.more.as_ref().map_or(0, |more| more.places.len())
    }

    #[test]
    fn of_many_calls_only_those_are_polled_that_were_woken() {
        let (task, mut running) = (Arc::new(Task::default()), Running::new());
        let calls: Vec<_> = (0..100).map(|_| Call::default()).collect();
        start(&mut running, &calls, &task);
        assert_eq!(poll(&mut running, &task), []);
        assert_eq!(task.wakes(), 0);
        calls[70].end();
        calls[7].end();
        assert_eq!(task.wakes(), 1, "the task is woken once, however many calls are");
        assert_eq!(poll(&mut running, &task), [70, 7]);
        assert_eq!((calls[70].polls(), calls[7].polls(), calls[8].polls()), (2, 2, 1));
        calls[8].end();
        assert_eq!((task.wakes(), poll(&mut running, &task)), (2, vec![8]));
        assert_eq!(running.len, 97);
    }

    #[test]
    fn the_first_call_goes_with_the_task() {
        let (task, mut running) = (Arc::new(Task::default()), Running::new());
        let calls = [Call::default(), Call::default()];
        start(&mut running, &calls, &task);
        calls[0].end();
        assert_eq!((task.wakes(), poll(&mut running, &task)), (1, vec![0]));
        start(&mut running, &[Call::default()], &task);
        assert_eq!(places(&running), 1, "its place is used again");
    }

    #[test]
    fn a_call_that_answers_at_once_is_never_kept() {
        let mut running = Running::new();
        let mut cx = Context::from_waker(Waker::noop());
        for (tag, answer) in ["a", "b"].into_iter().enumerate() {
            let mut told = None;
            let done = |tag, outcome: Outcome<_>| told = Some((tag, outcome.unwrap()));
            assert_eq!(running.start(|| std::future::ready(answer), tag, &mut cx, done), None);
            assert_eq!(told, Some((tag, answer)));
            assert!(running.is_empty() && running.more.is_none());
        }
    }

    #[test]
    fn behind_a_slow_call_the_quick_ones_share_a_place() {
        let (task, mut running) = (Arc::new(Task::default()), Running::new());
        let calls: Vec<_> = (0..9).map(|_| Call::default()).collect();
        calls[1..].iter().for_each(|call| call.0.is_over.set(true));
        let waker = Waker::from(Arc::clone(&task));
        for (tag, call) in calls.iter().enumerate() {
            let name = begin(&mut running, call, tag, &mut Context::from_waker(&waker));
            assert_eq!(name, (tag == 0).then_some(super::Call(0)));
        }
        assert_eq!((running.len, places(&running)), (1, 1));
    }

    #[test]
    fn a_call_that_is_woken_often_is_polled_once() {
        let (task, mut running) = (Arc::new(Task::default()), Running::new());
        let calls = [Call::default(), Call::default()];
        start(&mut running, &calls, &task);
        let waker = calls[1].0.waker.borrow().clone().unwrap();
        (0..3).for_each(|_| waker.wake_by_ref());
        assert_eq!(poll(&mut running, &task), []);
        assert_eq!((task.wakes(), calls[1].polls()), (1, 2));
    }

    #[test]
    fn a_call_that_yields_is_polled_again() {
        let (task, mut running) = (Arc::new(Task::default()), Running::new());
        let calls = [Call::default(), Call::default()];
        calls.iter().for_each(|call| call.0.yields.set(3));
        start(&mut running, &calls, &task);
        for wakes in [2, 4, 6] {
            assert_eq!(task.wakes(), wakes);
            assert_eq!(poll(&mut running, &task), []);
        }
        calls[1].end();
        assert_eq!((task.wakes(), poll(&mut running, &task)), (7, vec![1]));
    }

    #[test]
    fn a_call_that_is_given_up_is_dropped_and_its_place_used_again() {
        let (task, mut running) = (Arc::new(Task::default()), Running::new());
        let waker = Waker::from(Arc::clone(&task));
        let cx = &mut Context::from_waker(&waker);
        let calls: Vec<_> = (0..3).map(|_| Call::default()).collect();
        let mut names = Vec::new();
        for (tag, call) in calls.iter().enumerate() {
            names.push(begin(&mut running, call, tag, cx).expect("it goes on"));
        }
        calls[1].end(); // Too late: it is given up before it is polled.
        running.cancel(names[1]).expect("no panic");
        running.cancel(names[0]).expect("no panic");
        assert_eq!((running.len, Rc::strong_count(&calls[0].0), Rc::strong_count(&calls[1].0)), (1, 1, 1));
        assert_eq!(poll(&mut running, &task), []);
        let again = [Call::default(), Call::default()];
        start(&mut running, &again, &task);
        assert_eq!((running.len, places(&running)), (3, 2));
        again.iter().for_each(Call::end);
        calls[2].end();
        assert_eq!(poll(&mut running, &task).len(), 3);
        running.settle();
        assert!(running.is_unallocated());
    }

    #[test]
    fn boxes_are_used_again_while_busy_and_freed_when_idle() {
        let (task, mut running) = (Arc::new(Task::default()), Running::new());
        let calls: Vec<_> = (0..3).map(|_| Call::default()).collect();
        start(&mut running, &calls, &task);
        calls[1].end();
        calls[2].end();
        assert_eq!(poll(&mut running, &task), [1, 2]);
        let again = [Call::default(), Call::default()];
        start(&mut running, &again, &task);
        running.settle();
        assert_eq!((places(&running), running.len), (2, 3));

        calls[0].end();
        again.iter().for_each(Call::end);
        assert_eq!(poll(&mut running, &task).len(), 3);
        running.settle();
        assert!(running.is_unallocated());
        again[0].wake(); // Too late, and harmless.
    }

    /// A call that panics: as it is made, as it is polled, as it is dropped when it has answered, or as it is dropped when it
    /// has panicked already.
    #[derive(Clone, Copy, Debug)]
    enum Panics {
        Made,
        Polled,
        Dropped,
        Twice,
    }

    struct Bomb(Panics);

    impl Bomb {
        fn new(panics: Panics) -> Self {
            assert!(!matches!(panics, Panics::Made), "made");
            Self(panics)
        }
    }

    impl Future for Bomb {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            assert!(matches!(self.0, Panics::Dropped), "polled");
            Poll::Ready(())
        }
    }

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!matches!(self.0, Panics::Dropped | Panics::Twice), "dropped");
        }
    }

    #[test]
    fn a_call_that_panics_leaves_its_place_to_the_next() {
        let mut running = Running::new();
        let mut cx = Context::from_waker(Waker::noop());
        for (panics, says) in [
            (Panics::Made, "made"),
            (Panics::Polled, "polled"),
            (Panics::Dropped, "dropped"),
            (Panics::Twice, "polled"),
        ] {
            let mut told = Vec::new();
            let done = |tag, outcome: Outcome<()>| told.push((tag, outcome.unwrap_err().to_string()));
            assert_eq!(running.start(|| Bomb::new(panics), 7, &mut cx, done), None, "{panics:?}");
            assert_eq!(told, [(7, says.to_owned())], "{panics:?}");
            assert!(running.is_empty() && running.more.is_none(), "{panics:?}");
        }
        running.settle();
        assert!(running.is_unallocated());
    }
}
