//! What has an id, found by it at once: a row of slots, from the oldest that is not empty on.
//!
//! Ids only grow, so the row is as long as there are ids between the oldest that is left and the newest. Each packet asks for
//! its end several times, which makes this worth while: with a tree, a world of many hosts took a third longer.

use std::collections::VecDeque;

use crate::journal::EndId;

#[derive(Debug)]
pub(super) struct Slots<T> {
    row: VecDeque<Option<Box<T>>>,
    /// The id of the first slot.
    first: u32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { row: VecDeque::new(), first: 0 }
    }
}

impl<T> Slots<T> {
    pub(super) fn get(&self, id: EndId) -> Option<&T> {
        self.row.get(self.index(id)?)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: EndId) -> Option<&mut T> {
        let index = self.index(id)?;
        self.row.get_mut(index)?.as_deref_mut()
    }

    /// The ids that are left are older: whatever has a later one is put in behind.
    pub(super) fn insert(&mut self, id: EndId, what: T) {
        if self.row.is_empty() {
            self.first = id.0;
        }
        while id.0 < self.first {
            self.row.push_front(None);
            self.first -= 1;
        }
        let index = (id.0 - self.first) as usize;
        if self.row.len() <= index {
            self.row.resize_with(index + 1, || None);
        }
        self.row[index] = Some(Box::new(what));
    }

    pub(super) fn remove(&mut self, id: EndId) -> Option<Box<T>> {
        let index = self.index(id)?;
        let removed = self.row.get_mut(index)?.take();
        while self.row.front().is_some_and(Option::is_none) {
            self.row.pop_front();
            self.first += 1;
        }
        removed
    }

    /// All, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EndId, &T)> {
        let ids = (self.first..).map(EndId);
        ids.zip(&self.row).filter_map(|(id, slot)| Some((id, slot.as_deref()?)))
    }

    fn index(&self, id: EndId) -> Option<usize> {
        Some(id.0.checked_sub(self.first)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::chance::Chance;

    #[test]
    fn it_is_a_map() {
        let (mut slots, mut map, mut chance) = (Slots::default(), BTreeMap::new(), Chance::new(7));
        for newest in 100..3000 {
            let id = EndId(newest - chance.below(40) as u32);
            match chance.one_in(2) {
                true => {
                    slots.insert(id, newest);
                    map.insert(id, newest);
                }
                false => assert_eq!(slots.remove(id).map(|removed| *removed), map.remove(&id)),
            }
            assert_eq!(slots.get(id), map.get(&id));
            assert_eq!(slots.get_mut(id), map.get_mut(&id));
            assert!(slots.iter().eq(map.iter().map(|(id, what)| (*id, what))));
        }
        map.keys().for_each(|id| drop(slots.remove(*id)));
        assert!(slots.row.is_empty());
    }
}
