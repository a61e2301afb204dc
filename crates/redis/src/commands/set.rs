//! Sets: members without an order, each once.

use crate::commands::ScanItems;
use crate::commands::record::or_empty;
use crate::commands::table::{commands, options};
use crate::{Command, ToArg, ToArgs};

commands! { set_methods;
    /// Adds members. Answers how many of them are new.
    ///
    /// Redis 1.0; more than one 2.4.
    Writes "SADD" sadd(key: impl ToArg, members: impl ToArgs) -> u64;

    /// How many members there are; 0 if there is no such key.
    ///
    /// Redis 1.0.
    Reads "SCARD" scard(key: impl ToArg) -> u64;

    /// What is in the first set and in none of the others.
    ///
    /// Redis 1.0.
    Reads "SDIFF" sdiff<V>(keys: impl ToArgs) -> Vec<V>;

    /// Makes a set of what is in the first set and in none of the others. Answers how many they are.
    ///
    /// Redis 1.0.
    Writes "SDIFFSTORE" sdiffstore(destination: impl ToArg, keys: impl ToArgs) -> u64;

    /// What is in all the sets.
    ///
    /// Redis 1.0.
    Reads "SINTER" sinter<V>(keys: impl ToArgs) -> Vec<V>;

    /// How many members are in all the sets. [`Sintercard`] has a limit.
    ///
    /// Redis 7.0.
    Reads "SINTERCARD" sintercard(keys: impl ToArgs) -> u64 as Sintercard =
        Command::new("SINTERCARD").counted(keys);

    /// Makes a set of what is in all the sets. Answers how many they are.
    ///
    /// Redis 1.0.
    Writes "SINTERSTORE" sinterstore(destination: impl ToArg, keys: impl ToArgs) -> u64;

    /// Whether it is a member.
    ///
    /// Redis 1.0.
    Reads "SISMEMBER" sismember(key: impl ToArg, member: impl ToArg) -> bool;

    /// All members.
    ///
    /// Redis 1.0.
    Reads "SMEMBERS" smembers<V>(key: impl ToArg) -> Vec<V>;

    /// Whether they are members, in their order.
    ///
    /// Redis 6.2.
    Reads "SMISMEMBER" smismember(key: impl ToArg, members: impl ToArgs) -> Vec<bool>;

    /// Moves a member to another set. Answers whether there was one.
    ///
    /// Redis 1.0.
    Writes "SMOVE" smove(source: impl ToArg, destination: impl ToArg, member: impl ToArg) -> bool;

    /// Takes any member; `None` if there is none.
    ///
    /// Redis 1.0.
    Writes "SPOP" spop<V>(key: impl ToArg) -> Option<V>;

    /// Takes so many members at random, or as many as there are.
    ///
    /// Redis 3.2.
    Writes "SPOP" spop_count<V>(key: impl ToArg, count: u64) -> Vec<V> =
        Command::new("SPOP").arg(key).arg(count).typed_with(or_empty);

    /// Any member; `None` if there is none.
    ///
    /// Redis 1.0.
    Reads "SRANDMEMBER" srandmember<V>(key: impl ToArg) -> Option<V>;

    /// So many members at random, fewer if there are not as many; if negative, as many as that says, some more than
    /// once.
    ///
    /// Redis 2.6.
    Reads "SRANDMEMBER" srandmember_count<V>(key: impl ToArg, count: i64) -> Vec<V>;

    /// Takes members out. Answers how many there were.
    ///
    /// Redis 1.0; more than one 2.4.
    Writes "SREM" srem(key: impl ToArg, members: impl ToArgs) -> u64;

    /// Some of the members, from a cursor on, which is 0 at first; [`Page`](crate::commands::Page) says how to go on.
    /// [`ScanItems`] has a pattern, and about how many.
    ///
    /// Redis 2.8.
    Reads "SSCAN" sscan<V>(key: impl ToArg, cursor: u64) -> Page<V> as ScanItems<V>;

    /// What is in any of the sets.
    ///
    /// Redis 1.0.
    Reads "SUNION" sunion<V>(keys: impl ToArgs) -> Vec<V>;

    /// Makes a set of what is in any of the sets. Answers how many they are.
    ///
    /// Redis 1.0.
    Writes "SUNIONSTORE" sunionstore(destination: impl ToArg, keys: impl ToArgs) -> u64;
}

options! {
    /// [`sintercard`] with its option.
    Sintercard -> u64 {
        /// Counts no further than that.
        limit(limit: u64) = "LIMIT", limit;
    }
}
