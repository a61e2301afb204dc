//! What several sorted sets have in common, or what one has more than others.

use crate::commands::table::{commands, options};
use crate::{Command, ToArg, ToArgs};

commands! { sorted_set_combine_methods;
    /// The members of the first set that are in none of the others. [`Zdiff`] has the scores.
    ///
    /// Redis 6.2.
    Reads "ZDIFF" zdiff<V>(keys: impl ToArgs) -> Vec<V> as Zdiff<Vec<V>> = Command::new("ZDIFF").counted(keys);

    /// Makes a sorted set of what [`zdiff`] answers. Answers how many they are.
    ///
    /// Redis 6.2.
    Writes "ZDIFFSTORE" zdiffstore(destination: impl ToArg, keys: impl ToArgs) -> u64 =
        Command::new("ZDIFFSTORE").arg(destination).counted(keys);

    /// The members that are in all the sets. [`Zcombine`] has the scores, and how they are made.
    ///
    /// Redis 6.2.
    Reads "ZINTER" zinter<V>(keys: impl ToArgs) -> Vec<V> as Zcombine<Vec<V>> = Command::new("ZINTER").counted(keys);

    /// How many members are in all the sets. [`Zintercard`] has a limit.
    ///
    /// Redis 7.0.
    Reads "ZINTERCARD" zintercard(keys: impl ToArgs) -> u64 as Zintercard =
        Command::new("ZINTERCARD").counted(keys);

    /// Makes a sorted set of what [`zinter`] answers. Answers how many they are.
    ///
    /// Redis 2.0.
    Writes "ZINTERSTORE" zinterstore(destination: impl ToArg, keys: impl ToArgs) -> u64 as Zcombine<u64> =
        Command::new("ZINTERSTORE").arg(destination).counted(keys);

    /// The members that are in any of the sets. [`Zcombine`] has the scores, and how they are made.
    ///
    /// Redis 6.2.
    Reads "ZUNION" zunion<V>(keys: impl ToArgs) -> Vec<V> as Zcombine<Vec<V>> = Command::new("ZUNION").counted(keys);

    /// Makes a sorted set of what [`zunion`] answers. Answers how many they are.
    ///
    /// Redis 2.0.
    Writes "ZUNIONSTORE" zunionstore(destination: impl ToArg, keys: impl ToArgs) -> u64 as Zcombine<u64> =
        Command::new("ZUNIONSTORE").arg(destination).counted(keys);
}

options! {
    /// [`zdiff`] with its option.
    Zdiff<R> -> R {}

    /// [`zinter`] and [`zunion`] with their options.
    Zcombine<R> -> R {
        /// By what the scores of each set are multiplied, in the order of the keys.
        weights(weights: impl ToArgs) = "WEIGHTS", weights;
        /// What the scores of a member become together; their sum unless said.
        aggregate(aggregate: Aggregate) = "AGGREGATE", aggregate;
    }

    /// [`zintercard`] with its option.
    Zintercard -> u64 {
        /// Counts no further than that.
        limit(limit: u64) = "LIMIT", limit;
    }
}

impl<V> Zdiff<Vec<V>> {
    /// Answers pairs of a member and its score.
    pub fn with_scores(self) -> Zdiff<Vec<(V, f64)>> {
        self.with("WITHSCORES").answering()
    }
}

impl<V> Zcombine<Vec<V>> {
    /// Answers pairs of a member and its score.
    pub fn with_scores(self) -> Zcombine<Vec<(V, f64)>> {
        self.with("WITHSCORES").answering()
    }
}

/// What the scores that a member has in several sets become together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The lowest.
    Min,
    /// The highest.
    Max,
}

impl ToArgs for Aggregate {
    fn push_to(&self, command: &mut Command) {
        command.push(match self {
            Self::Sum => b"SUM",
            Self::Min => b"MIN",
            Self::Max => b"MAX",
        });
    }
}

impl ToArg for Aggregate {}
