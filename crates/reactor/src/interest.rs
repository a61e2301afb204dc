//! Interest: what a source is ready for, and who waits for it.
//!
//! A source is registered with the driver once, for both directions and edge-triggered. Its readiness is kept here
//! until a use proves it wrong, so a wake-up costs no system call; and whoever finds the source not ready is kept
//! here too, so that nobody ever registers interest by hand.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

use crate::about::{About, Brief, Wanted};
use crate::driver::{Readiness, Token};
use crate::task::waits::{self, Asked};
use crate::waiters::{Key, Taken, Waiter, Waiters};
use crate::wakers::wake_the_same;

/// The readiness of one source, and its waiters.
///
/// Every idle connection has one, so it is kept small: what is seldom needed is in a box.
pub(crate) struct Interest {
    readable: Cell<bool>,
    writable: Cell<bool>,
    /// What was said of its end so far.
    end: Cell<End>,
    /// The first of those who wait to read is to be woken when the connection is gone, whatever becomes of that wait.
    is_watched: Cell<bool>,
    /// Somebody has read since it was last asked.
    has_read: Cell<bool>,
    about: Cell<Brief>,
    /// Under which the driver knows it.
    token: u32,
    waiting: RefCell<Waiting>,
}

#[derive(Default)]
struct Waiting {
    to_read: Waiters,
    seldom: Option<Box<Seldom>>,
}

/// What most connections never have.
#[derive(Default)]
struct Seldom {
    /// Most sockets always have room.
    to_write: Waiters,
    /// Whoever waits for the connection to be gone, and does not read meanwhile.
    watcher: Waiter,
    /// If that is long.
    about: About,
}

/// How near a source is to its end, whether or not anybody reads or writes. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    #[default]
    None,
    /// A short read is not the last word: something was out of band.
    ReadOn,
    /// The peer sends no more.
    ReadClosed,
    /// The connection is gone.
    Gone,
}

/// Which way a source is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Read,
    Write,
}

impl Interest {
    pub(crate) fn new(token: Token) -> Self {
        Self {
            readable: Cell::default(),
            writable: Cell::default(),
            end: Cell::default(),
            is_watched: Cell::default(),
            has_read: Cell::default(),
            about: Cell::default(),
            token: token.0.try_into().expect("a table of sources has fewer than four billion"),
            waiting: RefCell::default(),
        }
    }

    pub(crate) fn token(&self) -> Token {
        Token(self.token as usize)
    }

    /// The driver says that the source became ready.
    #[inline]
    pub(crate) fn handle_ready(&self, readiness: Readiness) {
        if readiness.read_on {
            self.handle_end(if readiness.read_closed { End::ReadClosed } else { End::ReadOn });
        }
        if readiness.readable {
            self.wake_readers();
        }
        if readiness.writable {
            self.writable.set(true);
            let waiting = self.waiting.borrow_mut().take_writers();
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
        if readiness.gone {
            self.handle_gone();
        }
    }

    #[inline]
    fn wake_readers(&self) {
        self.readable.set(true);
        self.is_watched.set(false); // who is woken asks again
        let waiting = self.waiting.borrow_mut().to_read.take_all();
        waiting.wake();
    }

    #[cold]
    fn handle_end(&self, end: End) {
        self.end.set(self.end.get().max(end));
    }

    #[cold]
    fn handle_gone(&self) {
        if !self.is_gone() {
            self.handle_end(End::Gone);
            // It can be read: the error, or the end.
            self.wake_readers();
            let watcher = self.waiting.borrow_mut().seldom.as_mut().and_then(|seldom| seldom.watcher.take());
            if let Some(watcher) = watcher {
                watcher.wake();
            }
        }
    }

    /// Whether the connection is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.end.get() == End::Gone
    }

    /// Whether the connection is gone; if not, the context's task is woken when it is, unless another asks after it.
    pub(crate) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_gone() {
            return Poll::Ready(());
        }
        // Only who asked last is woken for sure, and that is this one now.
        self.is_watched.set(false);
        let replaced = self.waiting.borrow_mut().seldom().watcher.register(cx.waker());
        drop(replaced);
        waits::note(Asked::Listed);
        Poll::Pending
    }

    /// The same, by whoever may have asked to read just now: then he is woken in any case, and nothing is kept.
    #[inline]
    pub(crate) fn poll_gone_beside_reads(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_gone() {
            return Poll::Ready(());
        }
        if self.is_first_to_read(cx.waker()) {
            self.is_watched.set(true);
            return Poll::Pending;
        }
        self.poll_gone(cx)
    }

    /// Whether the peer sends no more.
    pub(crate) fn is_read_closed(&self) -> bool {
        self.end.get() >= End::ReadClosed
    }

    #[inline]
    fn is_first_to_read(&self, waker: &Waker) -> bool {
        self.waiting.borrow().to_read.first().is_some_and(|first| wake_the_same(first, waker))
    }

    /// Somebody reads, or reads no longer, in place of whoever was the first to; if that one is to be woken when the
    /// connection is gone, it waits for that by itself from now on.
    #[cold]
    fn watch_apart(&self) {
        self.is_watched.set(false);
        let mut waiting = self.waiting.borrow_mut();
        let Some(first) = waiting.to_read.first().cloned() else { return };
        let replaced = waiting.seldom().watcher.register(&first);
        drop(waiting);
        drop((replaced, first)); // dropping a waker may do anything
    }

    /// Says what the source is.
    pub(crate) fn describe(&self, about: About) {
        let brief = Brief::from(&about);
        if let Brief::Long = brief {
            self.waiting.borrow_mut().seldom().about = about;
        }
        self.about.set(brief);
    }

    /// Asks what the source is.
    pub(crate) fn with_about<R>(&self, ask: impl FnOnce(&About) -> R) -> R {
        match self.about.get().about() {
            Some(about) => ask(&about),
            None => ask(self.waiting.borrow().seldom.as_ref().map_or(&About::Custom, |seldom| &seldom.about)),
        }
    }

    /// Everybody who waits for the source: for what, their wakers, and the numbers of their tasks where they are known.
    pub(crate) fn each_waiter(&self, mut tell: impl FnMut(Wanted, &Waker, u32)) {
        let waiting = self.waiting.borrow();
        waiting.to_read.each(|waker, task| tell(Wanted::Use(Way::Read), waker, task));
        if let Some(seldom) = &waiting.seldom {
            seldom.to_write.each(|waker, task| tell(Wanted::Use(Way::Write), waker, task));
            if let Some(waker) = seldom.watcher.waker() {
                tell(Wanted::Hangup, waker, 0);
            }
        }
    }

    /// Does something, and says whether anybody has read meanwhile.
    #[inline]
    pub(crate) fn reads_within<R>(&self, act: impl FnOnce() -> R) -> (R, bool) {
        let before = self.has_read.replace(false);
        let result = act();
        let has_read = self.has_read.get();
        self.has_read.set(before || has_read);
        (result, has_read)
    }

    /// Somebody reads.
    #[inline]
    pub(crate) fn note_read(&self) {
        self.has_read.set(true);
    }

    /// Whether a short read is not the last word.
    pub(crate) fn reads_on(&self) -> bool {
        self.end.get() != End::None
    }

    pub(crate) fn is_ready(&self, way: Way) -> &Cell<bool> {
        match way {
            Way::Read => &self.readable,
            Way::Write => &self.writable,
        }
    }

    /// Somebody waits, and has an entry of his own, `wait`. `task` says within which task.
    #[inline]
    pub(crate) fn wait(&self, way: Way, wait: &mut Option<Key>, waker: &Waker, task: impl FnOnce() -> u32) {
        waits::note(Asked::Listed);
        self.about_to_wait(way, waker);
        let replaced = self.waiting.borrow_mut().of(way).poll_within(wait, waker, task);
        drop(replaced);
    }

    #[inline]
    fn about_to_wait(&self, way: Way, waker: &Waker) {
        if self.is_watched.get() && way == Way::Read && !self.is_first_to_read(waker) {
            self.watch_apart();
        }
    }

    /// Whoever had that entry waits no more.
    #[inline(never)]
    pub(crate) fn forget(&self, way: Way, wait: Key) {
        // As a rule it has been woken, and is gone.
        if !self.waiting.borrow_mut().of(way).has_gone(wait) {
            self.remove(way, wait);
        }
    }

    #[inline(never)]
    fn remove(&self, way: Way, wait: Key) {
        if way == Way::Read && self.is_watched.get() {
            self.watch_apart();
        }
        let removed = self.waiting.borrow_mut().of(way).remove(wait);
        drop(removed);
    }

    /// A task waits, in place of whoever did so before. `task` says which.
    pub(crate) fn register_last(&self, way: Way, waker: &Waker, task: impl FnOnce() -> u32) {
        waits::note(Asked::Listed);
        self.about_to_wait(way, waker);
        let replaced = self.waiting.borrow_mut().of(way).register_last(waker, task);
        drop(replaced);
    }

    /// A waker is to be woken once.
    pub(crate) fn register(&self, way: Way, waker: &Waker) {
        self.waiting.borrow_mut().of(way).register(waker);
    }
}

impl Waiting {
    /// All who wait to write, if there is anybody.
    #[inline]
    fn take_writers(&mut self) -> Option<Taken> {
        let to_write = &mut self.seldom.as_mut()?.to_write;
        if to_write.is_empty() { None } else { Some(to_write.take_all()) }
    }

    #[inline]
    fn seldom(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }

    #[inline]
    fn of(&mut self, way: Way) -> &mut Waiters {
        match way {
            Way::Read => &mut self.to_read,
            Way::Write => &mut self.seldom().to_write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::woken::Woken;

    /// A connection and two tasks, the first of which waits to read and for the end.
    struct Scene {
        interest: Interest,
        woken: Woken,
        wakers: [Waker; 3],
    }

    impl Scene {
        fn new() -> Self {
            let woken = Woken::default();
            let wakers = [0, 1, 2].map(|number| woken.waker(number));
            Self { interest: Interest::new(Token(0)), woken, wakers }
        }

        fn watch(&self) {
            let cx = Context::from_waker(&self.wakers[0]);
            assert!(self.interest.poll_gone_beside_reads(&cx).is_pending());
        }

        fn is_kept_apart(&self) -> bool {
            self.interest.waiting.borrow().seldom.is_some()
        }

        /// Who is woken when the connection is gone.
        fn woken_by_the_end(self) -> Vec<usize> {
            self.interest.handle_ready(Readiness::new(false, false).gone());
            assert!(self.interest.is_gone());
            self.woken.take()
        }
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Interest>(), 72);
    }

    #[test]
    fn who_waits_to_read_hears_of_the_end_and_nothing_is_kept_for_that() {
        let scene = Scene::new();
        scene.interest.register_last(Way::Read, &scene.wakers[0], || 1);
        scene.watch();
        assert!(!scene.is_kept_apart());
        assert_eq!(scene.woken_by_the_end(), [0]);
    }

    #[test]
    fn who_does_not_wait_to_read_hears_of_the_end() {
        let scene = Scene::new();
        scene.interest.register_last(Way::Read, &scene.wakers[1], || 2);
        scene.watch();
        assert!(scene.is_kept_apart());
        assert_eq!(scene.woken_by_the_end(), [1, 0]);
    }

    #[test]
    fn who_waits_to_read_no_longer_hears_of_the_end() {
        let scene = Scene::new();
        let mut wait = None;
        scene.interest.wait(Way::Read, &mut wait, &scene.wakers[0], || 1);
        scene.watch();
        scene.interest.forget(Way::Read, wait.expect("it waits"));
        assert_eq!(scene.woken_by_the_end(), [0]);
    }

    #[test]
    fn who_waited_to_read_until_another_did_hears_of_the_end() {
        let scene = Scene::new();
        scene.interest.register_last(Way::Read, &scene.wakers[0], || 1);
        scene.watch();
        scene.interest.register_last(Way::Read, &scene.wakers[1], || 2);
        assert_eq!(scene.woken_by_the_end(), [1, 0]);
    }

    #[test]
    fn who_asked_last_for_the_end_hears_of_it_whoever_reads_then() {
        let scene = Scene::new();
        scene.interest.register_last(Way::Read, &scene.wakers[0], || 1);
        scene.watch();
        let asked = scene.interest.poll_gone(&Context::from_waker(&scene.wakers[1]));
        assert!(asked.is_pending());
        scene.interest.register_last(Way::Read, &scene.wakers[2], || 3);
        assert!(scene.woken_by_the_end().contains(&1));
    }

    #[test]
    fn who_was_woken_to_read_asks_anew() {
        let scene = Scene::new();
        scene.interest.register_last(Way::Read, &scene.wakers[0], || 1);
        scene.watch();
        scene.interest.handle_ready(Readiness::new(true, false));
        assert_eq!(scene.woken.take(), [0]);
        scene.interest.register_last(Way::Read, &scene.wakers[1], || 2);
        assert!(!scene.is_kept_apart(), "nobody waits for the end");
        assert_eq!(scene.woken_by_the_end(), [1]);
    }

    #[test]
    fn reads_are_seen_by_all_within_whom_they_are() {
        let interest = Interest::new(Token(0));
        let ((((), inner), late), outer) = interest.reads_within(|| {
            interest.note_read();
            let inner = interest.reads_within(|| ());
            (inner, interest.has_read.get())
        });
        assert_eq!((inner, late, outer), (false, true, true));
        assert!(!interest.reads_within(|| ()).1);
    }
}
