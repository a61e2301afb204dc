//! What was written, what of it was acknowledged, and what may be found in the end.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use super::lock;

/// A book of all writes to a store, by which one sees whether what is found there can be right: that nothing is lost that was
/// acknowledged.
///
/// What is found under a key must be a value that was written to it, and none that another has taken the place of: a write
/// that was acknowledged before the next one began is over when that next one is acknowledged. One of which nobody knows what
/// became may be done at any time, or never. That is what a store must keep to that is linearizable (Herlihy and Wing,
/// 1990), as far as it can be seen by a reading once all writing is over.
///
/// ```
/// use ekiden_sim::oracle::Writes;
///
/// let writes = Writes::default();
/// writes.begin("colour", "red").acknowledged();
/// writes.begin("colour", "green").acknowledged();
/// drop(writes.begin("colour", "blue")); // no answer came
/// writes.assert_kept(&"colour", Some(&"green"));
/// writes.assert_kept(&"colour", Some(&"blue"));
/// assert!(!writes.is_kept(&"colour", Some(&"red")));
/// assert!(!writes.is_kept(&"colour", None));
/// ```
///
/// A set is a store of keys whose values do not matter (`()`), and a log one of its places.
#[derive(Debug)]
pub struct Writes<K, V>(Arc<Mutex<Book<K, V>>>);

#[derive(Debug)]
struct Book<K, V> {
    /// Counts what happens, so that one sees what was first.
    moment: u64,
    keys: BTreeMap<K, Vec<Entry<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    began: u64,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unknown,
    Acknowledged(u64),
    Refused,
}

/// A write that has begun, and of which nobody knows yet what becomes; nor ever, if it is dropped.
#[derive(Debug)]
#[must_use = "it is told what became of the write"]
pub struct Write<K: Ord + Clone, V> {
    writes: Writes<K, V>,
    key: K,
    place: usize,
}

impl<K: Ord + Clone, V: PartialEq> Writes<K, V> {
    /// Something is about to be written.
    pub fn begin(&self, key: K, value: V) -> Write<K, V> {
        let mut book = lock(&self.0);
        let began = book.next_moment();
        let entries = book.keys.entry(key.clone()).or_default();
        entries.push(Entry { value, began, fate: Fate::Unknown });
        Write { writes: self.clone(), key, place: entries.len() - 1 }
    }

    /// Whether what is found under a key, or that nothing is, can be right.
    ///
    /// For a moment at which nobody writes any more.
    #[must_use]
    pub fn is_kept(&self, key: &K, found: Option<&V>) -> bool {
        let book = lock(&self.0);
        let entries = book.keys.get(key).map_or(&[][..], Vec::as_slice);
        let acknowledged = |entry: &Entry<V>| match entry.fate {
            Fate::Acknowledged(moment) => Some((entry.began, moment)),
            Fate::Unknown | Fate::Refused => None,
        };
        match found {
            None => entries.iter().all(|entry| acknowledged(entry).is_none()),
            Some(found) => entries.iter().any(|entry| {
                let is_over = acknowledged(entry).is_some_and(|(_, over)| {
                    entries.iter().filter_map(acknowledged).any(|(began, _)| began > over)
                });
                entry.value == *found && entry.fate != Fate::Refused && !is_over
            }),
        }
    }

    /// The same.
    ///
    /// # Panics
    ///
    /// If it cannot be right, with all that was written there.
    #[track_caller]
    pub fn assert_kept(&self, key: &K, found: Option<&V>)
    where
        K: Debug,
        V: Debug,
    {
        if !self.is_kept(key, found) {
            let book = lock(&self.0);
            let entries = book.keys.get(key).map_or(&[][..], Vec::as_slice);
            let lines: String =
                entries.iter().map(|entry| format!("\n  {:?}: {:?}", entry.value, entry.fate)).collect();
            panic!("{found:?} was found under {key:?}, where these were written:{lines}");
        }
    }

    /// The keys to which something was written.
    #[must_use]
    pub fn keys(&self) -> Vec<K> {
        lock(&self.0).keys.keys().cloned().collect()
    }
}

impl<K: Ord + Clone, V> Write<K, V> {
    /// It was acknowledged.
    pub fn acknowledged(self) {
        let moment = lock(&self.writes.0).next_moment();
        self.ends(Fate::Acknowledged(moment));
    }

    /// It was refused, and is not done for sure.
    pub fn refused(self) {
        self.ends(Fate::Refused);
    }

    fn ends(self, fate: Fate) {
        let mut book = lock(&self.writes.0);
        if let Some(entry) = book.keys.get_mut(&self.key).and_then(|entries| entries.get_mut(self.place)) {
            entry.fate = fate;
        }
    }
}

impl<K, V> Book<K, V> {
    fn next_moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }
}

impl<K, V> Default for Writes<K, V> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Book { moment: 0, keys: BTreeMap::new() })))
    }
}

impl<K, V> Clone for Writes<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of nothing and the values 1 to 4 may be found.
    fn found(writes: &Writes<(), u32>) -> Vec<Option<u32>> {
        let may = [None, Some(1), Some(2), Some(3), Some(4)].into_iter();
        may.filter(|found| writes.is_kept(&(), found.as_ref())).collect()
    }

    #[test]
    fn what_was_acknowledged_is_found_until_the_next_one_is() {
        let writes = Writes::default();
        assert_eq!(found(&writes), [None]);
        let first = writes.begin((), 1);
        assert_eq!(found(&writes), [None, Some(1)]);
        first.acknowledged();
        assert_eq!(found(&writes), [Some(1)]);
        let second = writes.begin((), 2);
        assert_eq!(found(&writes), [Some(1), Some(2)]);
        second.acknowledged();
        assert_eq!(found(&writes), [Some(2)]);
    }

    #[test]
    fn of_two_at_once_either_may_be_the_last() {
        let writes = Writes::default();
        let (first, second) = (writes.begin((), 1), writes.begin((), 2));
        second.acknowledged();
        first.acknowledged();
        assert_eq!(found(&writes), [Some(1), Some(2)]);
        writes.begin((), 3).acknowledged();
        assert_eq!(found(&writes), [Some(3)]);
    }

    #[test]
    fn one_that_nobody_knows_of_may_come_late_and_one_that_was_refused_never() {
        let writes = Writes::default();
        drop(writes.begin((), 1));
        writes.begin((), 2).acknowledged();
        writes.begin((), 3).refused();
        assert_eq!(found(&writes), [Some(1), Some(2)]);
    }

    #[test]
    #[should_panic(
        expected = "None was found under \"x\", where these were written:\n  1: Acknowledged(2)\n  2: Unknown"
    )]
    fn what_is_lost_is_told_with_all_that_was_written() {
        let writes = Writes::default();
        writes.begin("x", 1).acknowledged();
        drop(writes.begin("x", 2));
        assert_eq!(writes.keys(), ["x"]);
        writes.assert_kept(&"x", None);
    }
}
