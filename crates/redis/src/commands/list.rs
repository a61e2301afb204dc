//! Lists: elements in order, cheap at both ends. The blocking ones wait until there is an element.
//!
//! Of Redis's own group `RPOPLPUSH` and `BRPOPLPUSH` are left out, which are [`lmove`] and [`blmove`].

use bytes::Bytes;

use crate::commands::record::{if_positive, or_empty};
use crate::commands::table::{commands, options};
use crate::commands::{End, Wait};
use crate::{Command, ToArg, ToArgs};

commands! { list_methods;
    /// As [`lmove`], and waits for an element if there is none; `None` if there came none in time.
    ///
    /// Redis 6.2.
    Blocks "BLMOVE" blmove<V>(
        source: impl ToArg, destination: impl ToArg, from: End, to: End, wait: impl Into<Wait>,
    ) -> Option<V> =
        Command::new("BLMOVE").arg(source).arg(destination).arg(from).arg(to).arg(wait.into().seconds());

    /// As [`lmpop`], and waits for an element if there is none; `None` if there came none in time.
    ///
    /// Redis 7.0.
    Blocks "BLMPOP" blmpop<V>(
        wait: impl Into<Wait>, keys: impl ToArgs, from: End,
    ) -> Option<(Bytes, Vec<V>)> as Lmpop<V> =
        Command::new("BLMPOP").arg(wait.into().seconds()).counted(keys).arg(from);

    /// Takes the first element of the first list that has one, and waits for one if there is none. Answers the key of
    /// the list and the element; `None` if there came none in time.
    ///
    /// Redis 2.0.
    Blocks "BLPOP" blpop<V>(keys: impl ToArgs, wait: impl Into<Wait>) -> Option<(Bytes, V)> =
        Command::new("BLPOP").arg(keys).arg(wait.into().seconds());

    /// As [`blpop`], but the last element.
    ///
    /// Redis 2.0.
    Blocks "BRPOP" brpop<V>(keys: impl ToArgs, wait: impl Into<Wait>) -> Option<(Bytes, V)> =
        Command::new("BRPOP").arg(keys).arg(wait.into().seconds());

    /// The element with that index, or, if negative, counted from the end; `None` if there is none.
    ///
    /// Redis 1.0.
    Reads "LINDEX" lindex<V>(key: impl ToArg, index: i64) -> Option<V>;

    /// Puts an element behind the first that equals `pivot`. Answers the new length; `None` if there is none such.
    ///
    /// Redis 2.2.
    Writes "LINSERT" linsert_after(key: impl ToArg, pivot: impl ToArg, element: impl ToArg) -> Option<u64> =
        Command::new("LINSERT").arg(key).arg("AFTER").arg(pivot).arg(element).typed_with(if_positive);

    /// Puts an element in front of the first that equals `pivot`. Answers the new length; `None` if there is none
    /// such.
    ///
    /// Redis 2.2.
    Writes "LINSERT" linsert_before(key: impl ToArg, pivot: impl ToArg, element: impl ToArg) -> Option<u64> =
        Command::new("LINSERT").arg(key).arg("BEFORE").arg(pivot).arg(element).typed_with(if_positive);

    /// The length; 0 if there is no such key.
    ///
    /// Redis 1.0.
    Reads "LLEN" llen(key: impl ToArg) -> u64;

    /// Takes an element from an end of a list and puts it to an end of another, or of the same. Answers it; `None` if
    /// there is none.
    ///
    /// Redis 6.2.
    Writes "LMOVE" lmove<V>(source: impl ToArg, destination: impl ToArg, from: End, to: End) -> Option<V>;

    /// Takes elements from an end of the first list that has one: one, unless [`Lmpop`] says how many. Answers the
    /// key of the list and the elements; `None` if there are none.
    ///
    /// Redis 7.0.
    Writes "LMPOP" lmpop<V>(keys: impl ToArgs, from: End) -> Option<(Bytes, Vec<V>)> as Lmpop<V> =
        Command::new("LMPOP").counted(keys).arg(from);

    /// Takes the first element; `None` if there is none.
    ///
    /// Redis 1.0.
    Writes "LPOP" lpop<V>(key: impl ToArg) -> Option<V>;

    /// Takes so many of the first elements, or as many as there are.
    ///
    /// Redis 6.2.
    Writes "LPOP" lpop_count<V>(key: impl ToArg, count: u64) -> Vec<V> =
        Command::new("LPOP").arg(key).arg(count).typed_with(or_empty);

    /// The index of the first element that equals this one; `None` if there is none. [`Lpos`] has the last, the n-th,
    /// and several.
    ///
    /// Redis 6.0.6.
    Reads "LPOS" lpos(key: impl ToArg, element: impl ToArg) -> Option<u64> as Lpos<Option<u64>>;

    /// Puts elements in front, one after the other, so that the last is the first. Answers the new length.
    ///
    /// Redis 1.0; more than one 2.4.
    Writes "LPUSH" lpush(key: impl ToArg, elements: impl ToArgs) -> u64;

    /// As [`lpush`], if there is a list at the key; or nothing is done, and the answer is 0.
    ///
    /// Redis 2.2; more than one 4.0.
    Writes "LPUSHX" lpushx(key: impl ToArg, elements: impl ToArgs) -> u64;

    /// The elements from one index to another inclusive; negative ones count from the end: `lrange("key", 0, -1)` is
    /// all.
    ///
    /// Redis 1.0.
    Reads "LRANGE" lrange<V>(key: impl ToArg, start: i64, stop: i64) -> Vec<V>;

    /// Takes out so many elements that equal this one: the first of them, the last if negative, all if 0. Answers how
    /// many there were.
    ///
    /// Redis 1.0.
    Writes "LREM" lrem(key: impl ToArg, count: i64, element: impl ToArg) -> u64;

    /// Replaces the element with that index. An error if there is none.
    ///
    /// Redis 1.0.
    Writes "LSET" lset(key: impl ToArg, index: i64, element: impl ToArg) -> ();

    /// Leaves only the elements from one index to another inclusive; negative ones count from the end.
    ///
    /// Redis 1.0.
    Writes "LTRIM" ltrim(key: impl ToArg, start: i64, stop: i64) -> ();

    /// Takes the last element; `None` if there is none.
    ///
    /// Redis 1.0.
    Writes "RPOP" rpop<V>(key: impl ToArg) -> Option<V>;

    /// Takes so many of the last elements, the last one first, or as many as there are.
    ///
    /// Redis 6.2.
    Writes "RPOP" rpop_count<V>(key: impl ToArg, count: u64) -> Vec<V> =
        Command::new("RPOP").arg(key).arg(count).typed_with(or_empty);

    /// Puts elements behind the last, in their order. Answers the new length.
    ///
    /// Redis 1.0; more than one 2.4.
    Writes "RPUSH" rpush(key: impl ToArg, elements: impl ToArgs) -> u64;

    /// As [`rpush`], if there is a list at the key; or nothing is done, and the answer is 0.
    ///
    /// Redis 2.2; more than one 4.0.
    Writes "RPUSHX" rpushx(key: impl ToArg, elements: impl ToArgs) -> u64;
}

options! {
    /// [`lmpop`] and [`blmpop`] with their option.
    Lmpop<V> -> Option<(Bytes, Vec<V>)> {
        /// So many, or as many as there are.
        count(count: u64) = "COUNT", count;
    }

    /// [`lpos`] with its options.
    Lpos<R> -> R {
        /// From which match on: 1 is the first, 2 the second, -1 the last.
        rank(rank: i64) = "RANK", rank;
        /// Looks at no more than so many elements.
        maxlen(elements: u64) = "MAXLEN", elements;
    }
}

impl Lpos<Option<u64>> {
    /// Answers so many matches, or all if 0.
    pub fn count(self, count: u64) -> Lpos<Vec<u64>> {
        self.with(("COUNT", count)).answering()
    }
}
