//! Schedules for the ends of an mpsc channel, played by hand on one core and, with the same words, on the state
//! that is shared between threads; then schedules drawn at random against a model.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use crate::channel::parts::mpsc::{Receiver, Sender, Sink, channel};
use crate::channel::parts::{OneCore, Sharing, Threads};
use crate::channel::{Closed, SendError, TrySendError};
use crate::woken::Woken;

/// A value that is counted.
type Value = (char, Rc<()>);
type Send = Pin<Box<dyn Future<Output = Result<(), SendError<Value>>>>>;

/// The ends under test, driven by hand.
struct Play<F: Sharing + 'static> {
    woken: Woken,
    wakers: BTreeMap<char, Waker>,
    count: Rc<()>,
    sender: Option<Sender<Value, F>>,
    sends: BTreeMap<char, Send>,
    /// Sinks, and whether each has said that it is ready.
    sinks: BTreeMap<char, (Sink<Value, F>, bool)>,
    receiver: Option<Receiver<Value, F>>,
}

impl<F: Sharing + 'static> Play<F> {
    fn new(max: usize) -> Self {
        let (woken, (sender, receiver)) = (Woken::default(), channel(max));
        let wakers = ('a'..='z').map(|name| (name, woken.waker(name as usize))).collect();
        let (sender, receiver) = (Some(sender), Some(receiver));
        Self {
            woken,
            wakers,
            count: Rc::new(()),
            sender,
            sends: BTreeMap::new(),
            sinks: BTreeMap::new(),
            receiver,
        }
    }

    /// Does what the word says, and answers what came of it and who was woken.
    fn step(&mut self, word: &str) -> String {
        let mut answer = self.act(word);
        let mut woken = self.woken.take();
        if matches!(word, "close" | "go") {
            // All at once, in no order.
            woken.sort_unstable();
        }
        for number in woken {
            answer += &format!(" !{}", char::from(number as u8));
        }
        answer.trim().into()
    }

    fn act(&mut self, word: &str) -> String {
        match (word, word.as_bytes()) {
            ("t" | "try", _) => {
                let Some(sender) = &self.sender else { return String::new() };
                let tick = (word == "t").then(|| self.wakers[&'t'].clone());
                match sender.try_send(('t', self.count.clone()), || tick) {
                    Ok(()) => "t sent".into(),
                    Err(TrySendError::Full(('t', _))) => "t full".into(),
                    Err(TrySendError::Closed(('t', _))) => "t closed".into(),
                    Err(_) => "t lost its value".into(),
                }
            }
            (_, [name @ b'a'..=b'h']) => {
                let name = char::from(*name);
                if let (Some(sender), None) = (&self.sender, self.sends.get(&name)) {
                    let (sender, value) = (sender.clone(), (name, self.count.clone()));
                    self.sends.insert(name, Box::pin(async move { sender.send(value).await }));
                }
                let Some(send) = self.sends.get_mut(&name) else { return String::new() };
                let sent = send.as_mut().poll(&mut Context::from_waker(&self.wakers[&name]));
                if sent.is_ready() {
                    self.sends.remove(&name);
                }
                match sent {
                    Poll::Ready(Ok(())) => format!("{name} sent"),
                    Poll::Ready(Err(SendError((it, _)))) if it == name => format!("{name} closed"),
                    Poll::Ready(Err(_)) => format!("{name} lost its value"),
                    Poll::Pending => String::new(),
                }
            }
            (_, [b'-', name]) => {
                self.sends.remove(&char::from(*name));
                String::new()
            }
            (_, [name @ (b'x' | b'y'), act]) => self.act_on_sink(char::from(*name), *act),
            ("leave", _) => {
                self.sender = None;
                String::new()
            }
            ("recv" | "recv-" | "try_recv" | "tick_recv", _) => {
                let Some(receiver) = &mut self.receiver else { return String::new() };
                let mut cx = Context::from_waker(&self.wakers[&'r']);
                let tick = (word == "tick_recv").then(|| self.wakers[&'k'].clone());
                let received = match word {
                    "recv" => receiver.poll_recv(&mut cx),
                    "recv-" => Box::pin(receiver.recv()).as_mut().poll(&mut cx),
                    _ => match receiver.try_recv(|| tick) {
                        Ok(Some(value)) => Poll::Ready(Some(value)),
                        Ok(None) => Poll::Pending,
                        Err(Closed) => Poll::Ready(None),
                    },
                };
                match received {
                    Poll::Ready(Some((name, _))) => format!("got {name}"),
                    Poll::Ready(None) => "end".into(),
                    Poll::Pending => String::new(),
                }
            }
            ("close", _) => {
                self.receiver.iter_mut().for_each(Receiver::close);
                String::new()
            }
            ("go", _) => {
                self.receiver = None;
                String::new()
            }
            other => panic!("what is {other:?}?"),
        }
    }
}

impl<F: Sharing + 'static> Play<F> {
    /// Asks a sink whether it is ready (`?`), which makes it; gives it a value if it said so (`+`); closes it (`!`), or
    /// drops it (`-`). To flush one is nothing.
    fn act_on_sink(&mut self, name: char, act: u8) -> String {
        if let (b'?', Some(sender), None) = (act, &self.sender, self.sinks.get(&name)) {
            self.sinks.insert(name, (Sink::new(sender.clone()), false));
        }
        let Some((sink, is_ready)) = self.sinks.get_mut(&name) else { return String::new() };
        match act {
            b'?' => {
                let asked = sink.poll_ready(&mut Context::from_waker(&self.wakers[&name]));
                *is_ready = asked == Poll::Ready(Ok(()));
                match asked {
                    Poll::Ready(Ok(())) => format!("{name} ready"),
                    Poll::Ready(Err(Closed)) => format!("{name} closed"),
                    Poll::Pending => String::new(),
                }
            }
            b'+' if std::mem::take(is_ready) => match sink.send((name, self.count.clone())) {
                Ok(()) => format!("{name} sent"),
                Err(Closed) => format!("{name} closed"),
            },
            b'+' => String::new(),
            b'!' => {
                sink.close();
                *is_ready = false;
                String::new()
            }
            b'-' => {
                self.sinks.remove(&name);
                String::new()
            }
            other => panic!("what is {name}{}?", char::from(other)),
        }
    }
}

#[track_caller]
fn check(max: usize, schedule: &str, expected: &str) {
    fn play<F: Sharing + 'static>(max: usize, schedule: &str) -> String {
        let mut play = Play::<F>::new(max);
        let answers: Vec<String> = schedule.split(", ").map(|word| play.step(word)).collect();
        answers.into_iter().filter(|answer| !answer.is_empty()).collect::<Vec<_>>().join(", ")
    }
    assert_eq!(play::<OneCore>(max, schedule), expected, "on one core: {schedule}");
    assert_eq!(play::<Threads>(max, schedule), expected, "between threads: {schedule}");
}

#[test]
fn values_arrive_in_order() {
    check(9, "a, b, c, recv, recv, recv, recv", "a sent, b sent, c sent, got a, got b, got c");
    check(9, "recv, a, b, recv, recv", "a sent !r, b sent, got a, got b");
    check(9, "recv, recv, a, recv, recv, a", "a sent !r, got a, a sent !r");
}

#[test]
fn senders_are_served_in_the_order_they_came() {
    check(1, "a, b, c, recv, b, recv, c, recv, recv", "a sent, got a !b, b sent, got b !c, c sent, got c");
    check(2, "a, b, c, d, recv, recv, d, c", "a sent, b sent, got a !c, got b !d, d sent, c sent");
}

#[test]
fn nobody_takes_a_place_that_is_promised() {
    check(1, "a, b, recv, c, try, b", "a sent, got a !b, t full, b sent");
    check(1, "a, b, recv, c, b, recv, c", "a sent, got a !b, b sent, got b !c, c sent");
}

#[test]
fn a_send_that_is_dropped_sent_nothing() {
    check(1, "a, b, -b, recv, recv", "a sent, got a");
    check(1, "a, b, c, -b, recv, c, recv", "a sent, got a !c, c sent, got c");
}

#[test]
fn a_send_that_is_dropped_in_its_turn_passes_it_on() {
    check(1, "a, b, c, recv, -b, c, recv", "a sent, got a !b, !c, c sent, got c");
    check(1, "a, b, recv, -b, c", "a sent, got a !b, c sent");
}

#[test]
fn a_receive_that_is_dropped_takes_nothing_and_is_not_woken() {
    check(1, "recv-, a, recv-", "a sent, got a");
    check(1, "recv, recv-, a, recv", "a sent, got a");
}

#[test]
fn a_sink_that_is_ready_holds_a_place() {
    check(1, "x?, try, a, x+, recv, a", "x ready, t full, x sent, got x !a, a sent");
    check(1, "a, x?, b, recv, b, x?, x+, recv", "a sent, got a !x, x ready, x sent, got x !b");
    check(2, "x?, x?, a, b, x+", "x ready, x ready, a sent, x sent");
}

#[test]
fn a_sink_that_goes_gives_its_place_to_the_next() {
    check(1, "x?, a, x!, a, x?", "x ready, !a, a sent, x closed");
    check(1, "x?, y?, x-, y?, y+", "x ready, !y, y ready, y sent");
    check(1, "a, x?, b, recv, x-, b", "a sent, got a !x, !b, b sent");
    check(1, "a, x?, b, x!, recv, b", "a sent, got a !b, b sent");
}

#[test]
fn a_sink_is_a_sender_until_it_is_closed() {
    check(1, "x?, leave, recv, x+, recv, recv, x!, recv", "x ready, x sent !r, got x, !r, end");
    check(1, "x?, close, x?, x+", "x ready, x closed");
    check(1, "x?, go, x+, x?", "x ready, x closed, x closed");
    check(1, "a, x?, go, x?", "a sent, !x, x closed");
}

#[test]
fn the_end_comes_after_the_last_value_of_the_last_sender() {
    check(2, "a, leave, recv, recv, recv", "a sent, got a, end, end");
    check(1, "a, b, leave, recv, recv, b, recv, recv", "a sent, got a !b, b sent !r, got b, end");
    check(1, "recv, leave, recv", "!r, end");
    check(1, "a, b, leave, recv, recv, -b, recv", "a sent, got a !b, !r, end");
}

#[test]
fn a_receiver_that_goes_gives_the_values_back() {
    check(1, "a, b, c, go, b, c, a, try", "a sent, !b !c, b closed, c closed, a closed, t closed");
    check(1, "a, b, recv, go, b", "a sent, got a !b, b closed");
}

#[test]
fn a_closed_channel_is_emptied() {
    check(2, "a, b, c, close, c, recv, recv, recv", "a sent, b sent, !c, c closed, got a, got b, end");
    check(1, "a, b, recv, close, b, recv", "a sent, got a !b, b closed, end");
    check(1, "close, try_recv, a", "end, a closed");
}

#[test]
fn a_tick_that_finds_nothing_is_ticked_again() {
    check(1, "tick_recv, a, tick_recv", "a sent !k, got a");
    check(1, "try_recv, a, try_recv, leave, try_recv", "a sent, got a, end");
    check(1, "tick_recv, leave, tick_recv", "!k, end");
}

#[test]
fn a_tick_that_finds_no_room_is_ticked_again() {
    check(1, "a, t, t, recv, t", "a sent, t full, t full, got a !t, t sent");
    check(1, "a, try, recv, try", "a sent, t full, got a, t sent");
    check(1, "a, t, b, recv, t, b", "a sent, t full, got a !t !b, t full, b sent");
    check(1, "a, b, t, recv, b, recv, t", "a sent, t full, got a !b, b sent, got b !t, t sent");
    check(1, "a, t, go, t", "a sent, t full, !t, t closed");
}

#[test]
fn what_happens_while_a_tick_registers_is_seen() {
    let (sender, mut receiver) = channel::<_, Threads>(1);
    let woken = Woken::default();
    let send_and_register = || sender.try_send(1, || None).ok().map(|()| woken.waker(0));
    assert_eq!(receiver.try_recv(send_and_register), Ok(Some(1)));
    assert_eq!(sender.try_send(1, || None), Ok(()));
    let receive_and_register = || receiver.try_recv(|| None).ok().map(|_| woken.waker(0));
    assert_eq!(sender.try_send(2, receive_and_register), Ok(()));
}

#[test]
fn senders_can_wait_for_the_end_of_interest() {
    fn wait<F: Sharing>(end: impl FnOnce(Receiver<(), F>) -> Option<Receiver<(), F>>) {
        let (sender, receiver) = channel::<(), F>(1);
        let woken = Woken::default();
        let wakers = [woken.waker(0), woken.waker(1), woken.waker(2)];
        let [mut first, mut second, mut third] = [(); 3].map(|()| Box::pin(sender.closed()));
        assert!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
        assert!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
        assert!(third.as_mut().poll(&mut Context::from_waker(&wakers[2])).is_pending());
        drop(second);
        assert!(!sender.is_closed());
        let _closed = end(receiver);
        assert_eq!(woken.take(), [0, 2]);
        assert!(sender.is_closed());
        assert!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_ready());
        assert!(Box::pin(sender.closed()).as_mut().poll(&mut Context::from_waker(&wakers[1])).is_ready());
    }
    fn close<F: Sharing>(mut receiver: Receiver<(), F>) -> Option<Receiver<(), F>> {
        receiver.close();
        Some(receiver)
    }
    wait::<OneCore>(|_| None);
    wait::<OneCore>(close);
    wait::<Threads>(|_| None);
    wait::<Threads>(close);
}

#[test]
fn a_value_may_hold_the_sender_of_its_own_channel() {
    fn drop_all<F: Sharing>() {
        struct Holder<F: Sharing>(Option<Sender<Self, F>>);
        let (sender, receiver) = channel::<Holder<F>, F>(2);
        for _ in 0..2 {
            assert!(sender.try_send(Holder(Some(sender.clone())), || None).is_ok());
        }
        let third = sender.try_send(Holder(None), || None);
        assert!(third.is_err_and(|error| error.into_inner().0.is_none()));
        drop(receiver);
    }
    drop_all::<OneCore>();
    drop_all::<Threads>();
}

thread_local! {
    /// What a waker of [`Inline`] does.
    static INLINE: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// A foreign executor that polls wherever it is woken.
struct Inline;

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let act = INLINE.with_borrow_mut(Option::take);
        if let Some(mut act) = act {
            act();
        }
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        // Whoever held the last waker dropped a task, and with it this.
        drop(INLINE.with_borrow_mut(Option::take));
    }
}

#[test]
fn who_is_woken_may_come_back_at_once() {
    fn come_back<F: Sharing + 'static>() {
        let (sender, receiver) = channel::<_, F>(1);
        let (receiver, waker) = (Rc::new(RefCell::new(receiver)), Waker::from(Arc::new(Inline)));
        assert!(receiver.borrow_mut().poll_recv(&mut Context::from_waker(&waker)).is_pending());
        let got = Rc::new(RefCell::new(Vec::new()));
        let (its_receiver, its_got, its_sender) = (receiver.clone(), got.clone(), sender.clone());
        INLINE.set(Some(Box::new(move || {
            its_got.borrow_mut().push(its_receiver.borrow_mut().try_recv(|| None));
            assert!(its_sender.try_send(2, || None).is_ok());
        })));
        assert!(sender.try_send(1, || None).is_ok());
        assert_eq!(*got.borrow(), [Ok(Some(1))]);
        assert_eq!(receiver.borrow_mut().try_recv(|| None), Ok(Some(2)));

        // The last waker of a task is replaced and takes a sender along.
        assert!(receiver.borrow_mut().poll_recv(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        let its_sender = sender.clone();
        INLINE.set(Some(Box::new(move || drop(its_sender.clone()))));
        assert!(receiver.borrow_mut().poll_recv(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(INLINE.take().is_none());
    }
    come_back::<OneCore>();
    come_back::<Threads>();
}

/// What the channel promises, kept the slow way.
struct Model {
    max: usize,
    items: VecDeque<char>,
    /// Those who wait for a place, in their order, and whether one is promised to them.
    places: Vec<(char, bool)>,
    /// Sends that have begun and not ended: each has a sender of its own.
    sends: Vec<char>,
    /// How far each sink is that was made.
    sinks: BTreeMap<char, Place>,
    has_sender: bool,
    has_receiver: bool,
    is_closed: bool,
    receiver_waits: Option<char>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// None is reserved; one may be waited for.
    None,
    Reserved,
    /// The sink was closed.
    Closed,
}

impl Model {
    fn new(max: usize) -> Self {
        let (items, places, sends, sinks) = Default::default();
        Self {
            max,
            items,
            places,
            sends,
            sinks,
            has_sender: true,
            has_receiver: true,
            is_closed: false,
            receiver_waits: None,
        }
    }

    fn has_place(&self) -> bool {
        let promised = self.places.iter().filter(|(_, is_promised)| *is_promised).count();
        let reserved = self.sinks.values().filter(|place| **place == Place::Reserved).count();
        self.items.len() + promised + reserved < self.max
    }

    fn promise(&mut self) -> String {
        let mut woken = String::new();
        while self.has_place()
            && let Some(next) = self.places.iter().position(|(_, is_promised)| !is_promised)
        {
            woken += &format!(" !{}", self.places[next].0);
            self.places[next].1 = true;
            self.places.retain(|place| *place != ('t', true));
        }
        woken
    }

    fn push(&mut self, name: char) -> String {
        self.items.push_back(name);
        format!("{name} sent") + &self.wake_receiver()
    }

    fn wake_receiver(&mut self) -> String {
        self.receiver_waits.take().map(|name| format!(" !{name}")).unwrap_or_default()
    }

    /// After a sender has gone.
    fn end(&mut self) -> String {
        if self.has_any_sender() { String::new() } else { self.wake_receiver() }
    }

    fn has_any_sender(&self) -> bool {
        let has_sink = self.sinks.values().any(|place| *place != Place::Closed);
        self.has_sender || !self.sends.is_empty() || has_sink
    }

    fn act_on_sink(&mut self, name: char, act: u8) -> String {
        if act == b'?' && self.has_sender {
            self.sinks.entry(name).or_insert(Place::None);
        }
        let Some(&place) = self.sinks.get(&name) else { return String::new() };
        match (act, place) {
            (b'?', Place::Closed) => format!("{name} closed"),
            (b'?', _) if self.is_closed => {
                self.sinks.insert(name, Place::None);
                format!("{name} closed")
            }
            (b'?', Place::Reserved) => format!("{name} ready"),
            (b'?', Place::None) => {
                let wait = self.places.iter().find(|wait| wait.0 == name).copied();
                match wait {
                    Some((_, false)) => return String::new(),
                    None if !self.has_place() => {
                        self.places.push((name, false));
                        return String::new();
                    }
                    Some((_, true)) | None => {}
                }
                self.places.retain(|wait| wait.0 != name);
                self.sinks.insert(name, Place::Reserved);
                format!("{name} ready")
            }
            (b'+', Place::Reserved) => {
                self.sinks.insert(name, Place::None);
                if self.is_closed { format!("{name} closed") } else { self.push(name) }
            }
            (b'!' | b'-', _) => {
                self.places.retain(|wait| wait.0 != name);
                self.sinks.insert(name, Place::Closed);
                if act == b'-' {
                    self.sinks.remove(&name);
                }
                if place == Place::Closed { String::new() } else { self.promise() + &self.end() }
            }
            _ => String::new(),
        }
    }

    fn close(&mut self) -> String {
        if std::mem::replace(&mut self.is_closed, true) {
            return String::new();
        }
        let mut woken: Vec<char> =
            self.places.iter().filter(|(_, is_promised)| !is_promised).map(|(name, _)| *name).collect();
        woken.sort_unstable();
        self.places.clear();
        woken.into_iter().map(|name| format!(" !{name}")).collect()
    }

    fn step(&mut self, word: &str) -> String {
        let answer = match (word, word.as_bytes()) {
            ("t" | "try", _) if !self.has_sender => String::new(),
            ("t" | "try", _) if self.is_closed => "t closed".into(),
            ("t" | "try", _) if self.has_place() => self.push('t'),
            ("t" | "try", _) => {
                if word == "t" && !self.places.contains(&('t', false)) {
                    self.places.push(('t', false));
                }
                "t full".into()
            }
            (_, [name @ b'a'..=b'h']) => {
                let name = char::from(*name);
                if !self.has_sender && !self.sends.contains(&name) {
                    return String::new();
                }
                let wait = self.places.iter().position(|place| place.0 == name);
                let is_promised = wait.is_some_and(|wait| self.places[wait].1);
                if !self.is_closed && !is_promised && (wait.is_some() || !self.has_place()) {
                    if wait.is_none() {
                        self.places.push((name, false));
                        self.sends.push(name);
                    }
                    return String::new();
                }
                self.places.retain(|place| place.0 != name);
                self.sends.retain(|send| *send != name);
                let sent = if self.is_closed { format!("{name} closed") } else { self.push(name) };
                sent + &self.end()
            }
            (_, [b'-', name]) => {
                let name = char::from(*name);
                let Some(at) = self.sends.iter().position(|send| *send == name) else { return String::new() };
                self.sends.remove(at);
                self.places.retain(|place| place.0 != name);
                self.promise() + &self.end()
            }
            (_, [name @ (b'x' | b'y'), act]) => self.act_on_sink(char::from(*name), *act),
            ("leave", _) if !self.has_sender => String::new(),
            ("leave", _) => {
                self.has_sender = false;
                self.end()
            }
            (_, _) if !self.has_receiver => String::new(),
            ("recv" | "recv-" | "try_recv" | "tick_recv", _) => {
                if let Some(name) = self.items.pop_front() {
                    return format!("got {name}") + &self.promise();
                }
                if self.is_closed || !self.has_any_sender() {
                    return "end".into();
                }
                match word {
                    "recv" => self.receiver_waits = Some('r'),
                    "tick_recv" => self.receiver_waits = Some('k'),
                    "recv-" => self.receiver_waits = None,
                    _ => {}
                }
                String::new()
            }
            ("close", _) => self.close(),
            ("go", _) => {
                self.has_receiver = false;
                self.receiver_waits = None;
                self.items.clear();
                self.close()
            }
            other => panic!("what is {other:?}?"),
        };
        answer.trim().into()
    }
}

fn agree<F: Sharing + 'static>(max: usize, words: &[&str]) {
    let (mut play, mut model) = (Play::<F>::new(max), Model::new(max));
    for (at, word) in words.iter().enumerate() {
        assert_eq!(play.step(word), model.step(word), "the last of {:?}", &words[..=at]);
        let values = model.items.len() + model.sends.len();
        assert_eq!(Rc::strong_count(&play.count) - 1, values, "values after {:?}", &words[..=at]);
    }
    let (woken, count) = (play.woken.clone(), Rc::clone(&play.count));
    drop(play);
    assert_eq!((woken.wakers(), Rc::strong_count(&count)), (0, 1), "something is kept after {words:?}");
}

fn word() -> impl Strategy<Value = &'static str> {
    use prop::sample::select;
    prop_oneof![
        6 => select(vec!["a", "b", "c", "d"]),
        3 => select(vec!["-a", "-b", "-c", "-d"]),
        3 => select(vec!["t", "try"]),
        6 => select(vec!["x?", "x?", "x+", "y?", "y?", "y+"]),
        1 => select(vec!["x!", "x-", "y!", "y-"]),
        9 => select(vec!["recv", "recv", "recv-", "try_recv", "tick_recv"]),
        1 => select(vec!["leave", "leave", "close", "go"]),
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
