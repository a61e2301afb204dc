//! The maps and sets of std, as arguments of commands and as what answers become.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use crate::command::{Command, ToArgs};
use crate::convert::FromValue;
use crate::error::Error;
use crate::value::Value;

/// Keys and values in turn.
impl<K: ToArgs, V: ToArgs> ToArgs for BTreeMap<K, V> {
    fn push_to(&self, command: &mut Command) {
        self.iter().for_each(|pair| pair.push_to(command));
    }
}

/// Keys and values in turn, in no order.
impl<K: ToArgs, V: ToArgs, S> ToArgs for HashMap<K, V, S> {
    fn push_to(&self, command: &mut Command) {
        self.iter().for_each(|pair| pair.push_to(command));
    }
}

/// All, in order.
impl<T: ToArgs> ToArgs for BTreeSet<T> {
    fn push_to(&self, command: &mut Command) {
        self.iter().for_each(|arg| arg.push_to(command));
    }
}

/// All, in no order.
impl<T: ToArgs, S> ToArgs for HashSet<T, S> {
    fn push_to(&self, command: &mut Command) {
        self.iter().for_each(|arg| arg.push_to(command));
    }
}

/// As for `BTreeMap`.
impl<K, V, S> FromValue for HashMap<K, V, S>
where
    K: FromValue + Eq + Hash,
    V: FromValue,
    S: BuildHasher + Default,
{
    fn from_value(value: Value) -> Result<Self, Error> {
        Vec::<(K, V)>::from_value(value).map(Self::from_iter)
    }
}

/// An array or a set. Of what comes twice one is left.
impl<T: FromValue + Ord> FromValue for BTreeSet<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        Vec::from_value(value).map(Self::from_iter)
    }
}

/// An array or a set. Of what comes twice one is left.
impl<T: FromValue + Eq + Hash, S: BuildHasher + Default> FromValue for HashSet<T, S> {
    fn from_value(value: Value) -> Result<Self, Error> {
        Vec::from_value(value).map(Self::from_iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_and_sets_become_arguments() {
        let args = |args: &dyn ToArgs| {
            let mut command = Command::default();
            args.push_to(&mut command);
            command.args().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(args(&BTreeMap::from([("a", 1), ("b", 2)])), "a 1 b 2");
        assert_eq!(args(&HashMap::from([("a", 1)])), "a 1");
        assert_eq!(args(&BTreeSet::from(["b", "a"])), "a b");
        assert_eq!(args(&HashSet::from(["a"])), "a");
    }

    #[test]
    fn answers_become_maps_and_sets() {
        let map = Value::from(vec!["a", "1", "b", "2"]);
        let expect = HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(HashMap::<String, i64>::from_value(map).unwrap(), expect);
        let set = || Value::set([2, 1, 2]);
        assert_eq!(BTreeSet::<i64>::from_value(set()).unwrap(), BTreeSet::from([1, 2]));
        assert_eq!(HashSet::<i64>::from_value(set()).unwrap(), HashSet::from([1, 2]));
        assert!(HashMap::<String, i64>::from_value(Value::Nil).is_err());
    }
}
