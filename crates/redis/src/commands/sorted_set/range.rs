//! Members between two ranks, two scores or two members.
//!
//! Scores and members are given as Rust's ranges, whose ends may be in or out: `1.0..=5.0`, `"a".."c"`, `..`. Where
//! the order is reversed it is still the lower end that comes first here, whatever the wire wants.
//!
//! Of Redis's own group these are left out, as [`zrange`] and its like say the same: `ZRANGEBYLEX`, `ZRANGEBYSCORE`,
//! `ZREVRANGE`, `ZREVRANGEBYLEX`, `ZREVRANGEBYSCORE`.

use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::commands::table::commands;
use crate::{Command, FromValue, IntoTyped, ToArg, ToArgs, Typed};

commands! { sorted_set_range_methods;
    /// How many members have a score in a range.
    ///
    /// Redis 2.0.
    Reads "ZCOUNT" zcount(key: impl ToArg, scores: impl RangeBounds<f64>) -> u64 =
        Command::new("ZCOUNT").arg(key).arg(Limits::of_scores(&scores));

    /// How many members are in a range of members, where all have the same score.
    ///
    /// Redis 2.8.9.
    Reads "ZLEXCOUNT" zlexcount(key: impl ToArg, members: impl LexRange) -> u64 =
        Command::new("ZLEXCOUNT").arg(key).arg(Limits::of_members(&members));

    /// The members from one rank to another inclusive; negative ones count from the end: `zrange("key", 0, -1)` is
    /// all. [`Zrange`] has the other order, and the scores.
    ///
    /// Redis 1.2; the other order 6.2.
    Reads "ZRANGE" zrange<V>(key: impl ToArg, start: i64, stop: i64) -> Vec<V> as Zrange<Vec<V>> =
        Zrange::new(Command::new("ZRANGE").arg(key), Limits::of_ranks(start, stop));

    /// The members with a score in a range. [`Zrange`] has the other order, a limit, and the scores.
    ///
    /// Redis 6.2.
    Reads "ZRANGE" zrange_by_score<V>(
        key: impl ToArg, scores: impl RangeBounds<f64>,
    ) -> Vec<V> as Zrange<Vec<V>> =
        Zrange::new(Command::new("ZRANGE").arg(key), Limits::of_scores(&scores));

    /// The members in a range of members, where all have the same score. [`Zrange`] has the other order, and a limit.
    ///
    /// Redis 6.2.
    Reads "ZRANGE" zrange_by_lex<V>(key: impl ToArg, members: impl LexRange) -> Vec<V> as Zrange<Vec<V>> =
        Zrange::new(Command::new("ZRANGE").arg(key), Limits::of_members(&members));

    /// Makes a sorted set of what [`zrange`] answers of another. Answers how many they are.
    ///
    /// Redis 6.2.
    Writes "ZRANGESTORE" zrangestore(
        destination: impl ToArg, source: impl ToArg, start: i64, stop: i64,
    ) -> u64 as Zrange<u64> =
        Zrange::new(Command::new("ZRANGESTORE").arg(destination).arg(source), Limits::of_ranks(start, stop));

    /// Makes a sorted set of what [`zrange_by_score`] answers of another. Answers how many they are.
    ///
    /// Redis 6.2.
    Writes "ZRANGESTORE" zrangestore_by_score(
        destination: impl ToArg, source: impl ToArg, scores: impl RangeBounds<f64>,
    ) -> u64 as Zrange<u64> =
        Zrange::new(Command::new("ZRANGESTORE").arg(destination).arg(source), Limits::of_scores(&scores));

    /// Makes a sorted set of what [`zrange_by_lex`] answers of another. Answers how many they are.
    ///
    /// Redis 6.2.
    Writes "ZRANGESTORE" zrangestore_by_lex(
        destination: impl ToArg, source: impl ToArg, members: impl LexRange,
    ) -> u64 as Zrange<u64> =
        Zrange::new(Command::new("ZRANGESTORE").arg(destination).arg(source), Limits::of_members(&members));

    /// Takes out the members in a range of members, where all have the same score. Answers how many there were.
    ///
    /// Redis 2.8.9.
    Writes "ZREMRANGEBYLEX" zremrangebylex(key: impl ToArg, members: impl LexRange) -> u64 =
        Command::new("ZREMRANGEBYLEX").arg(key).arg(Limits::of_members(&members));

    /// Takes out the members from one rank to another inclusive; negative ones count from the end. Answers how many
    /// there were.
    ///
    /// Redis 2.0.
    Writes "ZREMRANGEBYRANK" zremrangebyrank(key: impl ToArg, start: i64, stop: i64) -> u64;

    /// Takes out the members with a score in a range. Answers how many there were.
    ///
    /// Redis 1.2.
    Writes "ZREMRANGEBYSCORE" zremrangebyscore(key: impl ToArg, scores: impl RangeBounds<f64>) -> u64 =
        Command::new("ZREMRANGEBYSCORE").arg(key).arg(Limits::of_scores(&scores));
}

/// [`zrange`] and its like with their options.
#[must_use = "a command does nothing until it is sent"]
#[derive(Clone, Debug)]
pub struct Zrange<R> {
    command: Command,
    limits: Limits,
    is_reversed: bool,
    limit: Option<(u64, i64)>,
    has_scores: bool,
    answer: PhantomData<fn() -> R>,
}

impl<R> Zrange<R> {
    fn new(command: Command, limits: Limits) -> Self {
        Self { command, limits, is_reversed: false, limit: None, has_scores: false, answer: PhantomData }
    }

    /// From the highest to the lowest. Ranks count from the highest then; a range of scores or members is still given
    /// from its lower end to its upper.
    pub fn rev(mut self) -> Self {
        self.is_reversed = true;
        self
    }

    /// Only so many, or all if negative, from the one with that index in the range on. Not for ranks, which say so
    /// themselves: the server refuses.
    pub fn limit(mut self, offset: u64, count: i64) -> Self {
        self.limit = Some((offset, count));
        self
    }
}

impl<V> Zrange<Vec<V>> {
    /// Answers pairs of a member and its score. Not for a range of members: the server refuses.
    pub fn with_scores(self) -> Zrange<Vec<(V, f64)>> {
        let Self { command, limits, is_reversed, limit, .. } = self;
        Zrange { command, limits, is_reversed, limit, has_scores: true, answer: PhantomData }
    }
}

impl<R: FromValue> IntoTyped for Zrange<R> {
    type Answer = R;

    fn into_typed(self) -> Typed<R> {
        let Limits { by, mut from, mut to } = self.limits;
        // The wire wants the higher end first then; ranks are counted from the other side, so they stay.
        if self.is_reversed && by.is_some() {
            std::mem::swap(&mut from, &mut to);
        }
        let command = self.command.arg((from, to)).arg(by).flag(self.is_reversed, "REV");
        let limited = command.arg(self.limit.map(|limit| ("LIMIT", limit)));
        limited.flag(self.has_scores, "WITHSCORES").typed()
    }
}

/// The two ends of a range as the wire wants them, and what kind of range it is.
#[derive(Clone, Debug)]
struct Limits {
    by: Option<&'static str>,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Limits {
    fn of_ranks(start: i64, stop: i64) -> Self {
        Self { by: None, from: start.to_string().into(), to: stop.to_string().into() }
    }

    fn of_scores(scores: &impl RangeBounds<f64>) -> Self {
        let end = |bound: Bound<&f64>, none: &str| match bound {
            Bound::Included(score) => score.to_string(),
            Bound::Excluded(score) => format!("({score}"),
            Bound::Unbounded => none.to_owned(),
        };
        let (from, to) = (end(scores.start_bound(), "-inf"), end(scores.end_bound(), "+inf"));
        Self { by: Some("BYSCORE"), from: from.into(), to: to.into() }
    }

    fn of_members(members: &impl LexRange) -> Self {
        let end = |bound: Bound<&[u8]>, none: &[u8]| match bound {
            Bound::Included(member) => [b"[", member].concat(),
            Bound::Excluded(member) => [b"(", member].concat(),
            Bound::Unbounded => none.to_vec(),
        };
        let (from, to) = members.ends();
        Self { by: Some("BYLEX"), from: end(from, b"-"), to: end(to, b"+") }
    }
}

/// The two ends alone.
impl ToArgs for Limits {
    fn push_to(&self, command: &mut Command) {
        command.push(&self.from);
        command.push(&self.to);
    }
}

/// A range of members, in the order of their bytes: Rust's ranges of strings or bytes, as `"a".."c"`, `"a"..`, `..`,
/// and pairs of [`Bound`]s.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a range of members of a sorted set",
    label = "this must be a range of strings or bytes, such as `\"a\"..\"c\"`"
)]
pub trait LexRange {
    /// Its lower and its upper end.
    fn ends(&self) -> (Bound<&[u8]>, Bound<&[u8]>);
}

impl LexRange for RangeFull {
    fn ends(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

macro_rules! ranges_of_bytes {
    ($($range:ty),*) => {$(
        impl<T: AsRef<[u8]>> LexRange for $range {
            fn ends(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
                (self.start_bound().map(AsRef::as_ref), self.end_bound().map(AsRef::as_ref))
            }
        }
    )*};
}

ranges_of_bytes!(
    Range<T>,
    RangeFrom<T>,
    RangeInclusive<T>,
    RangeTo<T>,
    RangeToInclusive<T>,
    (Bound<T>, Bound<T>)
);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(made: impl IntoTyped, expect: &str) {
        let command = made.into_typed().into_command();
        let words: Vec<_> = command.args().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
        assert_eq!(words.join(" "), expect);
    }

    #[test]
    fn a_range_is_turned_round_where_the_wire_wants_it() {
        check(zrange::<String>("k", 0, 5), "ZRANGE k 0 5");
        check(zrange::<String>("k", 0, 5).rev(), "ZRANGE k 0 5 REV");
        check(zrange_by_score::<String>("k", 1.0..2.5).rev(), "ZRANGE k (2.5 1 BYSCORE REV");
        check(zrange_by_lex::<String>("k", "a"..="b").rev(), "ZRANGE k [b [a BYLEX REV");
        check(
            zrange_by_score::<String>("k", ..).limit(1, 2).with_scores(),
            "ZRANGE k -inf +inf BYSCORE LIMIT 1 2 WITHSCORES",
        );
    }

    #[test]
    fn each_end_of_a_range_is_in_or_out() {
        check(zcount("k", f64::NEG_INFINITY..=-0.5), "ZCOUNT k -inf -0.5");
        check(zcount("k", (Bound::Excluded(1.0), Bound::Unbounded)), "ZCOUNT k (1 +inf");
        check(zlexcount("k", "a".."c"), "ZLEXCOUNT k [a (c");
        check(zlexcount("k", ..), "ZLEXCOUNT k - +");
        check(zlexcount("k", b"a".to_vec()..), "ZLEXCOUNT k [a +");
        check(zlexcount("k", ..="c"), "ZLEXCOUNT k - [c");
    }
}
