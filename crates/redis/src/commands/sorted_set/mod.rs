//! Sorted sets: members with a score each, in the order of their scores, and of their bytes where scores are equal.
//!
//! Members come as they are asked for; with scores they are pairs of a member and its score.
//!
//! In reading order: this page has members by name; `range` has those between two ranks, scores or members; `combine`
//! has what several sets have in common.

pub(super) mod combine;
pub(super) mod range;

use bytes::Bytes;

use crate::commands::record::or_none;
use crate::commands::table::{commands, options};
use crate::commands::{Extreme, ScanItems, Wait};
use crate::{Command, ToArg, ToArgs};

pub use combine::*;
pub use range::*;

commands! { sorted_set_methods;
    /// As [`zmpop`], and waits for a member if there is none; `None` if there came none in time.
    ///
    /// Redis 7.0.
    Blocks "BZMPOP" bzmpop<V>(
        wait: impl Into<Wait>, keys: impl ToArgs, from: Extreme,
    ) -> Option<(Bytes, Vec<(V, f64)>)> as Zmpop<V> =
        Command::new("BZMPOP").arg(wait.into().seconds()).counted(keys).arg(from);

    /// As [`bzpopmin`], but the member with the highest score.
    ///
    /// Redis 5.0.
    Blocks "BZPOPMAX" bzpopmax<V>(keys: impl ToArgs, wait: impl Into<Wait>) -> Option<(Bytes, V, f64)> =
        Command::new("BZPOPMAX").arg(keys).arg(wait.into().seconds());

    /// Takes the member with the lowest score of the first set that has one, and waits for one if there is none.
    /// Answers the key of the set, the member and its score; `None` if there came none in time.
    ///
    /// Redis 5.0.
    Blocks "BZPOPMIN" bzpopmin<V>(keys: impl ToArgs, wait: impl Into<Wait>) -> Option<(Bytes, V, f64)> =
        Command::new("BZPOPMIN").arg(keys).arg(wait.into().seconds());

    /// Adds members, or changes their scores: `zadd("ranks", [(1.0, "ada"), (2.0, "grace")])`, the score in front as
    /// on the wire. Answers how many of them are new. [`Zadd`] has conditions.
    ///
    /// Redis 1.2; more than one 2.4.
    Writes "ZADD" zadd(key: impl ToArg, members: impl ToArgs) -> u64 as Zadd;

    /// Adds so much to the score of a member, if the conditions of [`ZaddIncr`] hold. Answers the new score; `None`
    /// if they do not. Without conditions it is [`zincrby`].
    ///
    /// Redis 3.0.2.
    Writes "ZADD" zadd_incr(key: impl ToArg, by: f64, member: impl ToArg) -> Option<f64> as ZaddIncr =
        Command::new("ZADD").arg(key).arg("INCR").arg(by).arg(member);

    /// How many members there are; 0 if there is no such key.
    ///
    /// Redis 1.2.
    Reads "ZCARD" zcard(key: impl ToArg) -> u64;

    /// Adds so much to the score of a member, which is 0 if there is none. Answers the new score.
    ///
    /// Redis 1.2.
    Writes "ZINCRBY" zincrby(key: impl ToArg, by: f64, member: impl ToArg) -> f64;

    /// Takes members from an end of the first set that has one: one, unless [`Zmpop`] says how many. Answers the key
    /// of the set and the members with their scores; `None` if there are none.
    ///
    /// Redis 7.0.
    Writes "ZMPOP" zmpop<V>(keys: impl ToArgs, from: Extreme) -> Option<(Bytes, Vec<(V, f64)>)> as Zmpop<V> =
        Command::new("ZMPOP").counted(keys).arg(from);

    /// The scores of members, in their order; `None` for each that is none.
    ///
    /// Redis 6.2.
    Reads "ZMSCORE" zmscore(key: impl ToArg, members: impl ToArgs) -> Vec<Option<f64>>;

    /// Takes the member with the highest score; `None` if there is none.
    ///
    /// Redis 5.0.
    Writes "ZPOPMAX" zpopmax<V>(key: impl ToArg) -> Option<(V, f64)> =
        Command::new("ZPOPMAX").arg(key).typed_with(or_none);

    /// Takes so many members with the highest scores, or as many as there are.
    ///
    /// Redis 5.0.
    Writes "ZPOPMAX" zpopmax_count<V>(key: impl ToArg, count: u64) -> Vec<(V, f64)>;

    /// Takes the member with the lowest score; `None` if there is none.
    ///
    /// Redis 5.0.
    Writes "ZPOPMIN" zpopmin<V>(key: impl ToArg) -> Option<(V, f64)> =
        Command::new("ZPOPMIN").arg(key).typed_with(or_none);

    /// Takes so many members with the lowest scores, or as many as there are.
    ///
    /// Redis 5.0.
    Writes "ZPOPMIN" zpopmin_count<V>(key: impl ToArg, count: u64) -> Vec<(V, f64)>;

    /// Any member; `None` if there is none.
    ///
    /// Redis 6.2.
    Reads "ZRANDMEMBER" zrandmember<V>(key: impl ToArg) -> Option<V>;

    /// So many members at random, fewer if there are not as many; if negative, as many as that says, some more than
    /// once.
    ///
    /// Redis 6.2.
    Reads "ZRANDMEMBER" zrandmember_count<V>(key: impl ToArg, count: i64) -> Vec<V>;

    /// As [`zrandmember_count`], with the scores.
    ///
    /// Redis 6.2.
    Reads "ZRANDMEMBER" zrandmember_with_scores<V>(key: impl ToArg, count: i64) -> Vec<(V, f64)> =
        Command::new("ZRANDMEMBER").arg(key).arg(count).arg("WITHSCORES");

    /// How many members have a lower score; `None` if it is no member.
    ///
    /// Redis 2.0.
    Reads "ZRANK" zrank(key: impl ToArg, member: impl ToArg) -> Option<u64>;

    /// Takes members out. Answers how many there were.
    ///
    /// Redis 1.2; more than one 2.4.
    Writes "ZREM" zrem(key: impl ToArg, members: impl ToArgs) -> u64;

    /// How many members have a higher score; `None` if it is no member.
    ///
    /// Redis 2.0.
    Reads "ZREVRANK" zrevrank(key: impl ToArg, member: impl ToArg) -> Option<u64>;

    /// Some of the members with their scores, from a cursor on, which is 0 at first; [`Page`](crate::commands::Page)
    /// says how to go on. [`ScanItems`] has a pattern, and about how many.
    ///
    /// Redis 2.8.
    Reads "ZSCAN" zscan<V>(key: impl ToArg, cursor: u64) -> Page<(V, f64)> as ScanItems<(V, f64)>;

    /// The score of a member; `None` if it is none.
    ///
    /// Redis 1.2.
    Reads "ZSCORE" zscore(key: impl ToArg, member: impl ToArg) -> Option<f64>;
}

options! {
    /// [`zadd`] with its options.
    Zadd at 2 -> u64 {
        /// Only new members. Redis 3.0.2.
        nx() = "NX";
        /// Only members that are there. Redis 3.0.2.
        xx() = "XX";
        /// A score is changed only for a higher one; new members are added all the same. Redis 6.2.
        gt() = "GT";
        /// A score is changed only for a lower one; new members are added all the same. Redis 6.2.
        lt() = "LT";
        /// Answers how many are new or have another score than before. Redis 3.0.2.
        ch() = "CH";
    }

    /// [`zadd_incr`] with its conditions.
    ZaddIncr at 2 -> Option<f64> {
        /// Only a new member.
        nx() = "NX";
        /// Only a member that is there.
        xx() = "XX";
        /// Only if the score gets higher. Redis 6.2.
        gt() = "GT";
        /// Only if the score gets lower. Redis 6.2.
        lt() = "LT";
    }

    /// [`zmpop`] and [`bzmpop`] with their option.
    Zmpop<V> -> Option<(Bytes, Vec<(V, f64)>)> {
        /// So many, or as many as there are.
        count(count: u64) = "COUNT", count;
    }
}
