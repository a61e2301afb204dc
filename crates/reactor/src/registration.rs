//! A source's place in the reactor, and its uses: by a future, by a poll, by a tick.
//!
//! What it is ready for and who waits for that is its [`Interest`]; here it is used until that proves wrong.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::about::About;
use crate::core::{self, Core};
use crate::driver::Token;
use crate::interest::{Interest, Way};
use crate::task::tick::with_tick_waker;
use crate::task::waits::{self, Asked};
use crate::task::{budget, yield_task};
use crate::waiters::Key;

/// A source's registration with the current reactor; ends with the value.
pub(crate) struct Registration {
    core: Rc<Core>,
    interest: Rc<Interest>,
}

impl Registration {
    /// Adds a source to the current reactor. `register` tells the driver, under the token it is given.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[track_caller]
    pub(crate) fn new<T>(register: impl FnOnce(&Core, Token) -> io::Result<T>) -> io::Result<(Self, T)> {
        let core = core::current();
        let interest = core.add_source();
        match register(&core, interest.token()) {
            Ok(source) => Ok((Self { core, interest }, source)),
            Err(error) => {
                core.remove_source(interest.token());
                Err(error)
            }
        }
    }

    /// Says what the source is.
    pub(crate) fn describe(&self, about: About) {
        if about.is_connection() {
            self.core.inbox.pulse.counters.connections.add(1);
        }
        self.interest.describe(about);
    }

    pub(crate) fn interest(&self) -> Rc<Interest> {
        self.interest.clone()
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// The same, to be kept.
    pub(crate) fn core_rc(&self) -> Rc<Core> {
        self.core.clone()
    }

    pub(crate) fn token(&self) -> Token {
        self.interest.token()
    }

    /// Says that the source is worth a try before the driver has told so.
    pub(crate) fn assume_ready(&self, way: Way) {
        self.interest.is_ready(way).set(true);
    }

    /// Says that a use took less than it could: there is no more, unless the end or something urgent is near.
    pub(crate) fn note_short(&self, way: Way) {
        if way == Way::Write || !self.interest.reads_on() {
            self.interest.is_ready(way).set(false);
        }
    }

    /// Uses the source; if it is not ready, the context's task is woken when it is, unless another asks after it.
    pub(crate) fn poll_use<T>(
        &self,
        way: Way,
        cost: u32,
        cx: &Context<'_>,
        operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if !budget::spend(cost) {
            return put_off(cx);
        }
        match self.try_now(way, operation) {
            Some(result) => Poll::Ready(result),
            None => {
                self.check_alive()?;
                self.interest.register_last(way, cx.waker(), || self.task());
                Poll::Pending
            }
        }
    }

    /// Uses the source in a future of its own, which leaves nothing behind when it is dropped.
    pub(crate) fn use_by<T, F>(&self, way: Way, cost: u32, operation: F) -> Use<'_, F>
    where
        F: FnMut() -> io::Result<T> + Unpin,
    {
        Use { registration: self, way, cost, operation, wait: None }
    }

    /// The same for one who is polled again and again, such as a stream: `wait` is its entry among the waiters, to be
    /// given up by [`forget_use`](Self::forget_use).
    #[inline]
    pub(crate) fn poll_use_by<T>(
        &self,
        way: Way,
        cost: u32,
        wait: &mut Option<Key>,
        cx: &Context<'_>,
        operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if !budget::spend(cost) {
            return put_off(cx);
        }
        match self.try_now(way, operation) {
            Some(result) => {
                if let Some(wait) = wait.take() {
                    self.interest.forget(way, wait);
                }
                Poll::Ready(result)
            }
            None => self.wait(way, wait, cx.waker()),
        }
    }

    /// Out of line, so that whoever finds the source ready has nothing to do with it.
    #[inline(never)]
    fn wait<T>(&self, way: Way, wait: &mut Option<Key>, waker: &Waker) -> Poll<io::Result<T>> {
        self.check_alive()?;
        self.interest.wait(way, wait, waker, || self.task());
        Poll::Pending
    }

    /// For who is about to wait: an error if nobody would ever be woken.
    fn check_alive(&self) -> io::Result<()> {
        if self.core.has_ended.get() { Err(ended()) } else { Ok(()) }
    }

    /// Leaves nothing behind of one who was polled.
    pub(crate) fn forget_use(&self, way: Way, wait: Key) {
        self.interest.forget(way, wait);
    }

    /// Uses the source now; inside a tick, finding it not ready registers the task that ticks.
    pub(crate) fn try_use<T>(
        &self,
        way: Way,
        cost: u32,
        operation: impl FnMut() -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let ticks = self.core.tasks.tick.is_ticking();
        if ticks && !budget::spend(cost) {
            with_tick_waker(&self.core, yield_task);
            return Ok(None);
        }
        let result = self.try_now(way, operation);
        if result.is_none() {
            self.check_alive()?;
        }
        if ticks && result.is_none() {
            with_tick_waker(&self.core, |waker| self.interest.register(way, waker));
            waits::note(Asked::Listed);
        }
        result.transpose()
    }

    /// The number of the running task: a waker may be of something within it.
    fn task(&self) -> u32 {
        self.core.tasks.running_number()
    }

    /// Uses the source if it may be ready; `None` if it is not. Nobody is woken by this when it is.
    #[inline]
    pub(crate) fn try_now<T>(
        &self,
        way: Way,
        mut operation: impl FnMut() -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let is_ready = self.interest.is_ready(way);
        if way == Way::Read {
            self.interest.note_read();
        }
        while is_ready.get() {
            match operation() {
                Ok(taken) => return Some(Ok(taken)),
                Err(error) => {
                    if let Some(error) = judge(error, is_ready) {
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }
}

/// The task has used up its budget.
#[cold]
fn put_off<T>(cx: &Context<'_>) -> Poll<T> {
    yield_task(cx.waker());
    Poll::Pending
}

/// Nobody would ever be woken.
#[cold]
fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the reactor on which this was opened has ended")
}

/// A use has failed: the error, if it is one and not an answer about the source.
#[cold]
fn judge(error: io::Error, is_ready: &Cell<bool>) -> Option<io::Error> {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            is_ready.set(false);
            None
        }
        io::ErrorKind::Interrupted => None,
        _ => Some(error),
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.interest.with_about(About::is_connection) {
            self.core.inbox.pulse.counters.connections.subtract(1);
        }
        self.core.remove_source(self.token());
        self.core.end_pauses();
    }
}

/// One use of a source, waiting until it is ready.
pub(crate) struct Use<'a, F> {
    registration: &'a Registration,
    way: Way,
    cost: u32,
    operation: F,
    /// Its entry among the waiters.
    wait: Option<Key>,
}

impl<T, F: FnMut() -> io::Result<T> + Unpin> Future for Use<'_, F> {
    type Output = io::Result<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { registration, way, cost, operation, wait } = &mut *self;
        registration.poll_use_by(*way, *cost, wait, cx, operation)
    }
}

impl<F> Drop for Use<'_, F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            self.registration.forget_use(self.way, wait);
        }
    }
}
