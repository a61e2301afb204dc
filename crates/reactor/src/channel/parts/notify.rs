//! A word to one who waits or to all: its state and its handle, for one core and between threads.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::queue::Turns;
use super::{Shared, Sharing, Step};
use crate::task::waits::Asked;
use crate::task::{poll_budget, try_budget};
use crate::waiters::{Key, Progress, Taken, Waiters};

pub(crate) struct Notify<F: Sharing> {
    word: F::Of<Word>,
    /// The last round that this handle's ticks were told of.
    round: u64,
}

impl<F: Sharing> Notify<F> {
    pub(crate) fn new() -> Self {
        Self { word: F::Of::new(Word::default()), round: 0 }
    }

    pub(crate) fn notify_one(&self) {
        self.word.with(Word::tell_one).wake();
    }

    pub(crate) fn notify_waiters(&self) {
        self.word.with(Word::tell_all).wake();
    }

    pub(crate) fn notified(&self) -> Notified<F> {
        Notified { round: self.word.with(|word| word.round), word: self.word.clone(), wait: None }
    }

    /// Asks `tick` for a waker when there is no word yet.
    pub(crate) fn try_notified(&mut self, tick: impl FnOnce() -> Option<Waker>) -> Option<()> {
        if !try_budget() {
            return None;
        }
        let Self { word, round } = self;
        let mut heard = word.with(|word| word.try_hear(round, None)).into_poll();
        if heard.is_pending()
            && let Some(waker) = tick()
        {
            // Between threads the word may have come since.
            heard = word.with(|word| word.try_hear(round, Some(&waker))).into_wait::<F>(Asked::Notify);
        }
        heard.is_ready().then_some(())
    }
}

impl<F: Sharing> Clone for Notify<F> {
    fn clone(&self) -> Self {
        Self { word: self.word.clone(), round: self.word.with(|word| word.round) }
    }
}

/// A wait for a word.
pub(crate) struct Notified<F: Sharing> {
    word: F::Of<Word>,
    /// The last round before the wait began.
    round: u64,
    wait: Option<Key>,
}

// Nothing in it is pinned.
impl<F: Sharing> Unpin for Notified<F> {}

impl<F: Sharing> Future for Notified<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { word, round, wait } = self.get_mut();
        ready!(poll_budget(cx));
        word.with(|word| word.poll_hear(*round, wait, cx.waker())).into_wait::<F>(Asked::Notify)
    }
}

impl<F: Sharing> Drop for Notified<F> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            let (turns, own) = self.word.with(|word| word.handle_wait_dropped(wait));
            turns.wake();
            drop(own);
        }
    }
}

/// The state. It calls nobody's code: wakers leave as results.
///
/// A word for one belongs to the one who has waited longest, and is his until he hears it or gives up, which passes it
/// on. If nobody waits it is kept, once. To a tick it cannot belong, since nobody would know if it lost interest: so
/// ticks that have waited longer are woken too, and find it if nobody else does.
#[derive(Default)]
pub(crate) struct Word {
    is_kept: bool,
    /// How often all were told.
    round: u64,
    waits: Waiters,
    /// Waits whose turn has come.
    chosen: usize,
}

impl Word {
    fn tell_one(&mut self) -> Turns {
        let mut turns = Turns::default();
        while let Some((waker, wait)) = self.waits.take_one() {
            turns.push(waker);
            if wait.is_some() {
                self.chosen += 1;
                return turns;
            }
        }
        self.is_kept = true;
        turns
    }

    fn tell_all(&mut self) -> Taken {
        self.round += 1;
        // Who has a word of his own hears of this round instead, and his word is for the next.
        self.is_kept |= self.chosen > 0;
        self.chosen = 0;
        self.waits.take_all()
    }

    fn try_hear(&mut self, round: &mut u64, tick: Option<&Waker>) -> Step<()> {
        let is_told = std::mem::replace(round, self.round) != self.round;
        if is_told || std::mem::take(&mut self.is_kept) {
            return Step::Now(());
        }
        if let Some(tick) = tick {
            self.waits.register(tick);
        }
        Step::Wait { replaced: None }
    }

    fn poll_hear(&mut self, round: u64, wait: &mut Option<Key>, waker: &Waker) -> Step<()> {
        if self.round != round {
            *wait = None; // the round has ended all waits
            return Step::Now(());
        }
        let is_told = match *wait {
            None => std::mem::take(&mut self.is_kept),
            Some(key) => self.waits.progress(key) == Progress::Chosen,
        };
        if !is_told {
            return Step::Wait { replaced: self.waits.poll(wait, waker) };
        }
        if let Some(key) = wait.take() {
            drop(self.waits.remove(key)); // a chosen one has no waker left to drop
            self.chosen -= 1;
        }
        Step::Now(())
    }

    /// A wait was dropped: a word of its own goes to the next. The other waker is the wait's, to be dropped.
    fn handle_wait_dropped(&mut self, wait: Key) -> (Turns, Option<Waker>) {
        let (progress, own) = self.waits.remove(wait);
        if progress != Progress::Chosen {
            return (Turns::default(), own);
        }
        self.chosen -= 1;
        (self.tell_one(), own)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{OneCore, Threads};
    use super::*;
    use crate::woken::Woken;

    /// `a` begins a wait, or goes on with it, `^a` makes it and does not look; `-a` drops it. `t` is a tick that tries,
    /// `x` whoever tries; `one` and `all` notify.
    fn play<F: Sharing>(schedule: &str) -> String {
        let (woken, notify) = (Woken::default(), Notify::<F>::new());
        let wakers: Vec<Waker> = (0..128).map(|number| woken.waker(number)).collect();
        let (mut waits, mut ticks) = (BTreeMap::new(), notify.clone());
        let mut answers = Vec::new();
        for word in schedule.split_whitespace() {
            let mut answer = String::new();
            match word.as_bytes() {
                b"one" => notify.notify_one(),
                b"all" => notify.notify_waiters(),
                b"t" | b"x" => {
                    let tick = (word == "t").then(|| wakers[usize::from(b't')].clone());
                    if ticks.try_notified(|| tick).is_some() {
                        answer.push_str(word);
                    }
                }
                [b'^', name] => drop(waits.insert(*name, notify.notified())),
                [b'-', name] => drop(waits.remove(name)),
                [name] => {
                    let wait = waits.entry(*name).or_insert_with(|| notify.notified());
                    let mut cx = Context::from_waker(&wakers[usize::from(*name)]);
                    if Pin::new(wait).poll(&mut cx).is_ready() {
                        waits.remove(name);
                        answer.push_str(word);
                    }
                }
                other => panic!("what is {other:?}?"),
            }
            for number in woken.take() {
                answer += &format!("!{}", char::from(number as u8));
            }
            answers.push(answer);
        }
        drop((waits, wakers, notify, ticks));
        assert_eq!(woken.wakers(), 0, "a waker is kept after {schedule}");
        answers.retain(|answer| !answer.is_empty());
        answers.join(" ")
    }

    #[track_caller]
    fn check(schedule: &str, expected: &str) {
        assert_eq!(play::<OneCore>(schedule), expected, "on one core: {schedule}");
        assert_eq!(play::<Threads>(schedule), expected, "between threads: {schedule}");
    }

    #[test]
    fn one_is_told_in_the_order_they_came() {
        check("a b one b a b one b", "!a a !b b");
        check("a b one one b a", "!a !b b a");
    }

    #[test]
    fn a_word_that_nobody_waits_for_is_kept_once() {
        check("one a b", "a");
        check("one one a b one b", "a !b b");
        check("one x x", "x");
    }

    #[test]
    fn a_wait_that_is_dropped_passes_its_word_on() {
        check("a b one -a b", "!a !b b");
        check("a one -a b", "!a b");
        check("a b -a one b", "!b b");
        check("a one all -a b", "!a b");
    }

    #[test]
    fn all_who_wait_are_told_and_nobody_who_comes_later() {
        check("a b all a b c", "!a!b a b");
        check("all a", "");
        check("a one all a b", "!a a b");
        check("a b all -a one b c", "!a!b b c");
    }

    #[test]
    fn who_has_begun_to_wait_is_told_before_he_looks() {
        check("^a all a", "a");
        check("all ^a a", "");
        check("^a one b a", "b");
    }

    #[test]
    fn a_tick_that_hears_nothing_is_ticked_again() {
        check("t t one t t", "!t t");
        check("t all t t", "!t t");
        check("x one x all x x", "x x");
        check("t a one t a", "!t!a a");
        check("a t one t one t", "!a !t t");
    }

    #[test]
    fn a_word_that_comes_while_a_tick_registers_is_heard() {
        let (mut notify, woken) = (Notify::<Threads>::new(), Woken::default());
        let teller = notify.clone();
        let tell_and_register = || {
            teller.notify_one();
            Some(woken.waker(0))
        };
        assert_eq!(notify.try_notified(tell_and_register), Some(()));
    }
}
