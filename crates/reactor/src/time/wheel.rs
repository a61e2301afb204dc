//! A hierarchical timer wheel: who waits for which moment.
//!
//! The wheel reads no clock and wakes nobody: it is told what time it is and hands out the wakers that are
//! due. The loop asks it how long the driver may sleep; `Sleep` and its kin hold a [`Key`] into it.
//!
//! ```text
//!              slot = 1 ms     64 ms     4.1 s    4.4 min   4.7 h   12 d   2.2 y   139 y
//!   level           0          1         2        3         4       5      6       7
//!                 ┌┬┬┬ 64 slots each, every slot a list through the slab ┬┬┬┐
//!   a timer sits at the level of the highest group of six bits in which its tick differs from `reached`, and
//!   moves down a level or more when `reached` comes to its slot
//! ```
//!
//! Deadlines are nanoseconds since the driver's origin and are rounded up to whole ticks of a millisecond, so
//! nothing fires early. Eight levels hold every tick that a `u64` of nanoseconds can name: there is no "too far
//! away". Setting, cancelling and moving a timer is O(1), and a timer costs no allocation of its own.
//!
//! A timer that is moved later stays where it is linked and only learns its new deadline; when its old slot
//! comes up it is linked anew. So a time-out that every request pushes out costs one store per request and one
//! relink per period.
//!
//! A waker is never dropped in here while somebody may hold a borrow of the wheel: dropping one can drop a
//! task, which can drop a `Sleep`, which comes back here. Whatever is replaced or removed is handed back.

use std::iter;
use std::task::Waker;

use crate::wakers::wake_the_same;

use slab::Slab;

/// Nanoseconds in a tick, the wheel's granularity: what `epoll_wait` can count.
const TICK_NS: u64 = 1_000_000;
/// Six bits of the tick per level, so that a level's occupied slots are one `u64`.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
/// 64⁸ ms are 8,900 years; a `u64` of nanoseconds ends after 584.
const LEVELS: usize = 8;
/// The end of a list, and the index of no timer.
const NIL: u32 = u32::MAX;
/// The tick of no timer.
const NEVER: u64 = u64::MAX;
/// How many timers of the next slot are looked at to name the exact next deadline. A lone timer then costs no
/// wake-up to move it down a level; a slot with more in it is worth one.
const EXACT_AMONG: usize = 8;

/// The places of the slab come one after the other, and a timer's neighbour in a list is anywhere in memory: so many places
/// take about as long as one step along a list.
const PLACES_PER_LINK: usize = 8;

/// Names a timer of one wheel. A key that has been removed names nothing, even after its place was reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    stamp: u32,
}

/// What a timer answers to its owner.
#[derive(Debug)]
#[must_use]
pub(crate) enum Answer {
    /// Its deadline has passed.
    Fired,
    /// The waker will be handed out when it does. Drop the one it replaced when the wheel is not borrowed.
    Waiting { replaced: Option<Waker> },
}

#[derive(Debug)]
struct Timer {
    /// When to fire, in nanoseconds. May be later than the slot in which it is linked, never earlier.
    deadline: u64,
    waker: Option<Waker>,
    /// The neighbours in the slot's list, which is a ring: the head's `prev` is the tail.
    prev: u32,
    next: u32,
    stamp: u32,
    place: Place,
}

/// Where a timer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Slot(u16),
    Fired,
}

/// The timers of one core.
#[derive(Debug)]
pub(crate) struct Wheel {
    timers: Slab<Timer>,
    /// The first timer of every slot of every level, level by level.
    heads: Box<[u32]>,
    /// Which slots of a level have timers.
    occupied: [u64; LEVELS],
    /// All slots up to this tick have been emptied, but for the one in `unfinished`.
    reached: u64,
    /// No timer is due before this tick. `NEVER` when none is linked.
    bound: u64,
    /// How many timers are linked, which is all but the fired.
    linked: usize,
    /// A slot whose emptying was interrupted by the limit of `advance`.
    unfinished: Option<u16>,
    next_stamp: u32,
}

impl Wheel {
    /// A wheel at the driver's origin.
    pub(crate) fn new() -> Self {
        Self {
            timers: Slab::new(),
            heads: vec![NIL; LEVELS * SLOTS].into_boxed_slice(),
            occupied: [0; LEVELS],
            reached: 0,
            bound: NEVER,
            linked: 0,
            unfinished: None,
            next_stamp: 0,
        }
    }

    /// Sets a timer. One whose moment the wheel has already passed has fired when this returns.
    ///
    /// # Panics
    ///
    /// With more than four billion timers, which would be 160 GB of them.
    pub(crate) fn insert(&mut self, deadline: u64) -> Key {
        let stamp = self.next_stamp;
        self.next_stamp = stamp.wrapping_add(1);
        let timer = Timer { deadline, waker: None, prev: NIL, next: NIL, stamp, place: Place::Fired };
        let index = u32::try_from(self.timers.insert(timer)).ok().filter(|&index| index != NIL);
        let index = index.expect("a wheel holds fewer than 2³² timers");
        self.link(index);
        Key { index, stamp }
    }

    /// Asks whether the timer has fired, and if not, has this waker woken when it does.
    ///
    /// A key that was removed has fired: its owner waits for nothing.
    pub(crate) fn poll(&mut self, key: Key, waker: &Waker) -> Answer {
        let Some(timer) = self.get_mut(key).filter(|timer| timer.place != Place::Fired) else {
            return Answer::Fired;
        };
        match &timer.waker {
            Some(known) if wake_the_same(known, waker) => Answer::Waiting { replaced: None },
            _ => Answer::Waiting { replaced: timer.waker.replace(waker.clone()) },
        }
    }

    /// Pushes a timer out for which this waker waits already: [`reset`](Self::reset) and [`poll`](Self::poll) in one,
    /// for what is done most. If it is anything else that is asked for, nothing is done, and the answer is false.
    #[inline]
    pub(crate) fn try_push_out(&mut self, key: Key, deadline: u64, waker: &Waker) -> bool {
        let Some(timer) = self.get_mut(key).filter(|timer| timer.place != Place::Fired) else { return false };
        let is_known = timer.waker.as_ref().is_some_and(|known| wake_the_same(known, waker));
        if !is_known || deadline < timer.deadline {
            return false;
        }
        timer.deadline = deadline;
        true
    }

    /// Whether the timer has fired, without waiting for it.
    pub(crate) fn is_fired(&self, key: Key) -> bool {
        self.get(key).is_none_or(|timer| timer.place == Place::Fired)
    }

    /// Moves a timer, fired or not, to another deadline.
    ///
    /// Later is the cheap direction. When the wheel has already passed the new deadline the timer has fired on
    /// return, and who waited for it is handed back to be woken.
    #[must_use = "who waited must be woken"]
    pub(crate) fn reset(&mut self, key: Key, deadline: u64) -> Option<Waker> {
        let timer = self.get_mut(key)?;
        let later = deadline >= timer.deadline;
        timer.deadline = deadline;
        match timer.place {
            Place::Slot(_) if later => return None,
            Place::Slot(slot) => self.unlink(key.index, slot),
            Place::Fired => {}
        }
        self.link(key.index);
        let timer = &mut self.timers[key.index as usize];
        if timer.place == Place::Fired { timer.waker.take() } else { None }
    }

    /// Forgets a timer. Drop what it returns when the wheel is not borrowed.
    #[must_use = "dropping a waker can come back to the wheel"]
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waker> {
        if let Place::Slot(slot) = self.get(key)?.place {
            self.unlink(key.index, slot);
        }
        self.timers.remove(key.index as usize).waker
    }

    /// How many timers are set and have not fired.
    pub(crate) fn len(&self) -> usize {
        self.linked
    }

    /// Everybody who waits: when their timers are due, and their wakers.
    pub(crate) fn each(&self, mut tell: impl FnMut(u64, &Waker)) {
        for timer in self.looked_at() {
            if let (Some(waker), Place::Slot(_)) = (&timer.waker, timer.place) {
                tell(timer.deadline, waker);
            }
        }
    }

    /// Whether the slab, which never shrinks, has so many more places than there are timers that to go along the lists, and to
    /// look for them, takes less than to go through the slab.
    fn is_sparse(&self) -> bool {
        self.linked + self.heads.len() < self.timers.capacity() / PLACES_PER_LINK
    }

    /// All that are linked, and perhaps some that have fired.
    fn looked_at(&self) -> Box<dyn Iterator<Item = &Timer> + '_> {
        if self.is_sparse() {
            let heads = self.heads.iter().filter(|head| **head != NIL);
            Box::new(heads.flat_map(|head| self.list(*head)))
        } else {
            Box::new(self.timers.iter().map(|(_, timer)| timer))
        }
    }

    /// The timers of the slot that has this head.
    fn list(&self, head: u32) -> impl Iterator<Item = &Timer> {
        let next = move |index: &u32| Some(self.timers[*index as usize].next).filter(|next| *next != head);
        iter::successors(Some(head), next).map(|index| &self.timers[index as usize])
    }

    /// When to call [`advance`](Self::advance) next, in nanoseconds since the origin; `None` for never.
    ///
    /// Never later than the earliest deadline. It is earlier only when timers were cancelled, moved later, or
    /// crowd together in a slot far away, and then by one call of `advance` each; after a call that was not cut
    /// short it lies in the future of that call, so waiting for it cannot spin.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        // A product that overflows lies beyond the end of the clock, where a deadline means never.
        self.bound.checked_mul(TICK_NS)
    }

    /// Says that it is `now`, and hands out the wakers of the timers that fire, earliest first and, for one
    /// tick, in the order they were set.
    ///
    /// Touches at most `limit` timers. When that was not enough, `next_deadline` stays in the past and the next
    /// call goes on. A clock that jumps costs what lies in between, not how far it jumped; one that goes
    /// backwards does nothing.
    pub(crate) fn advance(&mut self, now: u64, limit: usize, mut due: impl FnMut(Waker)) {
        let now = now / TICK_NS;
        if now < self.bound {
            // Nothing can fire, and `reached` may lag behind: it only says where new timers are linked.
            return;
        }
        let mut left = limit;
        while let Some(slot) = self.next_slot(now) {
            while self.heads[slot as usize] != NIL {
                let index = self.heads[slot as usize];
                if left == 0 {
                    self.unfinished = Some(slot);
                    self.bound = self.reached;
                    return;
                }
                left -= 1;
                self.unlink(index, slot);
                self.link(index);
                let timer = &mut self.timers[index as usize];
                if timer.place == Place::Fired
                    && let Some(waker) = timer.waker.take()
                {
                    due(waker);
                }
            }
        }
        self.reached = self.reached.max(now);
        self.bound = self.find_bound();
    }

    /// The next slot to empty, if its time has come, and moves `reached` to its beginning.
    fn next_slot(&mut self, now: u64) -> Option<u16> {
        if let Some(slot) = self.unfinished.take() {
            return Some(slot);
        }
        let (level, slot, start) = self.first_slot()?;
        if start > now {
            return None;
        }
        self.reached = start;
        Some(place(level, slot))
    }

    /// The earliest slot with a timer, and its first tick.
    ///
    /// All that is in a level lies before all that is in the levels above, and in a level no slot wraps around:
    /// a timer's tick agrees with `reached` in all groups of bits above its own.
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = LEVEL_BITS * level as u32;
        let above = shift + LEVEL_BITS;
        Some((level, slot, self.reached >> above << above | (slot as u64) << shift))
    }

    fn find_bound(&self) -> u64 {
        let Some((level, slot, start)) = self.first_slot() else { return NEVER };
        let head = self.heads[place(level, slot) as usize];
        // Whoever is linked elsewhere is due after this slot ends, which those in it that were moved later
        // may not be.
        let mut earliest = start + (1 << (LEVEL_BITS * level as u32));
        let mut index = head;
        for _ in 0..EXACT_AMONG {
            let timer = &self.timers[index as usize];
            earliest = earliest.min(timer.tick());
            index = timer.next;
            if index == head {
                return earliest;
            }
        }
        start
    }

    /// Puts a timer where its tick belongs, or says that it has fired.
    fn link(&mut self, index: u32) {
        let tick = self.timers[index as usize].tick();
        if tick <= self.reached {
            self.timers[index as usize].place = Place::Fired;
            return;
        }
        let level = (tick ^ self.reached).ilog2() / LEVEL_BITS;
        let slot = (tick >> (LEVEL_BITS * level)) as usize % SLOTS;
        let level = level as usize;
        let place = place(level, slot);
        let head = self.heads[place as usize];
        let (prev, next) = if head == NIL {
            self.heads[place as usize] = index;
            self.occupied[level] |= 1 << slot;
            (index, index)
        } else {
            let tail = std::mem::replace(&mut self.timers[head as usize].prev, index);
            self.timers[tail as usize].next = index;
            (tail, head)
        };
        let timer = &mut self.timers[index as usize];
        (timer.prev, timer.next, timer.place) = (prev, next, Place::Slot(place));
        self.linked += 1;
        self.bound = self.bound.min(tick);
    }

    fn unlink(&mut self, index: u32, place: u16) {
        let Timer { prev, next, .. } = self.timers[index as usize];
        if next == index {
            self.heads[place as usize] = NIL;
            self.occupied[place as usize / SLOTS] &= !(1 << (place as usize % SLOTS));
        } else {
            self.timers[prev as usize].next = next;
            self.timers[next as usize].prev = prev;
            if self.heads[place as usize] == index {
                self.heads[place as usize] = next;
            }
        }
        self.linked -= 1;
        if self.linked == 0 {
            self.bound = NEVER;
        }
    }

    fn get(&self, key: Key) -> Option<&Timer> {
        self.timers.get(key.index as usize).filter(|timer| timer.stamp == key.stamp)
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut Timer> {
        self.timers.get_mut(key.index as usize).filter(|timer| timer.stamp == key.stamp)
    }
}

impl Timer {
    /// The first tick at which it is due.
    fn tick(&self) -> u64 {
        tick_at_or_after(self.deadline)
    }
}

fn place(level: usize, slot: usize) -> u16 {
    (level * SLOTS + slot) as u16
}

fn tick_at_or_after(deadline: u64) -> u64 {
    deadline.div_ceil(TICK_NS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::woken::Woken;

    const YEAR_NS: u64 = 365 * 24 * 3600 * 1_000_000_000;

    fn set(wheel: &mut Wheel, deadline: u64, waker: &Waker) -> Key {
        let key = wheel.insert(deadline);
        match wheel.poll(key, waker) {
            Answer::Fired => waker.wake_by_ref(),
            Answer::Waiting { replaced } => assert!(replaced.is_none()),
        }
        key
    }

    /// Sleeps as the loop does, from deadline to deadline, until `until`; returns how often it woke up.
    fn run_until(wheel: &mut Wheel, until: u64) -> u32 {
        let mut wakeups = 0;
        while let Some(next) = wheel.next_deadline().filter(|&next| next <= until) {
            wheel.advance(next, usize::MAX, Waker::wake);
            assert!(wheel.next_deadline().is_none_or(|after| after > next), "it spins at {next}");
            wakeups += 1;
        }
        wakeups
    }

    /// Timers set at `start` for these deadlines fire one by one, each in its own tick, and no tick is woken
    /// for in vain.
    fn check_exact(start: u64, deadlines: &[u64]) {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        wheel.advance(start, usize::MAX, Waker::wake);
        for (number, &deadline) in deadlines.iter().enumerate() {
            set(&mut wheel, deadline, &log.waker(number));
        }
        for (number, &deadline) in deadlines.iter().enumerate() {
            let tick = deadline.div_ceil(TICK_NS) * TICK_NS;
            wheel.advance(tick - 1, usize::MAX, Waker::wake);
            assert_eq!(log.take(), [], "{deadline} fires early");
            wheel.advance(tick, usize::MAX, Waker::wake);
            assert_eq!(log.take(), [number], "{deadline} does not fire");
        }
        assert_eq!((wheel.next_deadline(), wheel.linked), (None, 0));
    }

    #[test]
    fn deadlines_are_rounded_up_to_ticks() {
        check_exact(0, &[1]);
        check_exact(0, &[TICK_NS]);
        check_exact(0, &[TICK_NS + 1]);
        check_exact(5 * TICK_NS + 17, &[6 * TICK_NS + 3, 7 * TICK_NS + 3]);
    }

    #[test]
    fn every_level_begins_and_ends_where_it_should() {
        for level in 0..7 {
            let width = 1_u64 << (6 * level);
            let ticks = [1, 2, 62, 63].map(|slot| slot * width);
            for start in [0, 1, width - 1, width, 63 * width, 64 * width - 1, 1 << 43] {
                let around = ticks.iter().flat_map(|tick| [tick - 1, *tick, tick + 1]);
                let mut deadlines: Vec<u64> =
                    around.map(|tick| (start + tick) * TICK_NS).filter(|&d| d > start * TICK_NS).collect();
                deadlines.dedup();
                deadlines.sort_unstable();
                deadlines.dedup();
                check_exact(start * TICK_NS, &deadlines);
            }
        }
    }

    #[test]
    fn a_lone_timer_wakes_the_loop_once_however_far_away() {
        for deadline in [TICK_NS, 1_500_000_000, 30_000_000_000, YEAR_NS, 500 * YEAR_NS] {
            let (mut wheel, log) = (Wheel::new(), Woken::default());
            set(&mut wheel, deadline, &log.waker(7));
            assert_eq!(run_until(&mut wheel, u64::MAX), 1);
            assert_eq!(log.take(), [7]);
        }
    }

    #[test]
    fn timers_far_apart_wake_the_loop_once_each() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        for number in 0..7 {
            set(&mut wheel, (5 << (6 * number)) / 3 * TICK_NS, &log.waker(number));
        }
        assert_eq!(run_until(&mut wheel, u64::MAX), 7);
        assert_eq!(log.take(), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn moving_a_timer_later_leaves_it_where_it_is() {
        let mut wheel = Wheel::new();
        let key = wheel.insert(TICK_NS);
        let place = wheel.timers[0].place;
        assert!(wheel.reset(key, YEAR_NS).is_none());
        assert_eq!(wheel.timers[0].place, place);
        assert!(wheel.reset(key, YEAR_NS - TICK_NS).is_none());
        assert_ne!(wheel.timers[0].place, place);
    }

    #[test]
    fn a_timer_pushed_out_by_every_request_wakes_the_loop_once_a_period() {
        const PERIOD: u64 = 30_000_000_000;
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        let key = set(&mut wheel, PERIOD, &log.waker(0));
        let mut wakeups = 0;
        for request in 1..=100_000 {
            let now = request * TICK_NS;
            wakeups += run_until(&mut wheel, now);
            assert!(wheel.reset(key, now + PERIOD).is_none());
        }
        assert_eq!(log.take(), []);
        assert!(wakeups <= 4, "{wakeups} wake-ups in 100 s");
        run_until(&mut wheel, 130_000_000_000 - 1);
        assert_eq!(log.take(), []);
        run_until(&mut wheel, 130_000_000_000);
        assert_eq!(log.take(), [0]);
    }

    #[test]
    fn timers_that_are_always_cancelled_wake_the_loop_once_a_period() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        let waker = log.waker(0);
        let _far = set(&mut wheel, YEAR_NS, &waker);
        let mut wakeups = 0;
        for request in 1..=100_000 {
            wakeups += run_until(&mut wheel, request * TICK_NS);
            let key = set(&mut wheel, request * TICK_NS + 30_000_000_000, &waker);
            assert!(wheel.remove(key).is_some_and(|removed| removed.will_wake(&waker)));
        }
        assert!(wakeups <= 4, "{wakeups} wake-ups in 100 s");
        assert_eq!(wheel.timers.len(), 1);
    }

    #[test]
    fn a_jump_costs_nothing_by_itself() {
        // Ticking through a single one of these years would take a minute.
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        for year in 1..=500 {
            let now = year * YEAR_NS;
            set(&mut wheel, now - 1, &log.waker(0));
            set(&mut wheel, now + 1, &log.waker(1));
            wheel.advance(now, usize::MAX, Waker::wake);
            assert_eq!(log.take().last(), Some(&0));
        }
    }

    #[test]
    fn what_lies_beyond_the_end_of_the_clock_never_fires_and_never_spins() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        let key = set(&mut wheel, u64::MAX, &log.waker(0));
        assert_eq!(wheel.next_deadline(), None);
        set(&mut wheel, u64::MAX / TICK_NS * TICK_NS, &log.waker(1));
        wheel.advance(u64::MAX, usize::MAX, Waker::wake);
        assert_eq!(log.take(), [1]);
        assert_eq!(wheel.next_deadline(), None);
        assert!(!wheel.is_fired(key));
        assert!(wheel.reset(key, 0).is_some());
        assert!(wheel.is_fired(key));
    }

    #[test]
    fn one_tick_fires_in_the_order_it_was_set() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        for number in 0..10 {
            set(&mut wheel, 100 * TICK_NS, &log.waker(number));
        }
        wheel.advance(70 * TICK_NS, usize::MAX, Waker::wake);
        for number in 10..20 {
            set(&mut wheel, 100 * TICK_NS, &log.waker(number));
        }
        wheel.advance(YEAR_NS, usize::MAX, Waker::wake);
        assert_eq!(log.take(), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_turn_that_is_cut_short_goes_on_in_the_next() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        let keys: Vec<Key> =
            (0..100).map(|n| set(&mut wheel, (5000 + n as u64 / 10) * TICK_NS, &log.waker(n))).collect();
        let now = 6000 * TICK_NS;
        wheel.advance(now, 30, Waker::wake);
        assert!(wheel.next_deadline().is_some_and(|next| next <= now));
        assert!(wheel.remove(keys[99]).is_some());
        let mut turns = 1;
        while wheel.next_deadline().is_some() {
            wheel.advance(now, 30, Waker::wake);
            turns += 1;
        }
        assert_eq!(log.take(), (0..99).collect::<Vec<_>>());
        assert!(turns > 5, "a turn exceeded its limit");
    }

    #[test]
    fn where_there_once_were_many_those_are_looked_at_that_are_there() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        let deadlines = || (1..=100_000).map(|number| number / 2 * TICK_NS + TICK_NS);
        let keys: Vec<Key> = deadlines().map(|deadline| set(&mut wheel, deadline, &log.waker(0))).collect();
        assert!(!wheel.is_sparse());
        let is_kept = |index: usize| [6, 7, 8, 70_000].contains(&index);
        for (_, key) in keys.into_iter().enumerate().filter(|(index, _)| !is_kept(*index)) {
            drop(wheel.remove(key));
        }
        assert!(wheel.is_sparse());
        let mut told = Vec::new();
        wheel.each(|deadline, _| told.push(deadline));
        told.sort_unstable();
        let kept = deadlines().enumerate().filter(|(index, _)| is_kept(*index));
        assert_eq!(told, kept.map(|(_, deadline)| deadline).collect::<Vec<_>>());
    }

    #[test]
    fn a_key_names_nothing_after_its_timer_is_gone() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        let old = wheel.insert(TICK_NS);
        assert!(wheel.remove(old).is_none());
        let new = set(&mut wheel, TICK_NS, &log.waker(0));
        assert_eq!(old.index, new.index);
        assert!(wheel.is_fired(old));
        assert!(wheel.reset(old, 0).is_none());
        assert!(wheel.remove(old).is_none());
        assert_eq!((wheel.timers.len(), log.take()), (1, vec![]));
    }

    #[test]
    fn a_replaced_waker_comes_back() {
        let (mut wheel, log) = (Wheel::new(), Woken::default());
        let (first, second) = (log.waker(1), log.waker(2));
        let key = set(&mut wheel, TICK_NS, &first);
        assert!(matches!(wheel.poll(key, &first), Answer::Waiting { replaced: None }));
        assert!(
            matches!(wheel.poll(key, &second), Answer::Waiting { replaced: Some(it) } if it.will_wake(&first))
        );
        wheel.advance(TICK_NS, usize::MAX, Waker::wake);
        assert_eq!(log.take(), [2]);
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Insert(u64),
        Remove(prop::sample::Index),
        Reset(prop::sample::Index, u64),
        PushOut(prop::sample::Index, u64),
        /// By so much, in turns of at most so many timers.
        Advance(u64, usize),
        /// To the deadline that the wheel names.
        Sleep,
    }

    /// A distance of any magnitude.
    fn distance() -> impl Strategy<Value = u64> {
        (0_u32..64, any::<u64>()).prop_map(|(shift, bits)| bits >> shift)
    }

    /// A distance at which timers meet.
    fn nearby() -> impl Strategy<Value = u64> {
        prop_oneof![8 => 0_u64..200 * TICK_NS, 2 => 0_u64..20_000 * TICK_NS, 1 => distance()]
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            4 => nearby().prop_map(Operation::Insert),
            1 => index().prop_map(Operation::Remove),
            2 => (index(), nearby()).prop_map(|(index, by)| Operation::Reset(index, by)),
            2 => (index(), nearby()).prop_map(|(index, by)| Operation::PushOut(index, by)),
            2 => (nearby(), prop_oneof![Just(usize::MAX), 1_usize..4]).prop_map(|(by, limit)| Operation::Advance(by, limit)),
            2 => Just(Operation::Sleep),
        ]
    }

    /// What the wheel promises, kept the slow way.
    #[derive(Default)]
    struct Model {
        now: u64,
        next_number: usize,
        waiting: BTreeMap<usize, (Key, u64)>,
        fired: Vec<Key>,
    }

    impl Model {
        fn advance(&mut self, wheel: &mut Wheel, log: &Woken, now: u64, limit: usize) {
            self.now = now;
            loop {
                wheel.advance(now, limit, Waker::wake);
                if limit == usize::MAX || wheel.next_deadline().is_none_or(|next| next > now) {
                    break;
                }
            }
            assert!(wheel.next_deadline().is_none_or(|next| next > now), "it spins");
            let mut last = 0;
            for number in log.take() {
                let (key, deadline) = self.waiting.remove(&number).expect("fires once");
                assert!(deadline <= now, "fires early");
                assert!(last <= deadline.div_ceil(TICK_NS), "fires out of order");
                last = deadline.div_ceil(TICK_NS);
                self.fired.push(key);
            }
            for (key, deadline) in self.waiting.values() {
                assert!(!wheel.is_fired(*key));
                assert!(deadline.div_ceil(TICK_NS) > now / TICK_NS, "fires late");
            }
        }

        /// A deadline in the past may fire at once or in the next turn; one to come fires when it comes.
        fn note(&mut self, wheel: &Wheel, number: usize, key: Key, deadline: u64) {
            if wheel.is_fired(key) {
                assert!(deadline <= self.now, "fires early");
                self.waiting.remove(&number);
                self.fired.push(key);
            } else {
                self.waiting.insert(number, (key, deadline));
            }
        }

        fn check(&self, wheel: &Wheel) {
            let earliest = self.waiting.values().map(|(_, deadline)| deadline.div_ceil(TICK_NS)).min();
            match (earliest.and_then(|tick| tick.checked_mul(TICK_NS)), wheel.next_deadline()) {
                (Some(earliest), Some(next)) => assert!(next <= earliest, "sleeps too long"),
                (Some(_), None) => panic!("never wakes up"),
                (None, Some(_)) => assert!(!self.waiting.is_empty(), "wakes up for nothing"),
                (None, None) => {}
            }
            assert_eq!(wheel.timers.len(), self.waiting.len() + self.fired.len());
            assert!(self.fired.iter().all(|key| wheel.is_fired(*key)));
        }
    }

    fn agree(operations: Vec<Operation>) {
        let (mut wheel, mut model, log) = (Wheel::new(), Model::default(), Woken::default());
        for operation in operations {
            match operation {
                Operation::Insert(by) => {
                    let deadline = model.now.saturating_add(by);
                    let number = model.next_number;
                    model.next_number += 1;
                    let key = wheel.insert(deadline);
                    if let Answer::Waiting { replaced } = wheel.poll(key, &log.waker(number)) {
                        assert!(replaced.is_none());
                    }
                    model.note(&wheel, number, key, deadline);
                }
                Operation::Remove(index) if !model.waiting.is_empty() => {
                    let number = *model.waiting.keys().nth(index.index(model.waiting.len())).unwrap();
                    let (key, _) = model.waiting.remove(&number).unwrap();
                    assert!(wheel.remove(key).is_some());
                }
                Operation::Remove(_) => {
                    for key in model.fired.drain(..) {
                        assert!(wheel.remove(key).is_none());
                    }
                }
                Operation::Reset(index, by) if !model.waiting.is_empty() => {
                    let number = *model.waiting.keys().nth(index.index(model.waiting.len())).unwrap();
                    let key = model.waiting[&number].0;
                    let deadline = model.now.saturating_add(by);
                    assert_eq!(wheel.reset(key, deadline).is_some(), wheel.is_fired(key));
                    model.note(&wheel, number, key, deadline);
                }
                Operation::Reset(_, by) => {
                    let Some(key) = model.fired.pop() else { continue };
                    let number = model.next_number;
                    model.next_number += 1;
                    let deadline = model.now.saturating_add(by);
                    assert!(wheel.reset(key, deadline).is_none());
                    if let Answer::Waiting { replaced } = wheel.poll(key, &log.waker(number)) {
                        assert!(replaced.is_none());
                    }
                    model.note(&wheel, number, key, deadline);
                }
                Operation::PushOut(index, by) if !model.waiting.is_empty() => {
                    let number = *model.waiting.keys().nth(index.index(model.waiting.len())).unwrap();
                    let (key, before) = model.waiting[&number];
                    let waker = wheel.get(key).and_then(|timer| timer.waker.clone()).unwrap();
                    let deadline = model.now.saturating_add(by);
                    assert!(!wheel.try_push_out(key, deadline, &log.waker(number)), "nobody else waits");
                    if wheel.try_push_out(key, deadline, &waker) {
                        model.note(&wheel, number, key, deadline);
                    } else {
                        assert!(deadline < before);
                    }
                }
                Operation::PushOut(_, by) => {
                    let waker = log.waker(0);
                    let deadline = model.now.saturating_add(by);
                    assert!(model.fired.iter().all(|key| !wheel.try_push_out(*key, deadline, &waker)));
                }
                Operation::Advance(by, limit) => {
                    let now = model.now.saturating_add(by);
                    model.advance(&mut wheel, &log, now, limit);
                }
                Operation::Sleep => {
                    if let Some(next) = wheel.next_deadline() {
                        let now = next.max(model.now);
                        model.advance(&mut wheel, &log, now, usize::MAX);
                    }
                }
            }
            model.check(&wheel);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_wheel_agrees_with_a_sorted_map(operations in prop::collection::vec(operation(), 1..80)) {
            agree(operations);
        }
    }
}
