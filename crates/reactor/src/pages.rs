//! A table whose entries stay where they are, in pages of a few dozen.
//!
//! A core has as many tasks and sources as it has connections. A table in one piece doubles by moving into new memory, and
//! leaves behind as much as it held, for which nothing else may have a use; this one grows by a page. Who has an entry,
//! and what is in one that nobody has, is its owner's to say.
//!
//! A table never shrinks. Of the entries that were given back it keeps a thousand at hand, which cost a push and a pop; the
//! others are set aside, a bit for each, and who looks at the whole table passes over them. So to look takes what those take
//! that are there now, and not what the most took that ever were.

use std::array;
use std::iter;
use std::mem;
use std::ops::Deref;
use std::rc::Rc;

/// Entries that are named by their numbers, from zero.
pub(crate) struct Pages<T> {
    pages: Vec<Rc<Page<T>>>,
    /// Those that were given back last, the last of which is taken first: it is the one most likely to be in the cache.
    at_hand: Vec<u32>,
    /// The others that were given back.
    aside: Aside,
    /// So many have ever been taken.
    used: u32,
}

type Page<T> = [T; ENTRIES];

impl<T: Default> Pages<T> {
    /// Takes an entry: one that was given back, as it was left, or a new one.
    #[inline]
    pub(crate) fn take(&mut self) -> u32 {
        self.at_hand.pop().unwrap_or_else(|| self.take_other())
    }

    #[cold]
    fn take_other(&mut self) -> u32 {
        self.at_hand.extend(self.aside.take());
        self.at_hand.pop().unwrap_or_else(|| self.take_new())
    }

    fn take_new(&mut self) -> u32 {
        let entry = self.used;
        self.used = entry.checked_add(1).expect("fewer than four billion of them");
        if page_of(entry) == self.pages.len() {
            self.pages.push(Rc::new(array::from_fn(|_| T::default())));
        }
        entry
    }
}

impl<T> Pages<T> {
    /// Gives an entry back, for somebody else to take.
    #[inline]
    pub(crate) fn give_back(&mut self, entry: u32) {
        // What a push asks anyhow, which then need not ask again.
        if self.at_hand.len() == self.at_hand.capacity() {
            self.make_room();
        }
        self.at_hand.push(entry);
    }

    #[cold]
    fn make_room(&mut self) {
        if self.at_hand.len() < AT_HAND_MAX {
            self.at_hand.reserve(1);
        } else {
            self.at_hand.drain(..AT_HAND_MAX / 2).for_each(|entry| self.aside.add(entry));
        }
    }

    /// How many wait to be taken again.
    #[inline]
    pub(crate) fn free(&self) -> usize {
        self.at_hand.len() + self.aside.len
    }

    /// What it takes at most to look at [all](Self::iter), by how many entries: to pass over a page takes no longer than one.
    pub(crate) fn looks(&self) -> usize {
        self.used as usize - self.aside.len + self.pages.len()
    }

    /// An entry that was ever taken; perhaps of one that was not, too.
    #[inline]
    pub(crate) fn get(&self, entry: u32) -> Option<&T> {
        Some(&self.pages.get(page_of(entry))?[entry as usize % ENTRIES])
    }

    /// The same, to be changed. Nobody may [hold](Self::hold) one of its page.
    pub(crate) fn get_mut(&mut self, entry: u32) -> Option<&mut T> {
        let page = self.pages.get_mut(page_of(entry))?;
        Some(&mut Rc::get_mut(page).expect("nobody holds it")[entry as usize % ENTRIES])
    }

    /// The same, to be looked at while the table changes.
    #[inline]
    pub(crate) fn hold(&self, entry: u32) -> Option<Held<T>> {
        Some(Held { page: self.pages.get(page_of(entry))?.clone(), entry })
    }

    /// All that somebody has, with their numbers, in that order; among them those that nobody has and that are at hand.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let aside = self.aside.pages.iter().copied().chain(iter::repeat(0));
        let pages = (0..).zip(&self.pages).zip(aside);
        let entries = pages.flat_map(|((number, page), aside)| {
            entries_of(number, !aside).map(|entry| (entry, &page[entry as usize % ENTRIES]))
        });
        entries.take_while(|(entry, _)| *entry < self.used)
    }
}

/// Entries that nobody has, and nobody is to look at.
#[derive(Default)]
struct Aside {
    /// Of each page whose they are, a bit for each; none of pages behind the last that ever had any.
    pages: Vec<u64>,
    len: usize,
    /// None is of a page before this.
    first: usize,
}

impl Aside {
    fn add(&mut self, entry: u32) {
        let page = page_of(entry);
        if page >= self.pages.len() {
            self.pages.resize(page + 1, 0);
        }
        self.pages[page] |= 1 << (entry as usize % ENTRIES);
        self.first = self.first.min(page);
        self.len += 1;
    }

    /// Takes those of the first page that has any; nothing if there are none.
    fn take(&mut self) -> impl Iterator<Item = u32> + use<> {
        let first = self.pages[self.first..].iter().position(|&page| page != 0);
        self.first += first.unwrap_or_default();
        let entries = self.pages.get_mut(self.first).map(mem::take).unwrap_or_default();
        self.len -= entries.count_ones() as usize;
        entries_of(self.first as u32, entries)
    }
}

/// The entries of a page whose bits are set.
fn entries_of(page: u32, mut bits: u64) -> impl Iterator<Item = u32> {
    iter::from_fn(move || {
        let first = bits.trailing_zeros();
        bits &= bits.checked_sub(1)?; // without that one
        Some(page * ENTRIES as u32 + first)
    })
}

/// An entry that somebody looks at.
pub(crate) struct Held<T> {
    page: Rc<Page<T>>,
    pub(crate) entry: u32,
}

impl<T> Deref for Held<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.page[self.entry as usize % ENTRIES]
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), at_hand: Vec::new(), aside: Aside::default(), used: 0 }
    }
}

#[inline]
fn page_of(entry: u32) -> usize {
    entry as usize / ENTRIES
}

/// Of entries of some 70 bytes a page of memory's worth; and as many as a number has bits.
const ENTRIES: usize = u64::BITS as usize;

/// Of the tasks' entries as much as a processor's nearer caches hold. To look at them takes some microseconds.
const AT_HAND_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_are_taken_in_turn_and_again_when_they_were_given_back() {
        let mut pages = Pages::<Cell<u32>>::default();
        for number in 0..200 {
            let entry = pages.take();
            pages.get(entry).unwrap().set(number);
            assert_eq!(entry, number);
        }
        assert!(pages.iter().all(|(entry, value)| value.get() == entry));
        assert_eq!(pages.iter().count(), 200);
        pages.give_back(70);
        pages.give_back(3);
        assert_eq!([pages.take(), pages.take(), pages.take()], [3, 70, 200]);
        let held = pages.hold(70).unwrap();
        assert_eq!((held.entry, held.get()), (70, 70), "as it was left");
        pages.take();
        held.set(7);
        assert_eq!(pages.get(70).unwrap().get(), 7);
        assert!(pages.get(100_000).is_none());
    }

    #[test]
    fn where_there_once_were_many_those_are_looked_at_that_are_there() {
        const MANY: u32 = 100_000;
        let (mut pages, kept) = (Pages::<()>::default(), [5, 70_000, MANY - 1]);
        (0..MANY).for_each(|entry| assert_eq!(pages.take(), entry));
        (0..MANY).filter(|entry| !kept.contains(entry)).for_each(|entry| pages.give_back(entry));
        let looked_at: Vec<u32> = pages.iter().map(|(entry, ())| entry).collect();
        assert!(kept.iter().all(|entry| looked_at.contains(entry)));
        let at_most = kept.len() + AT_HAND_MAX;
        assert!(looked_at.len() <= at_most, "{} are looked at", looked_at.len());
        assert_eq!(pages.looks(), looked_at.len() + pages.pages.len());
    }

    proptest! {
        #[test]
        fn nobody_has_what_another_has_and_all_that_are_had_are_seen(
            bursts in vec((any::<bool>(), 1..3_000_usize), 1..20),
        ) {
            let mut pages = Pages::<Cell<bool>>::default();
            let (mut had, mut used) = (Vec::new(), 0);
            for (takes, count) in bursts {
                for index in 0..count {
                    if takes {
                        let is_new = pages.free() == 0;
                        let entry = pages.take();
                        prop_assert_eq!(is_new, entry == used, "those that were given back come first");
                        used += u32::from(is_new);
                        prop_assert!(!pages.get(entry).unwrap().replace(true), "{} is taken twice", entry);
                        had.push(entry);
                    } else if !had.is_empty() {
                        let entry = had.swap_remove(index * 7 % had.len());
                        pages.get(entry).unwrap().set(false);
                        pages.give_back(entry);
                    }
                }
                prop_assert_eq!(pages.free() + had.len(), used as usize);
                let seen: Vec<u32> = pages.iter().map(|(entry, _)| entry).collect();
                prop_assert!(seen.is_sorted() && seen.len() <= had.len() + AT_HAND_MAX);
                let has = |entry: &u32| pages.get(*entry).unwrap().get();
                let seen: BTreeSet<u32> = seen.into_iter().filter(has).collect();
                prop_assert_eq!(seen, had.iter().copied().collect());
            }
        }
    }

    #[test]
    fn an_entry_stays_where_it_is() {
        let mut pages = Pages::<Cell<u32>>::default();
        let first = pages.take();
        let place = std::ptr::from_ref(pages.get(first).unwrap());
        assert_eq!((0..1000).map(|_| pages.take()).last(), Some(1000));
        assert_eq!(std::ptr::from_ref(pages.get(first).unwrap()), place);
    }
}
