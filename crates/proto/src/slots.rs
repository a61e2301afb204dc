//! A table whose places are named by number and used again: [`Slots`].

/// Values at places that stay theirs until they are removed.
///
/// It grows as far as it is full, and an empty one keeps no more than a handful of places.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Option<T>>,
    /// The places that are free, the last of which is taken first. Beside the slots, so that those need no room for it.
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> usize {
        let place = self.reserve();
        self.slots[place] = Some(value);
        place
    }

    /// Takes a place for a value that is to come.
    pub(crate) fn reserve(&mut self) -> usize {
        match self.free.pop() {
            Some(place) => place as usize,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        }
    }

    /// The value has come for which the place was taken.
    pub(crate) fn fill(&mut self, place: usize, value: T) {
        self.slots[place] = Some(value);
    }

    /// The value at a place, which must be taken.
    pub(crate) fn get_mut(&mut self, place: usize) -> &mut T {
        self.slots[place].as_mut().expect(NAMED)
    }

    /// The value at a place that somebody else has named, if it is taken.
    pub(crate) fn try_get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.slots.get_mut(place)?.as_mut()
    }

    /// The places that are taken, and their values have come.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        let taken = |(place, slot): (usize, &Option<T>)| slot.is_some().then_some(place);
        self.slots.iter().enumerate().filter_map(taken)
    }

    /// Removes the value at a place, which must be taken.
    pub(crate) fn remove(&mut self, place: usize) -> T {
        self.release(place).expect(NAMED)
    }

    /// Gives a place back that was taken, and the value if it had come.
    pub(crate) fn release(&mut self, place: usize) -> Option<T> {
        let value = self.slots[place].take();
        self.free.push(place.try_into().expect("there never are four billion"));
        if self.len() == 0 && self.slots.len() > KEPT_MAX {
            *self = Self::new();
        }
        value
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }
}

const NAMED: &str = "whoever names a place has not removed it";

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

    /// A server has one for each connection.
    #[test]
    fn a_place_is_no_more_than_a_handle_of_a_task() {
        assert_eq!(size_of::<Option<ekiden_reactor::AbortHandle>>(), 16);
    }

    #[test]
    fn a_place_that_is_kept_for_a_value_is_taken() {
        let mut slots = Slots::new();
        let place = slots.reserve();
        assert_eq!((slots.len(), slots.iter().count(), slots.insert('a')), (1, 0, 1));
        slots.fill(place, 'b');
        assert!(slots.iter().eq(&['b', 'a']));
        assert_eq!([slots.release(place), slots.release(1)], [Some('b'), Some('a')]);
        let place = slots.reserve();
        assert_eq!((slots.release(place), slots.len()), (None, 0));
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
