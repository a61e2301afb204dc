//! A table whose places are named by number and used again: [`Slots`].

/// Values at places that stay theirs until they are removed.
///
/// It grows as far as it is full, and an empty one keeps no more than a handful of places.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// The first of the free places, each of which names the next.
    free: usize,
    len: usize,
}

#[derive(Debug)]
enum Slot<T> {
    Free { next: usize },
    Taken(T),
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: 0, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, value: T) -> usize {
        let place = self.free;
        self.len += 1;
        match self.slots.get_mut(place) {
            Some(slot) => match std::mem::replace(slot, Slot::Taken(value)) {
                Slot::Free { next } => self.free = next,
                Slot::Taken(_) => unreachable!("a free place is free"),
            },
            None => {
                self.slots.push(Slot::Taken(value));
                self.free = self.slots.len();
            }
        }
        place
    }

    /// The value at a place, which must be taken.
    pub(crate) fn get_mut(&mut self, place: usize) -> &mut T {
        match &mut self.slots[place] {
            Slot::Taken(value) => value,
            Slot::Free { .. } => unreachable!("whoever names a place has not removed it"),
        }
    }

    /// The value at a place that somebody else has named, if it is taken.
    pub(crate) fn try_get_mut(&mut self, place: usize) -> Option<&mut T> {
        match self.slots.get_mut(place)? {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// The places that are taken.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        let taken = |(place, slot): (usize, &Slot<T>)| matches!(slot, Slot::Taken(_)).then_some(place);
        self.slots.iter().enumerate().filter_map(taken)
    }

    /// Removes the value at a place, which must be taken.
    pub(crate) fn remove(&mut self, place: usize) -> T {
        let Slot::Taken(value) = std::mem::replace(&mut self.slots[place], Slot::Free { next: self.free })
        else {
            unreachable!("whoever names a place has not removed it")
        };
        self.free = place;
        self.len -= 1;
        if self.len == 0 && self.slots.len() > KEPT_MAX {
            *self = Self::new();
        }
        value
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Taken(value) => Some(value),
            Slot::Free { .. } => None,
        })
    }
}

/// How many places an empty table keeps.
pub(crate) const KEPT_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_empty_table_keeps_a_handful_of_places() {
        for (len, kept) in [(KEPT_MAX, KEPT_MAX), (1000, 0)] {
            let mut slots = Slots::new();
            for _ in 0..2 {
                let places: Vec<_> = (0..len).map(|value| slots.insert(value)).collect();
                assert_eq!((slots.len(), slots.slots.len()), (len, len));
                places
                    .into_iter()
                    .enumerate()
                    .for_each(|(value, place)| assert_eq!(slots.remove(place), value));
                assert_eq!((slots.len(), slots.slots.len()), (0, kept));
            }
        }
    }

    /// A server has one for each connection, a client of pipelines for each call.
    #[test]
    fn a_place_is_a_word_more_than_a_handle_of_a_task() {
        let place = size_of::<Slot<Option<ekiden_reactor::AbortHandle>>>();
        assert!(place <= 24, "{place}");
    }

    proptest! {
        #[test]
        fn what_is_put_in_is_there_until_it_is_removed(
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..200),
        ) {
            let mut slots = Slots::new();
            let mut model = BTreeMap::new();
            for (number, (is_insert, pick)) in steps.into_iter().enumerate() {
                if is_insert {
                    prop_assert_eq!(model.insert(slots.insert(number), number), None);
                } else if !model.is_empty() {
                    let place = *model.keys().nth(pick.index(model.len())).unwrap();
                    prop_assert_eq!(Some(slots.remove(place)), model.remove(&place));
                }
                prop_assert_eq!(slots.len(), model.len());
                prop_assert!(slots.iter().eq(model.values()));
                model.iter().for_each(|(place, value)| assert_eq!(slots.get_mut(*place), value));
            }
        }
    }
}
