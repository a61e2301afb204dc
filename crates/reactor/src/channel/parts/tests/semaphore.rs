//! Schedules for a semaphore, played by hand on one core and between threads, then drawn at random against a model
//! that keeps its promises the slow way.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use crate::channel::Closed;
use crate::channel::parts::semaphore::{Acquire, Permit, Semaphore};
use crate::channel::parts::{OneCore, Sharing, Threads};
use crate::woken::Woken;

struct Play<F: Sharing> {
    woken: Woken,
    wakers: BTreeMap<char, Waker>,
    semaphore: Semaphore<F>,
    waits: BTreeMap<char, Acquire<F>>,
    held: BTreeMap<char, Vec<Permit<F>>>,
}

impl<F: Sharing> Play<F> {
    fn new(max: usize) -> Self {
        let woken = Woken::default();
        let wakers = ('a'..='z').map(|name| (name, woken.waker(name as usize))).collect();
        let (waits, held) = Default::default();
        Self { woken, wakers, semaphore: Semaphore::new(max), waits, held }
    }

    /// `a2` has the task `a` wait for two permits, or look again; `t2` is a tick that tries, `x2` whoever tries; `-a`
    /// drops what `a` has, a wait or else permits.
    fn step(&mut self, word: &str) -> String {
        let mut answer = self.act(word);
        let mut woken = self.woken.take();
        if word == "close" {
            woken.sort_unstable(); // all at once, in no order
        }
        for number in woken {
            answer += &format!(" !{}", char::from(number as u8));
        }
        answer.trim().into()
    }

    fn act(&mut self, word: &str) -> String {
        let (name, count) = read(word);
        let taken = match name {
            _ if word == "close" => {
                self.semaphore.close();
                return String::new();
            }
            '-' => {
                let name = word.chars().next_back().unwrap();
                if self.waits.remove(&name).is_none() {
                    self.held.remove(&name);
                }
                return String::new();
            }
            't' | 'x' => {
                let tick = (name == 't').then(|| self.wakers[&'t'].clone());
                self.semaphore.try_acquire(count, || tick).map(Option::into_iter)
            }
            name => {
                let wait = self.waits.entry(name).or_insert_with(|| self.semaphore.acquire(count));
                match Pin::new(wait).poll(&mut Context::from_waker(&self.wakers[&name])) {
                    Poll::Pending => return String::new(),
                    Poll::Ready(taken) => {
                        self.waits.remove(&name);
                        taken.map(|permit| Some(permit).into_iter())
                    }
                }
            }
        };
        match taken {
            Err(Closed) => format!("{name} closed"),
            Ok(mut taken) => taken.next().map_or(format!("{name} none"), |permit| {
                let answer = format!("{name} has {}", permit.count());
                self.held.entry(name).or_default().push(permit);
                answer
            }),
        }
    }
}

/// The name and the number of permits in a word.
fn read(word: &str) -> (char, usize) {
    let mut chars = word.chars();
    (chars.next().unwrap(), chars.next().and_then(|count| count.to_digit(10)).unwrap_or(1) as usize)
}

#[track_caller]
fn check(max: usize, schedule: &str, expected: &str) {
    fn play<F: Sharing>(max: usize, schedule: &str) -> String {
        let mut play = Play::<F>::new(max);
        let answers = schedule.split(", ").map(|word| play.step(word));
        answers.filter(|answer| !answer.is_empty()).collect::<Vec<_>>().join(", ")
    }
    assert_eq!(play::<OneCore>(max, schedule), expected, "on one core: {schedule}");
    assert_eq!(play::<Threads>(max, schedule), expected, "between threads: {schedule}");
}

#[test]
fn permits_that_come_back_are_for_who_waited_longest() {
    check(1, "a, b, c, -a, c, b, -b, c", "a has 1, !b, b has 1, !c, c has 1");
    check(2, "a, b, c, d, -b, -a, d, c", "a has 1, b has 1, !c, !d, d has 1, c has 1");
}

#[test]
fn who_has_just_come_overtakes_nobody() {
    check(1, "a, b, -a, c, x, b", "a has 1, !b, x none, b has 1");
    check(3, "a2, b3, c, x1, -a, c, b", "a has 2, x none, !b, b has 3");
}

#[test]
fn many_are_taken_at_once_or_not_at_all() {
    check(3, "a2, b2, -a, b2, c1", "a has 2, !b, b has 2, c has 1");
    check(3, "a, b, c, d3, -a, -b, d, -c, d", "a has 1, b has 1, c has 1, !d, d has 3");
    check(3, "a2, b2, c, -b, c", "a has 2, !c, c has 1");
}

#[test]
fn a_wait_that_is_dropped_passes_its_turn_on() {
    check(1, "a, b, c, -a, -b, c", "a has 1, !b, !c, c has 1");
    check(2, "a2, b2, c, d, -a, -b, d, c", "a has 2, !b, !c !d, d has 1, c has 1");
    check(1, "a, b, -b, -a, x", "a has 1, x has 1");
    check(1, "a, b, -a, -b, x", "a has 1, !b, x has 1");
}

#[test]
fn a_tick_that_finds_none_is_ticked_again() {
    check(1, "a, t, t, -a, t", "a has 1, t none, t none, !t, t has 1");
    check(1, "a, t, b, -a, t, b", "a has 1, t none, !t !b, t none, b has 1");
    check(1, "a, x, -a, x", "a has 1, x none, x has 1");
    check(3, "a2, t2, b", "a has 2, t none, b has 1");
}

#[test]
fn a_semaphore_that_is_closed_gives_nothing() {
    check(
        1,
        "a, b, t, close, b, t, c, x, -a",
        "a has 1, t none, !b !t, b closed, t closed, c closed, x closed",
    );
    check(1, "a, b, -a, close, b", "a has 1, !b, b closed");
}

#[test]
fn permits_that_come_back_while_a_tick_registers_are_seen() {
    let (semaphore, woken) = (Semaphore::<Threads>::new(1), Woken::default());
    let held = semaphore.try_acquire(1, || None).ok().flatten();
    let give_back_and_register = || {
        drop(held);
        Some(woken.waker(0))
    };
    assert!(matches!(semaphore.try_acquire(1, give_back_and_register), Ok(Some(_))));
}

/// What a semaphore promises.
struct Model {
    max: usize,
    is_closed: bool,
    /// Who waits for how many, in their order, and whether they are promised. Ticks too.
    waits: Vec<(char, usize, bool)>,
    held: Vec<(char, usize)>,
}

impl Model {
    fn free(&self) -> usize {
        let promised = self.waits.iter().filter(|wait| wait.2).map(|wait| wait.1);
        self.max - promised.chain(self.held.iter().map(|held| held.1)).sum::<usize>()
    }

    fn serve(&mut self) -> String {
        let mut woken = String::new();
        while let Some(next) = self.waits.iter().position(|wait| !wait.2)
            && let (name, count, _) = self.waits[next]
            && self.free() > 0
            && (name == 't' || self.free() >= count)
        {
            woken += &format!(" !{name}");
            match name {
                't' => drop(self.waits.remove(next)),
                _ => self.waits[next].2 = true,
            }
        }
        woken
    }

    fn step(&mut self, word: &str) -> String {
        let (name, count) = read(word);
        let waits = self.waits.iter().position(|wait| wait.0 == name);
        let is_queue = self.waits.iter().any(|wait| wait.0 != 't' && !wait.2);
        match name {
            _ if word == "close" => {
                self.is_closed = true;
                let mut woken: Vec<_> = self.waits.iter().filter(|wait| !wait.2).map(|wait| wait.0).collect();
                woken.sort_unstable();
                self.waits.retain(|wait| wait.0 != 't');
                self.waits.iter_mut().for_each(|wait| (wait.1, wait.2) = (0, true));
                woken.iter().map(|name| format!(" !{name}")).collect::<String>().trim().into()
            }
            '-' => {
                let name = word.chars().next_back().unwrap();
                match self.waits.iter().position(|wait| wait.0 == name && name != 't') {
                    Some(at) => drop(self.waits.remove(at)),
                    None if self.held.iter().any(|held| held.0 == name) => {
                        self.held.retain(|held| held.0 != name)
                    }
                    None => return String::new(),
                }
                if self.is_closed { String::new() } else { self.serve().trim().into() }
            }
            name if self.is_closed => {
                self.waits.retain(|wait| wait.0 != name);
                format!("{name} closed")
            }
            't' | 'x' if is_queue || self.free() < count => {
                if name == 't' && waits.is_none() {
                    self.waits.push((name, count, false));
                }
                format!("{name} none")
            }
            't' | 'x' => self.take(name, count),
            name => match waits {
                Some(at) if self.waits[at].2 => {
                    let (_, count, _) = self.waits.remove(at);
                    self.take(name, count)
                }
                Some(_) => String::new(),
                None if is_queue || self.free() < count => {
                    self.waits.push((name, count, false));
                    String::new()
                }
                None => self.take(name, count),
            },
        }
    }

    fn take(&mut self, name: char, count: usize) -> String {
        self.held.push((name, count));
        format!("{name} has {count}")
    }
}

fn agree<F: Sharing>(words: &[&str]) {
    let (mut play, mut model) =
        (Play::<F>::new(3), Model { max: 3, is_closed: false, waits: vec![], held: vec![] });
    for (at, word) in words.iter().enumerate() {
        assert_eq!(play.step(word), model.step(word), "the last of {:?}", &words[..=at]);
        assert_eq!(play.semaphore.free(), model.free(), "free after {:?}", &words[..=at]);
    }
    let woken = play.woken.clone();
    drop(play);
    assert_eq!(woken.wakers(), 0, "a waker is kept after {words:?}");
}

fn word() -> impl Strategy<Value = &'static str> {
    use prop::sample::select;
    prop_oneof![
        6 => select(vec!["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "d1"]),
        4 => select(vec!["-a", "-b", "-c", "-d", "-t", "-x"]),
        2 => select(vec!["t1", "t2", "t3", "x1", "x2"]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_schedule_keeps_the_promises(words in prop::collection::vec(word(), 1..40), close in 0..60_usize) {
        let mut words = words;
        if close < words.len() {
            words.insert(close, "close");
        }
        agree::<OneCore>(&words);
        agree::<Threads>(&words);
    }
}
