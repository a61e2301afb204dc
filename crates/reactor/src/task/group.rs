//! Groups: tasks that have one owner, who sees each of them end or ends them all.
//!
//! A group spawns as everybody does and owns the handles; what it adds is that it hears of an end without asking
//! every handle ([`Ended`]), and that it lets go of no child. It never runs one itself: children are tasks like others.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use slab::Slab;

use super::waits::{self, Asked};
use super::{JoinError, JoinHandle, Origin, poll_budget, spawn_from, tick_waker, try_budget};
use crate::waiters::Waiter;

/// Tasks that are bounded in number, and joined or cancelled as one.
///
/// A child belongs to the group from [`spawn`](Self::spawn) until its result is taken, and so many can belong to it at a
/// time. When the group is dropped, by a `?`, a time-out or an abort of the task that owns it, its children are
/// aborted. So nothing that a task begins by a group goes on without it, and no result of a child is out of sight.
///
/// A full group makes room by giving a result away: `spawn` waits for a child to end and returns what it gave. Were it
/// to wait for room alone, an owner who spawns in a loop would either collect results without bound or wait for
/// himself.
///
/// ```
/// use ekiden_reactor::{TaskGroup, yield_now};
///
/// ekiden_reactor::run(async {
///     let mut group = TaskGroup::new(10);
///     let mut sum = 0;
///     for number in 1..=100 {
///         let ended = group.spawn(async move {
///             yield_now().await;
///             number
///         });
///         sum += ended.await?.unwrap_or(0); // of the child that made room, if there was none
///     }
///     while let Some(number) = group.join_next().await {
///         sum += number?;
///     }
///     assert_eq!(sum, 5050);
///     Ok::<(), ekiden_reactor::JoinError>(())
/// })
/// # .unwrap();
/// ```
///
/// Where children may fail, [`try_join_all`](Self::try_join_all) ends them all by the first failure. Also a [`Stream`]
/// of results, which comes to an end whenever the group is empty.
#[must_use = "a group that is dropped aborts its children"]
pub struct TaskGroup<T> {
    max: usize,
    children: Slab<Child<T>>,
    /// Results that have left their handles and not the group, oldest first.
    results: VecDeque<Outcome<T>>,
    ends: Rc<RefCell<Ends>>,
}

impl<T: 'static> TaskGroup<T> {
    /// A group that holds at most `max` children: those that run, and those whose result was not taken.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    pub fn new(max: usize) -> Self {
        assert!(max > 0, "a group needs room for one child: the maximum is at least 1");
        Self { max, children: Slab::new(), results: VecDeque::new(), ends: Rc::default() }
    }

    /// Spawns a child when there is room. In a full group it first waits until a child has ended, and returns the
    /// result of that one; `Ok(None)` if there was room.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is done has spawned nothing and taken no result; the child's future is
    /// dropped with it.
    ///
    /// # Errors
    ///
    /// If the child that made room panicked or was aborted. The new one has been spawned even so.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> impl Future<Output = Result<Option<T>, JoinError>>
    where
        F: Future<Output = T> + 'static,
    {
        let origin = Origin { name: None, place: Location::caller() };
        async move {
            let ended = if self.is_full() { self.join_next().await } else { None };
            self.start(future, origin);
            ended.transpose()
        }
    }

    /// Spawns a child if there is room.
    ///
    /// Inside a tick, a full group has the task ticked again when a child has ended; whose result is then to be
    /// taken, to make room.
    ///
    /// # Errors
    ///
    /// The future itself, if the group is full.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[track_caller]
    pub fn try_spawn<F>(&mut self, future: F) -> Result<(), F>
    where
        F: Future<Output = T> + 'static,
    {
        if self.is_full() {
            if let Some(waker) = tick_waker() {
                let replaced = self.ends.borrow_mut().owner.register(&waker);
                drop(replaced);
                waits::note(Asked::Group);
            }
            return Err(future);
        }
        self.start(future, Origin { name: None, place: Location::caller() });
        Ok(())
    }

    /// Waits until a child has ended, and takes its result: in the order in which they end. `None` if the group is
    /// empty.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a result is taken in the same poll that returns it.
    ///
    /// # Errors
    ///
    /// If the child panicked or was aborted.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// Asks for the next result, and has the task woken when there is one. As [`join_next`](Self::join_next) otherwise.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        ready!(poll_budget(cx));
        let next = ready!(self.poll_next_outcome(Some(cx.waker())));
        Poll::Ready(next.map(|outcome| outcome.result))
    }

    /// Takes the next result if a child has ended. Inside a tick, `None` has the task ticked again when one does,
    /// unless the group is empty.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        if !try_budget() {
            return None;
        }
        match self.poll_next_outcome(tick_waker().as_ref()) {
            Poll::Ready(next) => next.map(|outcome| outcome.result),
            Poll::Pending => None,
        }
    }

    /// Waits until all children have ended, and takes their results, in the order in which they ended.
    ///
    /// A failure ends nobody: for that there is [`try_join_all`](Self::try_join_all). After an [`abort`](Self::abort)
    /// this waits until the children are gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the results are in the group until all are there.
    pub async fn join_all(&mut self) -> Vec<Result<T, JoinError>> {
        self.await_all_ended(|_| false).await;
        self.results.drain(..).map(|outcome| outcome.result).collect()
    }

    /// Aborts all children: their futures are dropped at the reactor's next turn. Results that are there stay, and
    /// those who are aborted say so by theirs.
    pub fn abort(&self) {
        self.children.iter().for_each(|(_, child)| child.handle.abort());
    }

    /// How many children belong to the group: those that run, and those whose result was not taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.len() + self.results.len()
    }

    /// Whether no child belongs to the group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room for one more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    fn start<F: Future<Output = T> + 'static>(&mut self, future: F, origin: Origin) {
        let vacant = self.children.vacant_entry();
        let ended = Ended { key: vacant.key(), ends: self.ends.clone() };
        vacant.insert(Child { handle: spawn_from(Watched { future, ended }, origin), origin });
    }

    fn poll_next_outcome(&mut self, waker: Option<&Waker>) -> Poll<Option<Outcome<T>>> {
        match self.results.pop_front() {
            Some(outcome) => Poll::Ready(Some(outcome)),
            None if self.children.is_empty() => Poll::Ready(None),
            None => self.poll_ended(waker).map(Some),
        }
    }

    /// Waits until no child runs, and keeps the results. The first failure aborts the others, who then fail too; so each
    /// child is looked at once, also where there are very many.
    async fn await_all_ended(&mut self, is_failure: fn(&Result<T, JoinError>) -> bool) {
        let mut has_failed = self.results.iter().any(|outcome| is_failure(&outcome.result));
        if has_failed {
            self.abort();
        }
        poll_fn(|cx| {
            while !self.children.is_empty() {
                ready!(poll_budget(cx));
                let outcome = ready!(self.poll_ended(Some(cx.waker())));
                if !has_failed && is_failure(&outcome.result) {
                    has_failed = true;
                    self.abort();
                }
                self.results.push_back(outcome);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// The result of a child that has ended, out of its handle.
    fn poll_ended(&mut self, waker: Option<&Waker>) -> Poll<Outcome<T>> {
        let key = ready!(Ends::poll_key(&self.ends, waker));
        let child = self.children.get_mut(key).expect("a child is in the table until its end was seen");
        let mut cx = Context::from_waker(waker.unwrap_or(Waker::noop()));
        match Pin::new(&mut child.handle).poll(&mut cx) {
            Poll::Ready(result) => {
                let origin = self.children.remove(key).origin;
                Poll::Ready(Outcome { result, origin })
            }
            // Its future is gone and it is about to end: we were polled by our own waker, as no task of ours is.
            Poll::Pending => {
                self.ends.borrow_mut().keys.push_front(key);
                Poll::Pending
            }
        }
    }
}

impl<T: 'static, E: 'static> TaskGroup<Result<T, E>> {
    /// Waits until all children have ended, and takes their values, in the order in which they ended. The first that
    /// fails or panics has the others aborted.
    ///
    /// When this returns no child runs any more, also after a failure: what it was made of has been dropped.
    ///
    /// ```
    /// use ekiden_reactor::{ChildError, TaskGroup};
    ///
    /// ekiden_reactor::run(async {
    ///     let mut group = TaskGroup::new(2);
    ///     group.spawn(async { std::future::pending().await }).await?;
    ///     group.spawn(async { Err::<(), _>("no route to the next station") }).await?;
    ///     let error = group.try_join_all().await.unwrap_err();
    ///     assert!(matches!(error, ChildError::Failed("no route to the next station")));
    ///     Ok::<(), ekiden_reactor::JoinError>(())
    /// })
    /// # .unwrap();
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the results are in the group until all are there. Whoever was aborted by a
    /// failure stays so.
    ///
    /// # Errors
    ///
    /// The first failure. Those that came after it are dropped, and of the panics among them the operator is told;
    /// who wants them all takes them by [`join_next`](Self::join_next).
    pub async fn try_join_all(&mut self) -> Result<Vec<T>, ChildError<E>> {
        self.await_all_ended(|result| !matches!(result, Ok(Ok(_)))).await;
        let mut values = Vec::with_capacity(self.results.len());
        while let Some(outcome) = self.results.pop_front() {
            let error = match outcome.result {
                Ok(Ok(value)) => {
                    values.push(value);
                    continue;
                }
                Ok(Err(error)) => ChildError::Failed(error),
                Err(error) => ChildError::Lost(error),
            };
            self.report_rest();
            return Err(error);
        }
        Ok(values)
    }
}

impl<T> TaskGroup<T> {
    /// Nobody takes these results: the operator is told of the panics.
    fn report_rest(&mut self) {
        for outcome in self.results.drain(..) {
            if let Err(error) = outcome.result {
                error.report(outcome.origin);
            }
        }
    }
}

/// Aborts the children: their futures are dropped at the reactor's next turn. Of panics that nobody has seen the
/// operator is told.
impl<T> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        self.report_rest();
        self.children.iter().for_each(|(_, child)| child.handle.abort());
    }
}

impl<T: 'static> Stream for TaskGroup<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_join_next(cx)
    }
}

/// The children's results are never pinned.
impl<T> Unpin for TaskGroup<T> {}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.children.len() + self.results.len();
        f.debug_struct("TaskGroup").field("len", &len).field("max", &self.max).finish_non_exhaustive()
    }
}

/// Why a group of children that may fail gave no values.
#[derive(Debug)]
pub enum ChildError<E> {
    /// A child returned this error.
    Failed(E),
    /// A child panicked or was aborted.
    Lost(JoinError),
}

impl<E: fmt::Display> fmt::Display for ChildError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Lost(error) => error.fmt(f),
        }
    }
}

impl<E: Error> Error for ChildError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Lost(error) => error.source(),
        }
    }
}

struct Child<T> {
    handle: JoinHandle<T>,
    origin: Origin,
}

struct Outcome<T> {
    result: Result<T, JoinError>,
    origin: Origin,
}

/// The children that have ended and were not looked at, in that order, and who waits for one.
#[derive(Default)]
struct Ends {
    keys: VecDeque<usize>,
    owner: Waiter,
}

impl Ends {
    fn poll_key(ends: &RefCell<Self>, waker: Option<&Waker>) -> Poll<usize> {
        let mut state = ends.borrow_mut();
        if let Some(key) = state.keys.pop_front() {
            return Poll::Ready(key);
        }
        let replaced = waker.and_then(|waker| state.owner.register(waker));
        if waker.is_some() {
            waits::note(Asked::Group);
        }
        drop(state);
        drop(replaced); // when nothing is borrowed
        Poll::Pending
    }
}

pin_project! {
    /// A child's future, and the word that it has ended.
    struct Watched<F> {
        #[pin]
        future: F,
        ended: Ended,
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// Says that a child has ended when it is dropped with the child's future: after a result, a panic or an abort.
struct Ended {
    key: usize,
    ends: Rc<RefCell<Ends>>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut ends = self.ends.borrow_mut();
        ends.keys.push_back(self.key);
        let owner = ends.owner.take();
        drop(ends);
        if let Some(owner) = owner {
            owner.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{run, spawn, yield_now};

    thread_local!(static LOOKS: Cell<usize> = const { Cell::new(0) });

    fn is_failure(result: &Result<u32, JoinError>) -> bool {
        LOOKS.set(LOOKS.get() + 1);
        result.is_err()
    }

    /// How often the results of a hundred children are looked at, who end one by one, the first so many of them well.
    fn looks(well: u32) -> usize {
        LOOKS.set(0);
        run(async {
            let mut group = TaskGroup::new(100);
            for number in 0..100 {
                let child = async move {
                    for _ in 0..number {
                        yield_now().await;
                    }
                    assert!(number < well, "a child of the test panics");
                    number
                };
                group.spawn(child).await.unwrap();
            }
            spawn(async move {
                group.await_all_ended(is_failure).await;
                assert_eq!(
                    group.join_all().await.iter().filter(|result| result.is_ok()).count(),
                    well as usize
                );
            })
            .await
            .unwrap();
        });
        LOOKS.get()
    }

    #[test]
    fn each_result_is_looked_at_once_and_none_after_a_failure() {
        assert_eq!(looks(100), 100);
        assert_eq!(looks(5), 6);
    }
}
