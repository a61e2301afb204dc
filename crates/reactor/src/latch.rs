//! A latch: something that happens once, and that any number of tasks of a core may wait for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use crate::task::waits::{self, Asked};
use crate::task::{poll_past, tick_waker};
use crate::waiters::{Key, Waiters};

/// Opens once; all who wait pass, and from then on nobody waits.
///
/// For what has no value and concerns everybody: a start, a stop. Clones are the same latch, of one core. Where one
/// task waits for an answer take a [`oneshot`](crate::channel::oneshot).
///
/// ```
/// use ekiden_reactor::{Latch, spawn};
///
/// ekiden_reactor::run(async {
///     let start = Latch::new();
///     let runners = [1, 2, 3].map(|leg| {
///         let start = start.clone();
///         spawn(async move {
///             start.wait().await;
///             leg
///         })
///     });
///     start.open();
///     for runner in runners {
///         runner.await.unwrap();
///     }
/// });
/// ```
#[derive(Default)]
pub struct Latch {
    state: Rc<State>,
    /// The wait of the tick that asks this very clone.
    tick: Cell<Option<Key>>,
}

#[derive(Default)]
struct State {
    is_open: Cell<bool>,
    waiters: RefCell<Waiters>,
}

impl Latch {
    /// A latch that is not open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the latch and wakes all who wait. Opening it again does nothing.
    pub fn open(&self) {
        if !self.state.is_open.replace(true) {
            let waiting = self.state.waiters.borrow_mut().take_all();
            waiting.wake(); // when nothing is borrowed: waking may run anything
        }
    }

    /// Whether it has been opened.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.is_open.get()
    }

    /// Waits until it is open; ready at once if it is. The future need not keep the latch it came from.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn wait(&self) -> impl Future<Output = ()> + Unpin + use<> {
        let mut wait = self.begin_wait();
        poll_fn(move |cx| {
            ready!(Pin::new(&mut wait).poll(cx));
            // Whoever waits again and again for what is open lets the others have their turn.
            poll_past(cx)
        })
    }

    pub(crate) fn begin_wait(&self) -> Wait {
        Wait { state: self.state.clone(), key: None }
    }

    /// Whether it has been opened; inside a tick, `None` has the task ticked again when it is.
    ///
    /// A task that ticks should have a clone of its own: then asking again and again costs the same however many
    /// others wait.
    #[must_use]
    pub fn try_wait(&self) -> Option<()> {
        if self.is_open() {
            return Some(());
        }
        if let Some(waker) = tick_waker() {
            waits::note(Asked::Latch);
            self.register_tick(&waker);
        }
        None
    }

    fn register_tick(&self, waker: &Waker) {
        let mut waiters = self.state.waiters.borrow_mut();
        let mut key = self.tick.get();
        if key.is_some_and(|key| !waiters.would_wake(key, waker)) {
            // This clone is shared by several tasks.
            waiters.register(waker);
            return;
        }
        let replaced = waiters.poll(&mut key, waker);
        debug_assert!(replaced.is_none(), "it was the same waker");
        self.tick.set(key);
    }
}

/// The same latch.
impl Clone for Latch {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), tick: Cell::new(None) }
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        if let Some(key) = self.tick.get() {
            let removed = self.state.waiters.borrow_mut().remove(key);
            drop(removed);
        }
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}

/// A wait for a latch.
pub(crate) struct Wait {
    state: Rc<State>,
    key: Option<Key>,
}

impl Wait {
    pub(crate) fn is_over(&self) -> bool {
        self.state.is_open.get()
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { state, key } = self.get_mut();
        if state.is_open.get() {
            return Poll::Ready(());
        }
        let replaced = state.waiters.borrow_mut().poll(key, cx.waker());
        drop(replaced);
        waits::note(Asked::Latch);
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let removed = self.state.waiters.borrow_mut().remove(key);
            drop(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::woken::Woken;

    /// Plays a schedule of words; returns who was woken, and how many wakers were kept for nobody. `a` polls a wait
    /// of that task, `A` is a tick of it that asks its own clone, `@` a tick of another task that asks the clone of
    /// `A`, `-a` drops a wait and `-A` a clone.
    fn play(schedule: &str) -> (String, usize) {
        let (latch, woken) = (Latch::new(), Woken::default());
        let wakers: Vec<Waker> = (0..128).map(|number| woken.waker(number)).collect();
        let mut waits: Vec<Option<Wait>> = (0..128).map(|_| Some(latch.begin_wait())).collect();
        let mut clones: Vec<Option<Latch>> = (0..128).map(|_| Some(latch.clone())).collect();
        for word in schedule.split_whitespace() {
            match word.as_bytes() {
                b"open" => latch.open(),
                [task @ b'a'..=b'z'] => {
                    let wait = waits[usize::from(*task)].as_mut().expect("not dropped");
                    let polled = Pin::new(wait).poll(&mut Context::from_waker(&wakers[usize::from(*task)]));
                    assert_eq!(polled.is_ready(), latch.is_open());
                }
                [task @ b'A'..=b'Z'] => {
                    clones[usize::from(*task)]
                        .as_ref()
                        .expect("not dropped")
                        .register_tick(&wakers[usize::from(*task)]);
                }
                b"@" => clones[usize::from(b'A')]
                    .as_ref()
                    .expect("not dropped")
                    .register_tick(&wakers[usize::from(b'@')]),
                [b'-', task @ b'a'..=b'z'] => waits[usize::from(*task)] = None,
                [b'-', task] => clones[usize::from(*task)] = None,
                other => panic!("what is {other:?}?"),
            }
        }
        let all = woken.take().into_iter().map(|number| char::from(number as u8)).collect();
        drop((wakers, waits, clones));
        (all, woken.wakers())
    }

    #[track_caller]
    fn check(schedule: &str, expected: &str) {
        assert_eq!(play(schedule), (expected.into(), 0), "{schedule}");
    }

    #[test]
    fn all_who_wait_pass() {
        check("a b c open", "abc");
        check("a b a open a b open", "ab");
        check("open a b", "");
    }

    #[test]
    fn a_dropped_wait_takes_its_entry_with_it() {
        check("a b c -a -b open", "c");
        check("a b -a -b", "");
    }

    #[test]
    fn ticks_are_woken_once_each() {
        check("A A B A open", "AB");
        check("A b -A open", "b");
        check("A @ A @ open", "A@");
        check("A -A open", "");
    }
}
