//! Every value to every receiver: the state and the two ends, for one core and between threads.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::{Shared, Sharing, Step};
use crate::channel::{RecvError, SendError};
use crate::task::waits::Asked;
use crate::task::{poll_budget, try_budget};
use crate::waiters::{Key, Taken, Waiters};

pub(crate) struct Sender<T, F: Sharing> {
    tape: F::Of<Tape<F::Pointer<T>>>,
}

pub(crate) struct Receiver<T, F: Sharing> {
    tape: F::Of<Tape<F::Pointer<T>>>,
    /// The number of the value that it takes next.
    at: u64,
    wait: Option<Key>,
}

pub(crate) fn channel<T, F: Sharing>(max: usize) -> (Sender<T, F>, Receiver<T, F>) {
    assert!(max > 0, "a channel needs room for one value: the maximum is at least 1");
    let sender = Sender { tape: F::Of::new(Tape::new(max)) };
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T, F: Sharing> Sender<T, F> {
    pub(crate) fn send(&self, value: T) -> Result<(), SendError<T>> {
        // Asked first, as a value that was put behind a pointer could not be given back.
        if self.receivers() == 0 {
            return Err(SendError(value));
        }
        let value = F::pointer(value);
        let (overtaken, waiting) = self.tape.with(|tape| tape.push(value));
        waiting.wake();
        drop(overtaken);
        Ok(())
    }

    pub(crate) fn subscribe(&self) -> Receiver<T, F> {
        let at = self.tape.with(Tape::add_receiver);
        Receiver { tape: self.tape.clone(), at, wait: None }
    }

    pub(crate) fn receivers(&self) -> usize {
        self.tape.with(|tape| tape.receivers)
    }
}

impl<T, F: Sharing> Clone for Sender<T, F> {
    fn clone(&self) -> Self {
        self.tape.with(|tape| tape.senders += 1);
        Self { tape: self.tape.clone() }
    }
}

impl<T, F: Sharing> Drop for Sender<T, F> {
    fn drop(&mut self) {
        if let Some(waiting) = self.tape.with(Tape::handle_sender_gone) {
            waiting.wake();
        }
    }
}

impl<T, F: Sharing> Receiver<T, F> {
    pub(crate) fn recv(&mut self) -> impl Future<Output = Result<F::Pointer<T>, RecvError>> {
        Receiving { receiver: self }
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<F::Pointer<T>, RecvError>> {
        ready!(poll_budget(cx));
        self.take(Some(cx.waker()))
    }

    /// Asks `tick` for a waker when there is nothing yet.
    pub(crate) fn try_recv(
        &mut self,
        tick: impl FnOnce() -> Option<Waker>,
    ) -> Result<Option<F::Pointer<T>>, RecvError> {
        if !try_budget() {
            return Ok(None);
        }
        let mut taken = self.take(None);
        if taken.is_pending()
            && let Some(waker) = tick()
        {
            // Between threads a value may have come since.
            taken = self.take(Some(&waker));
        }
        match taken {
            Poll::Ready(value) => value.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    fn take(&mut self, waker: Option<&Waker>) -> Poll<Result<F::Pointer<T>, RecvError>> {
        let Self { tape, at, wait } = self;
        let taken = tape.with(|tape| tape.take(at, wait, waker));
        if waker.is_some() { taken.into_wait::<F>(Asked::BroadcastRecv) } else { taken.into_poll() }
    }

    fn end_wait(&mut self) {
        if let Some(wait) = self.wait.take() {
            let own = self.tape.with(|tape| tape.waits.remove(wait));
            drop(own);
        }
    }
}

impl<T, F: Sharing> Drop for Receiver<T, F> {
    fn drop(&mut self) {
        self.end_wait();
        let unwanted = self.tape.with(|tape| tape.handle_receiver_gone(self.at));
        drop(unwanted);
    }
}

struct Receiving<'a, T, F: Sharing> {
    receiver: &'a mut Receiver<T, F>,
}

impl<T, F: Sharing> Future for Receiving<'_, T, F> {
    type Output = Result<F::Pointer<T>, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().receiver.poll_recv(cx)
    }
}

impl<T, F: Sharing> Drop for Receiving<'_, T, F> {
    fn drop(&mut self) {
        self.receiver.end_wait();
    }
}

/// The state. It calls nobody's code and drops nobody's values: they leave as results.
///
/// ```text
///                    at       at             next
///   values:          3   4    5    6          7           at most `max`; those at the front go
///   wanted by:       1   1    2    2                      when the last has taken them, or for a new one
/// ```
pub(crate) struct Tape<P> {
    /// Never wanted by fewer than the one before, as whoever has yet to take that one has yet to take this one too.
    values: VecDeque<Value<P>>,
    max: usize,
    /// The number of the value that is sent next.
    next: u64,
    senders: usize,
    receivers: usize,
    waits: Waiters,
}

struct Value<P> {
    value: P,
    /// How many receivers have yet to take it: at least one.
    wanted: usize,
}

impl<P: Clone> Tape<P> {
    /// A tape with one sender.
    fn new(max: usize) -> Self {
        Self { values: VecDeque::new(), max, next: 0, senders: 1, receivers: 0, waits: Waiters::default() }
    }

    fn add_receiver(&mut self) -> u64 {
        self.receivers += 1;
        self.next
    }

    fn handle_sender_gone(&mut self) -> Option<Taken> {
        self.senders -= 1;
        (self.senders == 0).then(|| self.waits.take_all())
    }

    /// Returns a value that some have not taken and that has to go, or the new one if the last receiver has gone
    /// meanwhile.
    fn push(&mut self, value: P) -> (Option<P>, Taken) {
        self.next += 1;
        if self.receivers == 0 {
            return (Some(value), self.waits.take_all());
        }
        let overtaken = if self.values.len() == self.max { self.values.pop_front() } else { None };
        self.values.push_back(Value { value, wanted: self.receivers });
        (overtaken.map(|overtaken| overtaken.value), self.waits.take_all())
    }

    /// The next value, or how many were missed before it, or a wait for it if there is somebody to wake.
    fn take(
        &mut self,
        at: &mut u64,
        wait: &mut Option<Key>,
        waker: Option<&Waker>,
    ) -> Step<Result<P, RecvError>> {
        let missed = self.first().saturating_sub(*at);
        if missed > 0 {
            *at += missed;
            return Step::Now(Err(RecvError::Lagged(missed)));
        }
        let index = (*at - self.first()) as usize;
        if let Some(value) = self.values.get_mut(index) {
            *at += 1;
            value.wanted -= 1;
            let value = value.value.clone();
            // What was cloned is a pointer, so dropping this one drops no value.
            if index == 0 && self.values[0].wanted == 0 {
                self.values.pop_front();
            }
            return Step::Now(Ok(value));
        }
        if self.senders == 0 {
            return Step::Now(Err(RecvError::Closed));
        }
        Step::Wait { replaced: waker.and_then(|waker| self.waits.poll(wait, waker)) }
    }

    /// Returns the values that nobody else wants.
    fn handle_receiver_gone(&mut self, at: u64) -> VecDeque<Value<P>> {
        self.receivers -= 1;
        let taken = at.saturating_sub(self.first()) as usize;
        self.values.range_mut(taken..).for_each(|value| value.wanted -= 1);
        let wanted = self.values.partition_point(|value| value.wanted == 0);
        let kept = self.values.split_off(wanted);
        std::mem::replace(&mut self.values, kept)
    }

    /// The number of the oldest value that is there.
    fn first(&self) -> u64 {
        self.next - self.values.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::super::{OneCore, Threads};
    use super::*;
    use crate::woken::Woken;

    type Counted = (u64, Rc<()>);

    /// The ends under test: receivers `a` to `d`, of values that are numbered.
    struct Play<F: Sharing> {
        woken: Woken,
        wakers: Vec<Waker>,
        alive: Rc<()>,
        sender: Option<Sender<Counted, F>>,
        receivers: BTreeMap<char, Receiver<Counted, F>>,
        sent: u64,
    }

    impl<F: Sharing> Play<F> {
        fn new(max: usize) -> Self {
            let (woken, alive) = (Woken::default(), Rc::new(()));
            let wakers = (0..128).map(|number| woken.waker(number)).collect();
            let (sender, receiver) = channel(max);
            let receivers = BTreeMap::from([('a', receiver)]);
            Self { woken, wakers, alive, sender: Some(sender), receivers, sent: 0 }
        }

        /// `send` and `leave` are the sender's; `+a` subscribes, `-a` goes, `a` receives, `/a` for one look; `.a` tries,
        /// `:a` is a tick that tries.
        fn step(&mut self, word: &str) -> String {
            let mut answer = self.act(word);
            for number in self.woken.take() {
                answer += &format!(" !{}", char::from(number as u8));
            }
            answer.trim().into()
        }

        fn act(&mut self, word: &str) -> String {
            let name = word.chars().next_back().unwrap();
            match (word, word.chars().next().unwrap()) {
                ("leave", _) => self.sender = None,
                ("send", _) => {
                    let Some(sender) = &self.sender else { return String::new() };
                    self.sent += 1;
                    if sender.send((self.sent, self.alive.clone())).is_err() {
                        return "nobody".into();
                    }
                }
                (_, '+') => {
                    if let Some(sender) = &self.sender {
                        self.receivers.insert(name, sender.subscribe());
                    }
                }
                (_, '-') => drop(self.receivers.remove(&name)),
                (_, way) => return self.receive(name, way),
            }
            String::new()
        }

        fn receive(&mut self, name: char, way: char) -> String {
            let Some(receiver) = self.receivers.get_mut(&name) else { return String::new() };
            let waker = self.wakers[name as usize].clone();
            let mut cx = Context::from_waker(&waker);
            let received = match way {
                '/' => Box::pin(receiver.recv()).as_mut().poll(&mut cx),
                '.' | ':' => match receiver.try_recv(|| (way == ':').then(|| waker.clone())) {
                    Ok(Some(value)) => Poll::Ready(Ok(value)),
                    Ok(None) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error)),
                },
                _ => receiver.poll_recv(&mut cx),
            };
            match received {
                Poll::Ready(Ok(value)) => value.0.to_string(),
                Poll::Ready(Err(RecvError::Lagged(missed))) => format!("missed {missed}"),
                Poll::Ready(Err(RecvError::Closed)) => "end".into(),
                Poll::Pending => "waits".into(),
            }
        }
    }

    #[track_caller]
    fn check(max: usize, schedule: &str, expected: &str) {
        fn play<F: Sharing>(max: usize, schedule: &str) -> String {
            let mut play = Play::<F>::new(max);
            let answers = schedule.split(' ').map(|word| play.step(word));
            answers.filter(|answer| !answer.is_empty()).collect::<Vec<_>>().join(", ")
        }
        assert_eq!(play::<OneCore>(max, schedule), expected, "on one core: {schedule}");
        assert_eq!(play::<Threads>(max, schedule), expected, "between threads: {schedule}");
    }

    #[test]
    fn every_receiver_gets_every_value_in_order() {
        check(3, "+b send send a b a a b b", "1, 1, 2, waits, 2, waits");
        check(3, "a +b b send a b", "waits, waits, !a !b, 1, 1");
    }

    #[test]
    fn who_subscribes_gets_what_is_sent_from_then_on() {
        check(3, "send +b send b a a", "2, 1, 2");
    }

    #[test]
    fn who_lags_behind_is_told_how_much_he_missed() {
        check(2, "send send send a a a a", "missed 1, 2, 3, waits");
        check(1, "send send send send a a send send a a", "missed 3, 4, missed 1, 6");
        check(2, "+b send send b send b send b b a a", "1, 2, 3, 4, missed 2, 3");
    }

    #[test]
    fn the_last_values_are_received_before_the_end() {
        check(2, "a send leave a a a", "waits, !a, 1, end, end");
        check(2, "a leave a", "waits, !a, end");
        check(1, "send send leave a a a", "missed 1, 2, end");
    }

    #[test]
    fn where_nobody_receives_the_value_comes_back() {
        check(1, "-a send +b b send b", "nobody, waits, !b, 2");
    }

    #[test]
    fn a_wait_that_is_dropped_loses_nothing_and_leaves_nothing() {
        check(1, "/a send /a /a", "waits, 1, waits");
    }

    #[test]
    fn a_tick_that_finds_nothing_is_ticked_again() {
        check(2, ":a :a send :a .a send", "waits, waits, !a, 1, waits");
        check(2, ":a -a +b send", "waits");
    }

    #[test]
    fn a_value_that_comes_while_a_tick_registers_is_seen() {
        let (sender, mut receiver) = channel::<_, Threads>(1);
        let woken = Woken::default();
        let send_and_register = || sender.send(1).ok().map(|()| woken.waker(0));
        assert_eq!(receiver.try_recv(send_and_register).unwrap().as_deref(), Some(&1));
    }

    /// All values that were ever sent, and where each receiver is.
    struct Model {
        max: u64,
        sent: u64,
        has_left: bool,
        receivers: BTreeMap<char, u64>,
        waits: Vec<char>,
    }

    impl Model {
        /// The number that was sent last before the oldest value that is kept for somebody.
        fn forgotten(&self) -> u64 {
            let wanted = self.receivers.values().min().copied().unwrap_or(self.sent);
            wanted.max(self.sent.saturating_sub(self.max))
        }

        fn step(&mut self, word: &str) -> String {
            let name = word.chars().next_back().unwrap();
            match word.chars().next().unwrap() {
                's' if self.has_left => String::new(),
                's' => {
                    self.sent += 1;
                    if self.receivers.is_empty() {
                        return "nobody".into();
                    }
                    self.wake()
                }
                'l' if self.has_left => String::new(),
                'l' => {
                    self.has_left = true;
                    self.wake()
                }
                '+' if self.has_left => String::new(),
                '+' => {
                    self.waits.retain(|it| *it != name);
                    self.receivers.insert(name, self.sent);
                    String::new()
                }
                '-' => {
                    self.waits.retain(|it| *it != name);
                    self.receivers.remove(&name);
                    String::new()
                }
                way => {
                    let Some(at) = self.receivers.get_mut(&name) else { return String::new() };
                    let missed = self.sent.saturating_sub(self.max).saturating_sub(*at);
                    let is_ready = *at < self.sent || self.has_left;
                    if way == '/' || (is_ready && way != '.' && way != ':') {
                        self.waits.retain(|it| *it != name);
                    }
                    if missed > 0 {
                        *at += missed;
                        return format!("missed {missed}");
                    }
                    if *at < self.sent {
                        *at += 1;
                        return at.to_string();
                    }
                    if self.has_left {
                        return "end".into();
                    }
                    if (way == ':' || way == name) && !self.waits.contains(&name) {
                        self.waits.push(name);
                    }
                    "waits".into()
                }
            }
        }

        fn wake(&mut self) -> String {
            let woken: String = self.waits.drain(..).map(|name| format!(" !{name}")).collect();
            woken.trim().into()
        }
    }

    fn agree<F: Sharing>(max: usize, words: &[&str]) {
        let (waits, receivers) = (vec![], BTreeMap::from([('a', 0)]));
        let mut model = Model { max: max as u64, sent: 0, has_left: false, receivers, waits };
        let mut play = Play::<F>::new(max);
        let sorted = |answer: String| {
            let mut words: Vec<_> = answer.split(' ').map(str::to_owned).collect();
            words.sort_unstable(); // all are woken at once, in no order
            words
        };
        for (at, word) in words.iter().enumerate() {
            assert_eq!(sorted(play.step(word)), sorted(model.step(word)), "the last of {:?}", &words[..=at]);
            let kept = model.sent - model.forgotten();
            assert_eq!(Rc::strong_count(&play.alive) as u64, 1 + kept, "kept after {:?}", &words[..=at]);
        }
        let (woken, alive) = (play.woken.clone(), play.alive.clone());
        drop(play);
        assert_eq!((woken.wakers(), Rc::strong_count(&alive)), (0, 1), "something is kept after {words:?}");
    }

    fn word() -> impl Strategy<Value = &'static str> {
        use prop::sample::select;
        prop_oneof![
            8 => select(vec!["send"]),
            12 => select(vec!["a", "b", "c", "/a", "/b", ".a", ".b", ":a", ":b", ":c"]),
            2 => select(vec!["+b", "+c", "+d", "-a", "-b", "-c", "-d"]),
            1 => select(vec!["+a", "+a", "leave"]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_schedule_keeps_the_promises(max in 1_usize..4, words in prop::collection::vec(word(), 1..40)) {
            agree::<OneCore>(max, &words);
            agree::<Threads>(max, &words);
        }
    }
}
