//! One value, once: the state of a oneshot channel and its two ends, for one core and between threads.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{Shared, Sharing, Step};
use crate::channel::Closed;
use crate::task::waits::Asked;
use crate::waiters::Waiter;

pub(crate) struct Sender<T, F: Sharing> {
    /// `None` once the value was sent.
    parcel: Option<F::Of<Parcel<T>>>,
}

pub(crate) struct Receiver<T, F: Sharing> {
    parcel: F::Of<Parcel<T>>,
}

pub(crate) fn channel<T, F: Sharing>() -> (Sender<T, F>, Receiver<T, F>) {
    let parcel = F::Of::new(Parcel::new());
    (Sender { parcel: Some(parcel.clone()) }, Receiver { parcel })
}

impl<T, F: Sharing> Sender<T, F> {
    pub(crate) fn send(mut self, value: T) -> Result<(), T> {
        let Some(parcel) = self.parcel.take() else { return Err(value) };
        parcel.with(|parcel| parcel.handle_send(value))?.wake();
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.parcel.as_ref().is_none_or(|parcel| parcel.with(|parcel| parcel.is_refused))
    }

    pub(crate) fn closed(&mut self) -> impl Future<Output = ()> {
        Closing { sender: self }
    }
}

impl<T, F: Sharing> Drop for Sender<T, F> {
    fn drop(&mut self) {
        if let Some(parcel) = &self.parcel {
            parcel.with(Parcel::handle_sender_gone).wake();
        }
    }
}

/// A wait for the receiver's end.
struct Closing<'a, T, F: Sharing> {
    sender: &'a mut Sender<T, F>,
}

impl<T, F: Sharing> Future for Closing<'_, T, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(parcel) = &self.sender.parcel else { return Poll::Ready(()) };
        parcel.with(|parcel| parcel.await_refusal(cx.waker())).into_wait::<F>(Asked::OneshotClosed)
    }
}

impl<T, F: Sharing> Drop for Closing<'_, T, F> {
    fn drop(&mut self) {
        if let Some(parcel) = &self.sender.parcel {
            let own = parcel.with(|parcel| parcel.sender.take());
            drop(own);
        }
    }
}

impl<T, F: Sharing> Receiver<T, F> {
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Closed>> {
        self.parcel.with(|parcel| parcel.take(Some(cx.waker()))).into_wait::<F>(Asked::OneshotRecv)
    }

    /// Asks `tick` for a waker when there is nothing yet.
    pub(crate) fn try_recv(&mut self, tick: impl FnOnce() -> Option<Waker>) -> Result<Option<T>, Closed> {
        let mut taken = self.parcel.with(|parcel| parcel.take(None)).into_poll();
        if taken.is_pending()
            && let Some(waker) = tick()
        {
            // Between threads the value may have come since.
            taken = self.parcel.with(|parcel| parcel.take(Some(&waker))).into_wait::<F>(Asked::OneshotRecv);
        }
        match taken {
            Poll::Ready(value) => value.map(Some),
            Poll::Pending => Ok(None),
        }
    }
}

impl<T, F: Sharing> Receiver<T, F> {
    /// Refuses the value from now on; or gives it, if it has come and was not taken.
    pub(crate) fn close(&mut self) -> Option<T> {
        let (value, leaving) = self.parcel.with(Parcel::handle_receiver_gone);
        leaving.wake();
        value
    }
}

impl<T, F: Sharing> Drop for Receiver<T, F> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

/// The state. It calls nobody's code and drops nobody's values: they leave as results.
pub(crate) struct Parcel<T> {
    value: Option<T>,
    /// The sender has sent, or is gone.
    is_final: bool,
    /// The receiver is gone.
    is_refused: bool,
    receiver: Waiter,
    sender: Waiter,
}

/// The wakers that leave when an end does: the other end's, and its own, which nobody needs any more.
#[must_use = "there may be one to wake"]
struct Leaving {
    waiting: Option<Waker>,
    own: Option<Waker>,
}

impl<T> Parcel<T> {
    fn new() -> Self {
        Self {
            value: None,
            is_final: false,
            is_refused: false,
            receiver: Waiter::default(),
            sender: Waiter::default(),
        }
    }

    fn handle_send(&mut self, value: T) -> Result<Leaving, T> {
        if self.is_refused {
            return Err(value);
        }
        self.value = Some(value);
        Ok(self.handle_sender_gone())
    }

    fn handle_sender_gone(&mut self) -> Leaving {
        self.is_final = true;
        Leaving { waiting: self.receiver.take(), own: self.sender.take() }
    }

    fn handle_receiver_gone(&mut self) -> (Option<T>, Leaving) {
        self.is_refused = true;
        (self.value.take(), Leaving { waiting: self.sender.take(), own: self.receiver.take() })
    }

    /// The value, or a wait for it if there is somebody to wake.
    fn take(&mut self, waker: Option<&Waker>) -> Step<Result<T, Closed>> {
        match self.value.take() {
            Some(value) => Step::Now(Ok(value)),
            None if self.is_final => Step::Now(Err(Closed)),
            None => Step::Wait { replaced: waker.and_then(|waker| self.receiver.register(waker)) },
        }
    }

    fn await_refusal(&mut self, waker: &Waker) -> Step<()> {
        if self.is_refused { Step::Now(()) } else { Step::Wait { replaced: self.sender.register(waker) } }
    }
}

impl Leaving {
    fn wake(self) {
        if let Some(waker) = self.waiting {
            waker.wake();
        }
        drop(self.own);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::super::{OneCore, Threads};
    use super::*;
    use crate::woken::Woken;

    /// The ends under test, driven by hand.
    struct Play<F: Sharing> {
        woken: Woken,
        wakers: [Waker; 3],
        value: Rc<()>,
        sender: Option<Sender<Rc<()>, F>>,
        receiver: Option<Receiver<Rc<()>, F>>,
    }

    const RECEIVER: usize = 0;
    const TICK: usize = 1;
    const SENDER: usize = 2;

    impl<F: Sharing> Play<F> {
        fn new() -> Self {
            let (woken, (sender, receiver)) = (Woken::default(), channel());
            let wakers = std::array::from_fn(|number| woken.waker(number));
            Self { woken, wakers, value: Rc::new(()), sender: Some(sender), receiver: Some(receiver) }
        }

        /// Does what the word says, and answers what came of it and who was woken.
        fn step(&mut self, word: &str) -> String {
            let answer = match word {
                "send" => match self.sender.take().map(|sender| sender.send(self.value.clone())) {
                    Some(Ok(())) => "sent",
                    Some(Err(_)) => "refused",
                    None => "",
                },
                "leave" => {
                    self.sender = None;
                    ""
                }
                "is_closed" => {
                    self.sender.as_ref().map_or("", |it| if it.is_closed() { "yes" } else { "no" })
                }
                "closed" | "closed-" => self.sender.as_mut().map_or("", |sender| {
                    let mut closed = Box::pin(sender.closed());
                    let polled = closed.as_mut().poll(&mut Context::from_waker(&self.wakers[SENDER]));
                    if word == "closed" {
                        // Forgotten, so that it stays a wait that is not dropped.
                        std::mem::forget(closed);
                    }
                    if polled.is_ready() { "closed" } else { "waits" }
                }),
                "recv" => self.receiver.as_mut().map_or("", |receiver| {
                    match receiver.poll_recv(&mut Context::from_waker(&self.wakers[RECEIVER])) {
                        Poll::Ready(Ok(_)) => "value",
                        Poll::Ready(Err(Closed)) => "nothing",
                        Poll::Pending => "waits",
                    }
                }),
                "try" | "tick" => self.receiver.as_mut().map_or("", |receiver| {
                    let tick = (word == "tick").then(|| self.wakers[TICK].clone());
                    match receiver.try_recv(|| tick) {
                        Ok(Some(_)) => "value",
                        Ok(None) => "waits",
                        Err(Closed) => "nothing",
                    }
                }),
                "go" => {
                    self.receiver = None;
                    ""
                }
                other => panic!("what is {other}?"),
            };
            let woken = self.woken.take();
            let woken = woken.iter().map(|number| ["!receiver", "!tick", "!sender"][*number]);
            [answer]
                .into_iter()
                .filter(|answer| !answer.is_empty())
                .chain(woken)
                .collect::<Vec<_>>()
                .join(" ")
        }
    }

    #[track_caller]
    fn check(schedule: &str, expected: &str) {
        fn play<F: Sharing>(schedule: &str) -> String {
            let mut play = Play::<F>::new();
            let answers: Vec<String> = schedule.split(", ").map(|word| play.step(word)).collect();
            answers.into_iter().filter(|answer| !answer.is_empty()).collect::<Vec<_>>().join(", ")
        }
        assert_eq!(play::<OneCore>(schedule), expected, "on one core: {schedule}");
        assert_eq!(play::<Threads>(schedule), expected, "between threads: {schedule}");
    }

    #[test]
    fn the_value_arrives_once() {
        check("send, recv, recv", "sent, value, nothing");
        check("recv, send, recv", "waits, sent !receiver, value");
        check("recv, recv, send, recv", "waits, waits, sent !receiver, value");
    }

    #[test]
    fn a_sender_that_leaves_is_an_answer() {
        check("leave, recv", "nothing");
        check("recv, leave, recv", "waits, !receiver, nothing");
    }

    #[test]
    fn a_receiver_that_goes_gives_the_value_back() {
        check("go, send", "refused");
        check("is_closed, go, is_closed, send", "no, yes, refused");
    }

    #[test]
    fn a_sender_can_wait_for_the_end_of_interest() {
        check("closed, go, closed", "waits, !sender, closed");
        check("closed-, go, closed", "waits, closed");
        check("closed, send, go", "waits, sent");
    }

    #[test]
    fn a_tick_that_finds_nothing_is_ticked_again() {
        check("try, send, try, try", "waits, sent, value, nothing");
        check("tick, send, tick, tick", "waits, sent !tick, value, nothing");
        check("tick, leave, tick", "waits, !tick, nothing");
    }

    #[test]
    fn a_value_that_comes_while_a_tick_registers_is_seen() {
        let (sender, mut receiver) = channel::<_, Threads>();
        let woken = Woken::default();
        let send_and_register = || sender.send(1).ok().map(|()| woken.waker(0));
        assert_eq!(receiver.try_recv(send_and_register), Ok(Some(1)));
    }

    /// What the channel promises, in one place.
    #[derive(Default)]
    struct Model {
        has_left: bool,
        has_gone: bool,
        is_full: bool,
        receiver_waits: Option<&'static str>,
        sender_waits: bool,
    }

    impl Model {
        fn step(&mut self, word: &str) -> String {
            let woken = |waiting: Option<&str>| waiting.map(|name| format!("!{name}")).unwrap_or_default();
            match word {
                "send" | "leave" | "closed" | "closed-" | "is_closed" if self.has_left => String::new(),
                "recv" | "try" | "tick" | "go" if self.has_gone => String::new(),
                "send" if self.has_gone => {
                    self.has_left = true;
                    "refused".into()
                }
                "send" => {
                    (self.has_left, self.is_full) = (true, true);
                    format!("sent {}", woken(self.receiver_waits.take())).trim_end().into()
                }
                "leave" => {
                    self.has_left = true;
                    woken(self.receiver_waits.take())
                }
                "is_closed" => if self.has_gone { "yes" } else { "no" }.into(),
                "closed" | "closed-" if self.has_gone => "closed".into(),
                "closed" | "closed-" => {
                    self.sender_waits = word == "closed";
                    "waits".into()
                }
                "recv" | "try" | "tick" if std::mem::take(&mut self.is_full) => "value".into(),
                "recv" | "try" | "tick" if self.has_left => "nothing".into(),
                "recv" | "try" | "tick" => {
                    self.receiver_waits = [("recv", "receiver"), ("tick", "tick")]
                        .into_iter()
                        .find(|it| it.0 == word)
                        .map_or(self.receiver_waits, |it| Some(it.1));
                    "waits".into()
                }
                "go" => {
                    self.has_gone = true;
                    self.receiver_waits = None;
                    woken(
                        std::mem::take(&mut self.sender_waits).then_some("sender").filter(|_| !self.has_left),
                    )
                }
                other => panic!("what is {other}?"),
            }
        }
    }

    fn agree<F: Sharing>(words: &[&str]) {
        let (mut play, mut model) = (Play::<F>::new(), Model::default());
        for word in words {
            assert_eq!(play.step(word), model.step(word), "{word} of {words:?}");
        }
        let (woken, value) = (play.woken.clone(), Rc::clone(&play.value));
        drop(play);
        assert_eq!((woken.wakers(), Rc::strong_count(&value)), (0, 1), "something is kept after {words:?}");
    }

    const WORDS: [&str; 9] = ["send", "leave", "closed", "closed-", "is_closed", "recv", "try", "tick", "go"];

    proptest! {
        #[test]
        fn every_schedule_keeps_the_promises(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 1..12)) {
            agree::<OneCore>(&words);
            agree::<Threads>(&words);
        }
    }
}
