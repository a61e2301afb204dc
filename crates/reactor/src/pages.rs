//! A table whose entries stay where they are, in pages of a few dozen.
//!
//! A core has as many tasks and sources as it has connections. A table in one piece doubles by moving into new memory, and
//! leaves behind as much as it held, for which nothing else may have a use; this one grows by a page. Who has an entry,
//! and what is in one that nobody has, is its owner's to say.

use std::array;
use std::ops::Deref;
use std::rc::Rc;

/// Entries that are named by their numbers, from zero.
pub(crate) struct Pages<T> {
    pages: Vec<Rc<Page<T>>>,
    /// Those that were given back, the last of which is taken first: it is the one most likely to be in the cache.
    free: Vec<u32>,
    /// So many have ever been taken.
    used: u32,
}

type Page<T> = [T; ENTRIES];

impl<T: Default> Pages<T> {
    /// Takes an entry: one that was given back, as it was left, or a new one.
    #[inline]
    pub(crate) fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| self.take_new())
    }

    #[cold]
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
        self.free.push(entry);
    }

    /// How many were ever taken: so many are looked at by whoever looks at all.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.used as usize
    }

    /// How many wait to be taken again.
    #[inline]
    pub(crate) fn free(&self) -> usize {
        self.free.len()
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

    /// All that were ever taken, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..self.used).zip(self.pages.iter().flat_map(|page| page.iter()))
    }
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
        Self { pages: Vec::new(), free: Vec::new(), used: 0 }
    }
}

#[inline]
fn page_of(entry: u32) -> usize {
    entry as usize / ENTRIES
}

/// Of entries of some 70 bytes a page of memory's worth.
const ENTRIES: usize = 64;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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
    fn an_entry_stays_where_it_is() {
        let mut pages = Pages::<Cell<u32>>::default();
        let first = pages.take();
        let place = std::ptr::from_ref(pages.get(first).unwrap());
        assert_eq!((0..1000).map(|_| pages.take()).last(), Some(1000));
        assert_eq!(std::ptr::from_ref(pages.get(first).unwrap()), place);
    }
}
