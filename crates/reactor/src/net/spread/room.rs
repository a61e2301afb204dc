//! Room for so many connections and no more, the news of it, and who has the fewest. Numbers between threads, and nothing
//! else.
//!
//! ```text
//!   who accepts:  reserve ──► yes / no, and then it waits until there is news
//!   who closes:   release ──► "nobody waits" / "tell them": the news, and a ring for each
//!   who found nobody to accept: release ──► "nobody waits" / looks again by himself, instead
//! ```
//!
//! That nobody waits while there is room, and that there are never more than may be, is checked by a model of the memory
//! below.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use crate::atomics::{Count, Flag};

/// Room for connections, of which any core takes.
pub(super) struct Limit<C = AtomicUsize, F = AtomicBool> {
    max: usize,
    /// Connections that are open, and those for which there is room that is about to be used.
    open: C,
    /// Whether somebody waits for a connection to close.
    is_awaited: F,
    /// How often it was told that there may be connections to accept of which the system tells nobody: it has told one
    /// core, and that left them.
    news: C,
}

impl<C: Count, F: Flag> Limit<C, F> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, open: C::new(), is_awaited: F::new(false), news: C::new() }
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Room for one more; false if there is none, and then there will be news when there is.
    pub(super) fn reserve(&self) -> bool {
        loop {
            let open = self.open.load();
            if open < self.max {
                if self.open.add_one_to(open) {
                    return true;
                }
                continue;
            }
            // Sequentially consistent with `release`: either that sees that somebody waits, or we see the room.
            self.is_awaited.store(true);
            if self.open.load() >= self.max {
                return false;
            }
        }
    }

    /// One that had room has it no more. True if somebody waits for that, and is to be told the news.
    #[must_use = "somebody may wait for it"]
    pub(super) fn release(&self) -> bool {
        self.open.subtract_one();
        self.is_awaited.load() && self.is_awaited.swap(false)
    }

    /// From here on there is news. Before anybody is rung, who then looks for it.
    pub(super) fn add_news(&self) {
        self.news.add_one();
    }

    /// Changes whenever the system should be asked again.
    pub(super) fn news(&self) -> usize {
        self.news.load()
    }
}

/// Adds one to the lowest of so many counts whose owners may have it, and says whose that is. At the same count to the
/// `first`'s, and to that as well if nobody may.
///
/// Counts of two that may have it never differ by more than one because of this: it adds only to what is still the lowest.
pub(super) fn add_to_lowest<'a, C: Count + 'a>(
    counts: usize,
    count_of: impl Fn(usize) -> &'a C,
    first: usize,
    may_have: impl Fn(usize) -> bool,
) -> usize {
    loop {
        let mut lowest = may_have(first).then(|| (count_of(first).load(), first));
        for index in 0..counts {
            let count = count_of(index).load();
            if lowest.is_none_or(|(lowest, _)| count < lowest) && may_have(index) {
                lowest = Some((count, index));
            }
        }
        let (count, index) = lowest.unwrap_or_else(|| (count_of(first).load(), first));
        if count_of(index).add_one_to(count) {
            return index;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize as Unmodelled, Ordering};

    use loom::sync::atomic::{AtomicBool as ModelledFlag, AtomicUsize as ModelledCount};
    use loom::sync::{Arc, Notify};
    use loom::thread;

    use super::*;
    use crate::atomics::modelled::model;

    /// A limit, and cores that accept: each sleeps until it is rung, also if it is rung before.
    struct House {
        limit: Limit<ModelledCount, ModelledFlag>,
        cores: Vec<Notify>,
        /// Not of the model: how many are in, in the order in which they are played.
        inside: Unmodelled,
    }

    impl House {
        fn new(max: usize, cores: usize) -> Arc<Self> {
            let cores = (0..cores).map(|_| Notify::new()).collect();
            Arc::new(Self { limit: Limit::new(max), cores, inside: Unmodelled::new(0) })
        }

        /// As a core does: it looks, and when there was no room it looks again when it is rung and there is news.
        fn enter(&self, core: usize) {
            let mut seen = self.limit.news();
            while !self.limit.reserve() {
                while self.limit.news() == seen {
                    self.cores[core].wait();
                }
                seen = self.limit.news();
            }
            let before = self.inside.fetch_add(1, Ordering::Relaxed);
            assert!(before < self.limit.max(), "{} are in", before + 1);
            // Here another may come in.
            assert!(Count::load(&self.limit.open) <= self.limit.max());
        }

        fn leave(&self) {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            if self.limit.release() {
                self.limit.add_news();
                self.cores.iter().for_each(Notify::notify);
            }
        }
    }

    /// Each of so many cores has a connection, and closes it. When it is missed that there is room, the model finds that a
    /// core waits for ever.
    fn all_come_in(max: usize, cores: usize, preemptions_max: Option<usize>) {
        model(preemptions_max, move || {
            let house = House::new(max, cores);
            let others: Vec<_> = (1..cores)
                .map(|core| {
                    let house = house.clone();
                    thread::spawn(move || {
                        house.enter(core);
                        house.leave();
                    })
                })
                .collect();
            house.enter(0);
            house.leave();
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(Count::load(&house.limit.open), 0);
        });
    }

    #[test]
    fn nobody_waits_while_there_is_room_in_any_order_of_events() {
        all_come_in(1, 2, None);
    }

    #[test]
    fn nor_do_several() {
        all_come_in(1, 3, Some(2));
        all_come_in(2, 3, Some(2));
    }

    /// Looks for the only guest as a core does that hears of somebody, and again if it kept another from finding room.
    fn look(limit: &Limit<ModelledCount, ModelledFlag>, has_guest: &ModelledFlag) {
        while limit.reserve() {
            if Flag::swap(has_guest, false) || !limit.release() {
                return;
            }
        }
    }

    #[test]
    fn who_looks_in_vain_keeps_nobody_from_a_guest() {
        model(Some(3), || {
            let limit = Arc::new(Limit::<ModelledCount, ModelledFlag>::new(1));
            let has_guest = Arc::new(ModelledFlag::new(false));
            let core = {
                let (limit, has_guest) = (limit.clone(), has_guest.clone());
                thread::spawn(move || look(&limit, &has_guest))
            };
            // This core alone is told of the guest.
            Flag::store(&*has_guest, true);
            look(&limit, &has_guest);
            core.join().unwrap();
            assert!(!Flag::load(&*has_guest), "nobody has let it in");
        });
    }

    #[test]
    fn cores_that_place_at_once_leave_the_counts_level() {
        model(Some(3), || {
            let counts = Arc::new([ModelledCount::new(0), ModelledCount::new(0)]);
            let place = |first: usize| {
                let counts = counts.clone();
                thread::spawn(move || {
                    for _ in 0..2 {
                        add_to_lowest(2, |index| &counts[index], first, |_| true);
                    }
                })
            };
            let threads = [place(0), place(0)];
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!([Count::load(&counts[0]), Count::load(&counts[1])], [2, 2]);
        });
    }

    #[test]
    fn the_lowest_is_found_among_those_who_may_have_it() {
        let place = |counts: [usize; 3], first, able: [bool; 3]| {
            let counts = counts.map(Unmodelled::new);
            add_to_lowest(3, |index| &counts[index], first, |index| able[index])
        };
        assert_eq!(place([2, 1, 1], 0, [true; 3]), 1);
        assert_eq!(place([1, 1, 1], 2, [true; 3]), 2, "the first at the same count");
        assert_eq!(place([2, 1, 3], 0, [true, false, true]), 0);
        assert_eq!(place([2, 1, 3], 1, [false, false, true]), 2);
        assert_eq!(place([2, 1, 3], 0, [false; 3]), 0, "nobody may");
    }
}
