//! Those who wait for an event: a [`Waiter`] where there can be only one, [`Waiters`] where there can be many.
//!
//! Pure tables: they call no waker and drop none. Waking or dropping a waker can run code that comes back for
//! whatever holds the table (a foreign executor may poll right there, the last waker of a task drops its
//! future), so every waker that leaves is handed to the caller, to be used when nothing is borrowed or locked.
//!
//! There are three ways to wait. A *keyed* wait belongs to a future: it has its own entry, which the future
//! removes when it is dropped, so that a lost `select` branch leaves nothing behind. A *shared* wait belongs to
//! a task (channels' `poll_*` functions, ticks): registering the same waker twice is one entry, and it stays until
//! woken. The *last* wait belongs to whoever asked last (sockets' `poll_*` functions, whose contract says so): to
//! keep more would keep the wakers of futures that are long gone, as such a function never hears of that.
//!
//! A table holds a waker only while its task waits. To keep it from one wait to the next would save two atomic
//! operations each time; but then whoever holds a task's waker would no longer be who will wake it, which is how the
//! task table finds a task that waits for nothing.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use crate::wakers::wake_the_same;

/// The place of the only one who can wait.
#[derive(Debug, Default)]
pub(crate) struct Waiter(Option<Waker>);

impl Waiter {
    /// Whoever waits.
    pub(crate) fn waker(&self) -> Option<&Waker> {
        self.0.as_ref()
    }

    /// Waits. Drop the waker that was replaced when nothing is borrowed.
    #[must_use = "dropping a waker can come back to whoever holds this"]
    pub(crate) fn register(&mut self, waker: &Waker) -> Option<Waker> {
        store(&mut self.0, waker)
    }

    /// Whoever waits, to be woken or to be dropped when nothing is borrowed. It waits no longer.
    #[must_use = "it must be woken, or dropped outside"]
    pub(crate) fn take(&mut self) -> Option<Waker> {
        self.0.take()
    }
}

/// Names a keyed wait in one table. Never reused, so a stale one is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(NonZero<u64>);

/// How far a keyed wait has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It waits.
    Waiting,
    /// [`Waiters::take_one`] chose it: whatever it waited for is its own, to use or to pass on.
    Chosen,
    /// There is no such wait: it was removed, or woken together with all others.
    Gone,
}

/// Those who wait for one event, first come, first served. The first is inline and costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    first: Entry,
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Present while the state is `Shared`, `Last` or `Keyed`.
    waker: Option<Waker>,
    /// Of the first one, when it is free: no key that was given is greater, unless there are more.
    key: u64,
    state: State,
    /// The number of the task within which it waits, if somebody said so.
    task: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody's.
    #[default]
    Free,
    Shared,
    Last,
    Keyed,
    /// A keyed wait that `take_one` chose.
    Chosen,
}

/// All but the first, in the order of their keys.
#[derive(Debug, Default)]
struct More {
    entries: VecDeque<Entry>,
    /// The key that was given last.
    last_key: u64,
    /// How many of the entries are free. Such holes are closed when they are the majority, so that removing
    /// one of many costs no more, in the long run, than finding it.
    holes: usize,
    /// None of so many entries at the front waits: choosing need not walk past the chosen again.
    settled: usize,
}

/// Everybody who waited, on the way to being woken.
#[derive(Debug)]
#[must_use = "they must be woken"]
pub(crate) struct Taken {
    first: Option<Waker>,
    more: Option<Box<More>>,
}

impl Waiters {
    /// A shared wait: wakes this task once when the event comes.
    pub(crate) fn register(&mut self, waker: &Waker) {
        let same = |entry: &Entry| {
            entry.state == State::Shared
                && entry.waker.as_ref().is_some_and(|known| wake_the_same(known, waker))
        };
        if same(&self.first) || self.more.as_ref().is_some_and(|more| more.entries.iter().any(same)) {
            return;
        }
        self.insert(waker, State::Shared, 0);
    }

    /// The last wait: replaces the one before it. `task` says within which task a new one is: the waker may be of something
    /// within it. Drop the waker that was replaced when nothing is borrowed.
    #[must_use = "dropping a waker can come back to whoever holds this"]
    pub(crate) fn register_last(&mut self, waker: &Waker, task: impl FnOnce() -> u32) -> Option<Waker> {
        let is_last = |entry: &&mut Entry| entry.state == State::Last;
        let last = match &mut self.more {
            _ if self.first.state == State::Last => Some(&mut self.first),
            Some(more) => more.entries.iter_mut().find(is_last),
            None => None,
        };
        match last {
            Some(entry) => store(&mut entry.waker, waker),
            None => {
                self.insert(waker, State::Last, task());
                None
            }
        }
    }

    /// A keyed wait: begins one, or goes on with that of `key`, in its place in the queue. One that was
    /// chosen gives that up and queues anew. Drop the waker that was replaced when nothing is borrowed.
    #[must_use = "dropping a waker can come back to whoever holds this"]
    pub(crate) fn poll(&mut self, key: &mut Option<Key>, waker: &Waker) -> Option<Waker> {
        self.poll_within(key, waker, || 0)
    }

    /// The same, and `task` says within which task a new one is: the waker may be of something within it.
    #[inline]
    #[must_use = "dropping a waker can come back to whoever holds this"]
    pub(crate) fn poll_within(
        &mut self,
        key: &mut Option<Key>,
        waker: &Waker,
        task: impl FnOnce() -> u32,
    ) -> Option<Waker> {
        if let Some(known) = *key
            && let Some(replaced) = self.go_on(known, waker)
        {
            return replaced;
        }
        *key = Some(self.insert(waker, State::Keyed, task()));
        None
    }

    /// Goes on with a keyed wait: the waker that was replaced, if it waits. If not, there is no such wait any more.
    #[inline(never)]
    fn go_on(&mut self, key: Key, waker: &Waker) -> Option<Option<Waker>> {
        match self.find(key) {
            Some(entry) if entry.state == State::Keyed => Some(store(&mut entry.waker, waker)),
            _ => {
                drop(self.remove(key)); // one that was chosen has no waker left to drop
                None
            }
        }
    }

    /// How far a keyed wait has come.
    pub(crate) fn progress(&mut self, key: Key) -> Progress {
        self.find(key).map_or(Progress::Gone, |entry| entry.progress())
    }

    /// Whether it is this task that a keyed wait would wake.
    pub(crate) fn would_wake(&mut self, key: Key, waker: &Waker) -> bool {
        self.find(key).and_then(|entry| entry.waker.as_ref()).is_some_and(|known| wake_the_same(known, waker))
    }

    /// Whether there is no such wait any more, if that is told by a look at the first place: the common case.
    #[inline]
    pub(crate) fn has_gone(&self, key: Key) -> bool {
        self.first.key == key.0.get() && !self.first.is_keyed()
    }

    /// Ends a keyed wait and says how far it had come. Drop the waker when nothing is borrowed.
    #[must_use = "one that was chosen passes it on; dropping a waker can come back to whoever holds this"]
    pub(crate) fn remove(&mut self, key: Key) -> (Progress, Option<Waker>) {
        if self.first.key == key.0.get() { self.first.end_keyed() } else { self.remove_of_more(key) }
    }

    fn remove_of_more(&mut self, key: Key) -> (Progress, Option<Waker>) {
        let Some(entry) = self.find(key) else { return (Progress::Gone, None) };
        let ended = entry.end_keyed();
        self.close_holes();
        ended
    }

    /// Chooses the one who has waited longest. A keyed wait keeps its place, so that it can be asked how
    /// far it has come; a shared one ends.
    #[must_use = "it must be woken"]
    pub(crate) fn take_one(&mut self) -> Option<(Waker, Option<Key>)> {
        let oldest_of_more = self.more.as_mut().and_then(|more| more.oldest_waiting());
        let entry = match oldest_of_more {
            Some(entry) if !self.first.is_waiting() || entry.key < self.first.key => entry,
            _ if self.first.is_waiting() => &mut self.first,
            _ => return None,
        };
        let waker = entry.waker.take()?;
        if entry.state == State::Keyed {
            entry.state = State::Chosen;
            return Some((waker, entry.key()));
        }
        entry.state = State::Free;
        if entry.key != self.first.key {
            self.close_holes();
        }
        Some((waker, None))
    }

    /// Whom [`take_one`](Self::take_one) would choose: somebody with a key or, `Some(None)`, without.
    pub(crate) fn oldest(&mut self) -> Option<Option<Key>> {
        let key_of = |entry: &Entry| entry.key().filter(|_| entry.state == State::Keyed);
        let oldest_of_more = self.more.as_mut().and_then(|more| more.oldest_waiting());
        match oldest_of_more {
            Some(entry) if !self.first.is_waiting() || entry.key < self.first.key => Some(key_of(entry)),
            _ if self.first.is_waiting() => Some(key_of(&self.first)),
            _ => None,
        }
    }

    /// Takes everybody, and forgets all keys.
    #[inline]
    pub(crate) fn take_all(&mut self) -> Taken {
        self.first.state = State::Free;
        let more = self.more.take();
        if let Some(more) = &more {
            self.first.key = more.last_key;
        }
        Taken { first: self.first.waker.take(), more }
    }

    /// Everybody who waits: their wakers, and the numbers of their tasks where they are known.
    pub(crate) fn each(&self, mut tell: impl FnMut(&Waker, u32)) {
        let more = self.more.iter().flat_map(|more| &more.entries);
        for entry in std::iter::once(&self.first).chain(more) {
            if let Some(waker) = &entry.waker {
                tell(waker, entry.task);
            }
        }
    }

    /// Whoever is in the first place, and waits.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Waker> {
        self.first.waker.as_ref()
    }

    /// Whether there is nobody at all: the common case, told by two comparisons.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.state == State::Free && self.more.is_none()
    }

    #[inline]
    fn insert(&mut self, waker: &Waker, state: State, task: u32) -> Key {
        // Counting from one: a new table's first place has the key 0, which is nobody's.
        let last_key = match &mut self.more {
            None => &mut self.first.key,
            Some(more) => &mut more.last_key,
        };
        let key = *last_key + 1;
        if self.first.state == State::Free {
            *last_key = key;
            // Written where it is, and not moved there.
            let first = &mut self.first;
            first.waker = Some(waker.clone());
            (first.key, first.state, first.task) = (key, state, task);
        } else {
            self.insert_more(Entry { waker: Some(waker.clone()), key, state, task });
        }
        Key(NonZero::new(key).expect("nobody lives to count so far"))
    }

    #[cold]
    fn insert_more(&mut self, entry: Entry) {
        let more = self.more.get_or_insert_default();
        more.last_key = entry.key;
        more.entries.push_back(entry);
    }

    fn find(&mut self, key: Key) -> Option<&mut Entry> {
        let key = key.0.get();
        let entry = if self.first.key == key {
            &mut self.first
        } else {
            let more = self.more.as_mut()?;
            let index = more.entries.binary_search_by_key(&key, |entry| entry.key).ok()?;
            &mut more.entries[index]
        };
        Some(entry).filter(|entry| entry.is_keyed())
    }

    fn close_holes(&mut self) {
        if let Some(more) = &mut self.more {
            more.close_holes();
        }
    }
}

impl More {
    fn oldest_waiting(&mut self) -> Option<&mut Entry> {
        let settled = self.entries.range(self.settled..).position(Entry::is_waiting);
        self.settled = settled.map_or(self.entries.len(), |ahead| self.settled + ahead);
        self.entries.get_mut(self.settled)
    }

    #[cold]
    fn wake_with(self, first: Option<Waker>) {
        wake_each(first.into_iter().chain(self.entries.into_iter().filter_map(|entry| entry.waker)));
    }

    /// One more entry has become free.
    fn close_holes(&mut self) {
        self.holes += 1;
        while self.entries.front().is_some_and(|entry| entry.state == State::Free) {
            self.entries.pop_front();
            self.holes -= 1;
            self.settled = self.settled.saturating_sub(1);
        }
        if self.holes > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.state != State::Free);
            (self.holes, self.settled) = (0, 0);
        }
    }
}

impl Entry {
    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Shared | State::Last | State::Keyed)
    }

    fn is_keyed(&self) -> bool {
        matches!(self.state, State::Keyed | State::Chosen)
    }

    fn key(&self) -> Option<Key> {
        NonZero::new(self.key).map(Key)
    }

    /// Ends a keyed wait; nothing happens to one that is not.
    #[inline]
    fn end_keyed(&mut self) -> (Progress, Option<Waker>) {
        if !self.is_keyed() {
            return (Progress::Gone, None);
        }
        let progress = self.progress();
        self.state = State::Free;
        (progress, self.waker.take())
    }

    fn progress(&self) -> Progress {
        match self.state {
            State::Keyed => Progress::Waiting,
            State::Chosen => Progress::Chosen,
            State::Free | State::Shared | State::Last => Progress::Gone,
        }
    }
}

impl Taken {
    /// Wakes them all. To be called when nothing is borrowed.
    #[inline]
    pub(crate) fn wake(self) {
        match (self.first, self.more) {
            (first, Some(more)) => more.wake_with(first),
            (Some(first), None) => first.wake(),
            (None, None) => {}
        }
    }
}

/// Wakes them one after the other, also if waking one of them panics: that goes on to the caller when the others are awake.
pub(crate) fn wake_each(wakers: impl Iterator<Item = Waker>) {
    let mut left = Left(wakers);
    for waker in left.0.by_ref() {
        waker.wake();
    }
}

/// Those that are left when one has panicked.
struct Left<I: Iterator<Item = Waker>>(I);

impl<I: Iterator<Item = Waker>> Drop for Left<I> {
    fn drop(&mut self) {
        for waker in self.0.by_ref() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                mem::forget(payload); // its drop may panic in turn
            }
        }
    }
}

/// Stores a waker unless it is there already, and returns the one it replaced.
fn store(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match place {
        Some(known) if wake_the_same(known, waker) => None,
        _ => place.replace(waker.clone()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::woken::Woken;

    #[test]
    fn each_wait_is_told_with_the_task_that_was_named_for_it() {
        let (mut waiters, woken) = (Waiters::default(), Woken::default());
        let wakers: Vec<Waker> = (0..3).map(|number| woken.waker(number)).collect();
        let mut keys = [None; 3];
        for (number, (key, waker)) in keys.iter_mut().zip(&wakers).enumerate() {
            drop(waiters.poll_within(key, waker, || number as u32 + 7));
        }
        // The first goes on with its wait, and is not the newest.
        drop(waiters.poll_within(&mut keys[0], &wakers[0], || 99));
        let mut told = Vec::new();
        waiters.each(|waker, task| {
            waker.wake_by_ref();
            told.push(task);
        });
        assert_eq!((told, woken.take()), (vec![7, 8, 9], vec![0, 1, 2]));
    }

    /// Plays a schedule of words and returns who was woken. `a`…`z` is a keyed wait of that task, `A`…`Z` a
    /// shared one of the task of the same letter, `=a` the last one, `-a` drops the wait, `one` and `all` wake.
    fn play(schedule: &str) -> String {
        let (mut waiters, woken) = (Waiters::default(), Woken::default());
        let wakers: Vec<Waker> = (0..26).map(|number| woken.waker(number)).collect();
        let mut keys = [None; 26];
        for word in schedule.split_whitespace() {
            match word.as_bytes() {
                b"one" => {
                    let oldest = waiters.oldest();
                    let taken = waiters.take_one();
                    assert_eq!(oldest, taken.as_ref().map(|(_, key)| *key), "{schedule}");
                    let Some((waker, _)) = taken else { continue };
                    waker.wake();
                }
                b"all" => waiters.take_all().wake(),
                [b'=', task] => drop(waiters.register_last(&wakers[usize::from(task - b'a')], || 0)),
                [b'-', task] => drop(waiters.remove(keys[usize::from(task - b'a')].expect("waits"))),
                [task @ b'a'..=b'z'] => {
                    let task = usize::from(task - b'a');
                    drop(waiters.poll(&mut keys[task], &wakers[task]));
                }
                [task @ b'A'..=b'Z'] => waiters.register(&wakers[usize::from(task - b'A')]),
                other => panic!("what is {other:?}?"),
            }
        }
        woken.take().into_iter().map(|number| char::from(b'a' + number as u8)).collect()
    }

    #[track_caller]
    fn check(schedule: &str, expected: &str) {
        assert_eq!(play(schedule), expected, "{schedule}");
    }

    #[test]
    fn all_are_woken_once() {
        check("all a all all", "a");
        check("a b c all all", "abc");
        check("a all a all", "aa");
        check("A B C all all", "abc");
    }

    #[test]
    fn of_those_who_ask_last_only_the_last_is_woken() {
        check("=a all all", "a");
        check("=a =b all", "b");
        check("a =b =c all", "ac");
        check("A b =c =d =c all", "abc");
        check("=a all =b all", "ab");
        check("=a b =c -b =d all", "d");
    }

    #[test]
    fn one_is_woken_in_the_order_they_came() {
        check("one a b c one one one one", "abc");
        check("a b one c one one", "abc");
        check("a b one -a c one one", "abc");
        check("A B one C one one", "abc");
    }

    #[test]
    fn a_dropped_wait_takes_its_entry_with_it() {
        check("a -a all", "");
        check("a b c d -b -d all", "ac");
        check("a b c d -a one -b one one", "bcd");
        check("a b c d e f -c -d -e -b one one one", "af");
    }

    #[test]
    fn polling_again_keeps_the_place_in_the_queue() {
        check("a b c a b a one one one", "abc");
        check("a b one a one one", "aba");
    }

    #[test]
    fn a_task_that_registers_twice_is_woken_once() {
        check("A A all", "a");
        check("B A A B A all", "ba");
        check("a A A all", "aa");
    }

    #[test]
    fn two_waits_of_one_task_are_two() {
        let (mut waiters, woken) = (Waiters::default(), Woken::default());
        let (waker, mut first, mut second) = (woken.waker(0), None, None);
        assert!(waiters.poll(&mut first, &waker).is_none());
        assert!(waiters.poll(&mut second, &waker).is_none());
        assert_eq!(waiters.remove(first.unwrap()).0, Progress::Waiting);
        waiters.take_all().wake();
        assert_eq!(woken.take(), [0]);
    }

    #[test]
    fn whoever_ends_a_wait_sees_that_it_was_chosen() {
        let (mut waiters, woken) = (Waiters::default(), Woken::default());
        let mut keys = [None; 3];
        for (number, key) in keys.iter_mut().enumerate() {
            assert!(waiters.poll(key, &woken.waker(number)).is_none());
        }
        let [first, second, third] = keys.map(Option::unwrap);
        assert_eq!(waiters.take_one().and_then(|(_, key)| key), Some(first));
        assert_eq!(waiters.take_one().and_then(|(_, key)| key), Some(second));
        assert_eq!(
            [first, second, third].map(|key| waiters.progress(key)),
            [Progress::Chosen, Progress::Chosen, Progress::Waiting]
        );
        assert_eq!(
            [first, second, third].map(|key| waiters.remove(key).0),
            [Progress::Chosen, Progress::Chosen, Progress::Waiting]
        );
        assert_eq!([first, second, third].map(|key| waiters.remove(key).0), [Progress::Gone; 3]);
        assert!(!is_waiting(&waiters));
    }

    #[test]
    fn one_that_was_chosen_may_queue_anew() {
        let (mut waiters, woken) = (Waiters::default(), Woken::default());
        let (waker, mut key) = (woken.waker(0), None);
        assert!(waiters.poll(&mut key, &waker).is_none());
        let chosen = waiters.take_one().and_then(|(_, key)| key).expect("waits");
        assert!(waiters.poll(&mut key, &waker).is_none());
        assert_eq!(waiters.progress(chosen), Progress::Gone);
        assert_eq!(waiters.progress(key.unwrap()), Progress::Waiting);
    }

    #[test]
    fn only_who_waits_is_held() {
        let (mut waiters, mut waiter, woken) = (Waiters::default(), Waiter::default(), Woken::default());
        let (first, second, mut key) = (woken.waker(0), woken.waker(1), None);
        assert!(waiter.register(&first).is_none());
        assert!(waiter.register(&first).is_none());
        assert!(waiter.register(&second).is_some_and(|replaced| replaced.will_wake(&first)));
        assert!(waiters.poll(&mut key, &first).is_none());
        assert!(waiters.poll(&mut key, &first).is_none());
        assert!(waiters.poll(&mut key, &second).is_some_and(|replaced| replaced.will_wake(&first)));
        assert!(waiters.remove(key.unwrap()).1.is_some_and(|own| own.will_wake(&second)));
        waiters.register(&first);
        waiters.take_all().wake();
        assert!(waiter.take().is_some_and(|waiting| waiting.will_wake(&second)));
        drop((first, second));
        let kept = (waiters, waiter);
        assert_eq!(woken.take(), [0]);
        assert_eq!(woken.wakers(), 0);
        drop(kept);
    }

    #[test]
    fn one_who_panics_when_woken_keeps_nobody_else_asleep() {
        struct Bad;
        impl std::task::Wake for Bad {
            fn wake(self: std::sync::Arc<Self>) {
                panic!("a waker of the test panics");
            }
        }
        let bad = || Waker::from(std::sync::Arc::new(Bad));
        for at in 0..4 {
            let (mut waiters, woken) = (Waiters::default(), Woken::default());
            for number in 0..4 {
                waiters.register(&if number == at || number == 3 { bad() } else { woken.waker(number) });
            }
            let taken = waiters.take_all();
            assert!(catch_unwind(AssertUnwindSafe(|| taken.wake())).is_err());
            let others: Vec<usize> = (0..3).filter(|number| *number != at).collect();
            assert_eq!(woken.take(), others, "{at} panicked");
        }
    }

    #[test]
    fn holes_do_not_pile_up_behind_one_who_stays() {
        let (mut waiters, woken) = (Waiters::default(), Woken::default());
        let waker = woken.waker(0);
        let (mut first, mut stays) = (None, None);
        assert!(waiters.poll(&mut first, &waker).is_none());
        assert!(waiters.poll(&mut stays, &waker).is_none());
        for _ in 0..1_000 {
            let mut key = None;
            assert!(waiters.poll(&mut key, &waker).is_none());
            drop(waiters.remove(key.unwrap()));
        }
        assert!(waiters.more.is_some_and(|more| more.entries.len() <= 3));
    }

    fn is_waiting(waiters: &Waiters) -> bool {
        waiters.first.is_waiting()
            || waiters.more.as_ref().is_some_and(|more| more.entries.iter().any(Entry::is_waiting))
    }

    #[derive(Clone, Copy, Debug)]
    enum Operation {
        Register(usize),
        Wait(usize),
        PollAgain(prop::sample::Index, usize),
        Remove(prop::sample::Index),
        WakeOne,
        WakeAll,
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            2 => (0_usize..4).prop_map(Operation::Register),
            6 => (0_usize..4).prop_map(Operation::Wait),
            2 => (index(), 0_usize..4).prop_map(|(index, task)| Operation::PollAgain(index, task)),
            4 => index().prop_map(Operation::Remove),
            4 => Just(Operation::WakeOne),
            1 => Just(Operation::WakeAll),
        ]
    }

    /// What the table promises, kept the slow way.
    #[derive(Clone, Copy, Debug)]
    struct Wait {
        key: Option<Key>,
        task: usize,
        chosen: bool,
    }

    fn agree(operations: Vec<Operation>) {
        let (mut waiters, woken) = (Waiters::default(), Woken::default());
        let wakers: Vec<Waker> = (0..4).map(|number| woken.waker(number)).collect();
        let mut queue: Vec<Wait> = Vec::new();
        for operation in operations {
            match operation {
                Operation::Register(task) => {
                    waiters.register(&wakers[task]);
                    if !queue.iter().any(|wait| wait.key.is_none() && wait.task == task) {
                        queue.push(Wait { key: None, task, chosen: false });
                    }
                }
                Operation::Wait(task) => {
                    let mut key = None;
                    drop(waiters.poll(&mut key, &wakers[task]));
                    queue.push(Wait { key, task, chosen: false });
                }
                Operation::PollAgain(index, task) => {
                    let mut keyed: Vec<&mut Wait> =
                        queue.iter_mut().filter(|wait| wait.key.is_some() && !wait.chosen).collect();
                    if keyed.is_empty() {
                        continue;
                    }
                    let at = index.index(keyed.len());
                    let wait = &mut keyed[at];
                    let mut key = wait.key;
                    drop(waiters.poll(&mut key, &wakers[task]));
                    assert_eq!(key, wait.key);
                    wait.task = task;
                }
                Operation::Remove(index) => {
                    let keyed: Vec<usize> = (0..queue.len()).filter(|&at| queue[at].key.is_some()).collect();
                    if keyed.is_empty() {
                        continue;
                    }
                    let wait = queue.remove(keyed[index.index(keyed.len())]);
                    let expected = if wait.chosen { Progress::Chosen } else { Progress::Waiting };
                    assert_eq!(waiters.progress(wait.key.unwrap()), expected);
                    assert_eq!(waiters.remove(wait.key.unwrap()).0, expected);
                    assert_eq!(waiters.remove(wait.key.unwrap()).0, Progress::Gone);
                }
                Operation::WakeOne => {
                    let next = queue.iter().position(|wait| !wait.chosen);
                    let taken = waiters.take_one();
                    assert_eq!(taken.is_some(), next.is_some());
                    let (Some(next), Some((waker, key))) = (next, taken) else { continue };
                    assert_eq!(key, queue[next].key);
                    waker.wake();
                    assert_eq!(woken.take(), [queue[next].task]);
                    if key.is_some() {
                        queue[next].chosen = true
                    } else {
                        queue.remove(next);
                    }
                }
                Operation::WakeAll => {
                    waiters.take_all().wake();
                    let mut expected: Vec<usize> =
                        queue.drain(..).filter(|wait| !wait.chosen).map(|wait| wait.task).collect();
                    let mut all = woken.take();
                    expected.sort_unstable();
                    all.sort_unstable();
                    assert_eq!(all, expected);
                }
            }
            assert_eq!(is_waiting(&waiters), queue.iter().any(|wait| !wait.chosen));
        }
        for wait in queue {
            if let Some(key) = wait.key {
                drop(waiters.remove(key))
            }
        }
        waiters.take_all().wake();
        drop(wakers);
        assert!(waiters.is_empty());
        assert_eq!(woken.wakers(), 0, "a waker is kept");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_table_agrees_with_a_plain_queue(operations in prop::collection::vec(operation(), 1..60)) {
            agree(operations);
        }
    }
}
