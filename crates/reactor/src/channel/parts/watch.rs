//! The latest value: its state and the two ends, for one core and between threads.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::{Shared, Sharing, Step};
use crate::channel::Closed;
use crate::task::waits::Asked;
use crate::task::{poll_budget, try_budget};
use crate::waiters::{Key, Taken, Waiters};

pub(crate) struct Sender<T, F: Sharing> {
    latest: F::Of<Latest<F::Pointer<T>>>,
}

pub(crate) struct Receiver<T, F: Sharing> {
    latest: F::Of<Latest<F::Pointer<T>>>,
    seen: u64,
    wait: Option<Key>,
}

pub(crate) fn channel<T, F: Sharing>(first: T) -> (Sender<T, F>, Receiver<T, F>) {
    let sender = Sender { latest: F::Of::new(Latest::new(F::pointer(first))) };
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T, F: Sharing> Sender<T, F> {
    pub(crate) fn send(&self, value: T) {
        let value = F::pointer(value);
        let (replaced, waiting) = self.latest.with(|latest| latest.replace(value));
        waiting.wake();
        drop(replaced);
    }

    pub(crate) fn get(&self) -> F::Pointer<T> {
        self.latest.with(|latest| latest.value.clone())
    }

    pub(crate) fn subscribe(&self) -> Receiver<T, F> {
        self.latest.with(|latest| latest.receivers += 1);
        Receiver { latest: self.latest.clone(), seen: 0, wait: None }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.latest.with(|latest| latest.receivers == 0)
    }

    pub(crate) fn closed(&self) -> impl Future<Output = ()> {
        Closing { sender: self, wait: None }
    }
}

impl<T, F: Sharing> Drop for Sender<T, F> {
    fn drop(&mut self) {
        self.latest.with(Latest::handle_sender_gone).wake();
    }
}

struct Closing<'a, T, F: Sharing> {
    sender: &'a Sender<T, F>,
    wait: Option<Key>,
}

impl<T, F: Sharing> Future for Closing<'_, T, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { sender, wait } = self.get_mut();
        sender.latest.with(|latest| latest.await_closing(wait, cx.waker())).into_wait::<F>(Asked::WatchClosed)
    }
}

impl<T, F: Sharing> Drop for Closing<'_, T, F> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            let own = self.sender.latest.with(|latest| latest.closing.remove(wait));
            drop(own);
        }
    }
}

impl<T, F: Sharing> Receiver<T, F> {
    pub(crate) fn get(&mut self) -> F::Pointer<T> {
        self.latest.with(|latest| latest.get(&mut self.seen))
    }

    pub(crate) fn changed(&mut self) -> impl Future<Output = Result<F::Pointer<T>, Closed>> {
        Changing { receiver: self }
    }

    pub(crate) fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<F::Pointer<T>, Closed>> {
        ready!(poll_budget(cx));
        self.take(Some(cx.waker()))
    }

    /// Asks `tick` for a waker when there is nothing new.
    pub(crate) fn try_changed(
        &mut self,
        tick: impl FnOnce() -> Option<Waker>,
    ) -> Result<Option<F::Pointer<T>>, Closed> {
        if !try_budget() {
            return Ok(None);
        }
        let mut taken = self.take(None);
        if taken.is_pending()
            && let Some(waker) = tick()
        {
            // Between threads something new may have come since.
            taken = self.take(Some(&waker));
        }
        match taken {
            Poll::Ready(value) => value.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    fn take(&mut self, waker: Option<&Waker>) -> Poll<Result<F::Pointer<T>, Closed>> {
        let Self { latest, seen, wait } = self;
        let taken = latest.with(|latest| latest.take(seen, wait, waker));
        if waker.is_some() { taken.into_wait::<F>(Asked::WatchChanged) } else { taken.into_poll() }
    }

    fn end_wait(&mut self) {
        if let Some(wait) = self.wait.take() {
            let own = self.latest.with(|latest| latest.changes.remove(wait));
            drop(own);
        }
    }
}

/// Has seen what this one has.
impl<T, F: Sharing> Clone for Receiver<T, F> {
    fn clone(&self) -> Self {
        self.latest.with(|latest| latest.receivers += 1);
        Self { latest: self.latest.clone(), seen: self.seen, wait: None }
    }
}

impl<T, F: Sharing> Drop for Receiver<T, F> {
    fn drop(&mut self) {
        self.end_wait();
        if let Some(waiting) = self.latest.with(Latest::handle_receiver_gone) {
            waiting.wake();
        }
    }
}

struct Changing<'a, T, F: Sharing> {
    receiver: &'a mut Receiver<T, F>,
}

impl<T, F: Sharing> Future for Changing<'_, T, F> {
    type Output = Result<F::Pointer<T>, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().receiver.poll_changed(cx)
    }
}

impl<T, F: Sharing> Drop for Changing<'_, T, F> {
    fn drop(&mut self) {
        self.receiver.end_wait();
    }
}

/// The state. It calls nobody's code and drops nobody's values: they leave as results.
///
/// The value is behind a pointer, so that a receiver is given it without a copy, and whoever looks at it for long keeps
/// no sender waiting.
pub(crate) struct Latest<P> {
    value: P,
    /// Counts the values, from one: who has seen none has seen 0.
    version: u64,
    /// The sender is gone.
    is_final: bool,
    receivers: usize,
    /// Receivers that wait for a value.
    changes: Waiters,
    /// Waits for the last receiver to go.
    closing: Waiters,
}

impl<P: Clone> Latest<P> {
    fn new(value: P) -> Self {
        let (changes, closing) = Default::default();
        Self { value, version: 1, is_final: false, receivers: 0, changes, closing }
    }

    fn replace(&mut self, value: P) -> (P, Taken) {
        self.version += 1;
        (std::mem::replace(&mut self.value, value), self.changes.take_all())
    }

    fn get(&self, seen: &mut u64) -> P {
        *seen = self.version;
        self.value.clone()
    }

    /// The value if it was not seen, or a wait for one if there is somebody to wake.
    fn take(
        &mut self,
        seen: &mut u64,
        wait: &mut Option<Key>,
        waker: Option<&Waker>,
    ) -> Step<Result<P, Closed>> {
        if *seen < self.version {
            return Step::Now(Ok(self.get(seen)));
        }
        if self.is_final {
            return Step::Now(Err(Closed));
        }
        Step::Wait { replaced: waker.and_then(|waker| self.changes.poll(wait, waker)) }
    }

    fn handle_sender_gone(&mut self) -> Taken {
        self.is_final = true;
        self.changes.take_all()
    }

    fn handle_receiver_gone(&mut self) -> Option<Taken> {
        self.receivers -= 1;
        (self.receivers == 0).then(|| self.closing.take_all())
    }

    fn await_closing(&mut self, wait: &mut Option<Key>, waker: &Waker) -> Step<()> {
        match self.receivers {
            0 => Step::Now(()),
            _ => Step::Wait { replaced: self.closing.poll(wait, waker) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::{OneCore, Threads};
    use super::*;
    use crate::woken::Woken;

    type Counted = (u32, Rc<()>);

    /// The ends under test: two receivers, `a` and `b`, of values that are numbered.
    struct Play<F: Sharing> {
        woken: Woken,
        wakers: Vec<Waker>,
        alive: Rc<()>,
        sender: Option<Sender<Counted, F>>,
        receivers: [Option<Receiver<Counted, F>>; 2],
        sent: u32,
    }

    impl<F: Sharing> Play<F> {
        fn new() -> Self {
            let (woken, alive) = (Woken::default(), Rc::new(()));
            let wakers = (0..128).map(|number| woken.waker(number)).collect();
            let (sender, receiver) = channel((0, alive.clone()));
            let receivers = [Some(receiver), Some(sender.subscribe())];
            Self { woken, wakers, alive, sender: Some(sender), receivers, sent: 0 }
        }

        /// `send`, `leave` and `closed` are the sender's; `a` waits for a change, `a-` for one look, `try a`, `tick a`,
        /// `get a`, `go a`; `copy a` makes `b` a clone of `a`, `new b` a new receiver.
        fn step(&mut self, words: &str) -> String {
            let mut answer = self.act(words);
            for number in self.woken.take() {
                answer += &format!(" !{}", char::from(number as u8));
            }
            answer.trim().into()
        }

        fn act(&mut self, words: &str) -> String {
            let (verb, name) = words.split_once(' ').unwrap_or(("", words));
            let waker = |name: &str| self.wakers[usize::from(name.as_bytes()[0])].clone();
            let sender = self.sender.as_ref();
            match name {
                "send" => {
                    self.sent += 1;
                    sender.unwrap().send((self.sent, self.alive.clone()));
                    return String::new();
                }
                "leave" => {
                    self.sender = None;
                    return String::new();
                }
                "closed" => {
                    let mut closed = Box::pin(sender.unwrap().closed());
                    let polled = closed.as_mut().poll(&mut Context::from_waker(&waker("s")));
                    assert_eq!(polled.is_ready(), sender.unwrap().is_closed());
                    std::mem::forget(closed); // so that it stays a wait
                    return if polled.is_ready() { "closed" } else { "" }.into();
                }
                _ => {}
            }
            let index = usize::from(name.as_bytes()[0] - b'a');
            let waker = waker(name);
            let mut cx = Context::from_waker(&waker);
            match verb {
                "copy" => self.receivers[1] = self.receivers[0].clone(),
                "new" => self.receivers[1] = sender.map(Sender::subscribe),
                "go" => self.receivers[index] = None,
                _ => {
                    let receiver = self.receivers[index].as_mut().unwrap();
                    let taken = match verb {
                        "get" => Poll::Ready(Ok(receiver.get())),
                        "" if name.ends_with('-') => Box::pin(receiver.changed()).as_mut().poll(&mut cx),
                        "" => receiver.poll_changed(&mut cx),
                        verb => {
                            let tick = (verb == "tick").then_some(waker);
                            match receiver.try_changed(|| tick) {
                                Ok(Some(value)) => Poll::Ready(Ok(value)),
                                Ok(None) => Poll::Pending,
                                Err(Closed) => Poll::Ready(Err(Closed)),
                            }
                        }
                    };
                    return match taken {
                        Poll::Ready(Ok(value)) => value.0.to_string(),
                        Poll::Ready(Err(Closed)) => "end".into(),
                        Poll::Pending => "waits".into(),
                    };
                }
            }
            String::new()
        }
    }

    #[track_caller]
    fn check(schedule: &str, expected: &str) {
        fn play<F: Sharing>(schedule: &str) -> String {
            let mut play = Play::<F>::new();
            let answers: Vec<String> = schedule.split(", ").map(|words| play.step(words)).collect();
            let (alive, woken) = (play.alive.clone(), play.woken.clone());
            assert_eq!(Rc::strong_count(&alive), 3, "only the latest value is kept: {schedule}");
            if !schedule.contains("closed") {
                drop(play);
                assert_eq!(
                    (Rc::strong_count(&alive), woken.wakers()),
                    (1, 0),
                    "something is kept: {schedule}"
                );
            }
            answers.into_iter().filter(|answer| !answer.is_empty()).collect::<Vec<_>>().join(", ")
        }
        assert_eq!(play::<OneCore>(schedule), expected, "on one core: {schedule}");
        assert_eq!(play::<Threads>(schedule), expected, "between threads: {schedule}");
    }

    #[test]
    fn each_receiver_sees_the_first_value_and_then_each_change() {
        check("a, a, send, a, b, b", "0, waits, !a, 1, 1, waits");
        check("a, b, a, b, send, a, a", "0, 0, waits, waits, !a !b, 1, waits");
    }

    #[test]
    fn who_is_late_sees_only_the_latest() {
        check("a, send, send, send, a, a", "0, 3, waits");
    }

    #[test]
    fn what_was_looked_at_is_no_news() {
        check("get a, a, send, get a, a", "0, waits, !a, 1, waits");
        check("a, copy a, b, send, b, new b, b", "0, waits, !b, 1, 1");
    }

    #[test]
    fn a_wait_that_is_dropped_loses_nothing_and_leaves_nothing() {
        check("a, a-, send, a-, a-", "0, waits, 1, waits");
    }

    #[test]
    fn the_last_value_is_seen_before_the_end() {
        check("a, a, send, leave, a, a, b, b, get b", "0, waits, !a, 1, end, 1, end, 1");
        check("a, a, leave, a", "0, waits, !a, end");
    }

    #[test]
    fn a_tick_that_finds_nothing_new_is_ticked_again() {
        check("tick a, tick a, tick a, send, tick a", "0, waits, waits, !a, 1");
        check("try a, try a, send, try a", "0, waits, 1");
        check("tick a, tick a, go a, send", "0, waits");
    }

    #[test]
    fn a_sender_can_wait_for_the_end_of_interest() {
        check("closed, go a, tick b, go b, closed", "0, !s, closed");
        check("go a, go b, closed, new b, closed, b", "closed, 0");
    }

    #[test]
    fn a_value_that_comes_while_a_tick_registers_is_seen() {
        let (sender, mut receiver) = channel::<_, Threads>(0);
        let woken = Woken::default();
        assert_eq!(*receiver.get(), 0);
        let send_and_register = || {
            sender.send(1);
            Some(woken.waker(0))
        };
        assert_eq!(receiver.try_changed(send_and_register).unwrap().as_deref(), Some(&1));
    }
}
