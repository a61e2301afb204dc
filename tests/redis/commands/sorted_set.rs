//! Sorted sets.

use std::ops::Bound;
use std::time::Duration;

use ekiden::redis::commands::*;

use super::{Over, Step, fits, is, play, scored, shows, texts};

#[test]
fn sorted_sets() {
    play(&[], Over::Shared, table);
}

#[test]
fn ranges_of_sorted_sets() {
    play(&[], Over::Shared, ranges);
}

#[test]
fn several_sorted_sets() {
    play(&[], Over::Shared, combined);
}

pub(super) fn table() -> Vec<Step> {
    let soon = Duration::from_millis(1);
    let some = |members: Vec<(String, f64)>| Some(("z".into(), members));
    vec![
        is(zadd("z", [(1.0, "a"), (2.5, "b")]), 2),
        is(zadd("z", (f64::INFINITY, "inf")), 1),
        is(zscore("z", "inf"), Some(f64::INFINITY)),
        is(zscore("z", "none"), None),
        is(zadd("z", [(5.0, "a"), (3.0, "c")]).nx(), 1),
        is(zadd("z", [(5.0, "a"), (4.0, "d")]).xx().ch(), 1),
        is(zadd("z", (1.0, "a")).gt().ch(), 0),
        is(zadd("z", (1.0, "a")).lt().ch(), 1),
        is(zadd_incr("z", 1.5, "a"), Some(2.5)),
        is(zadd_incr("z", 1.5, "a").nx(), None),
        is(zadd_incr("z", 1.5, "none").xx(), None),
        is(zadd_incr("z", -1.5, "a").gt(), None),
        is(zadd_incr("z", -1.5, "a").lt(), Some(1.0)),
        is(zcard("z"), 4),
        is(zincrby("z", 0.5, "a"), 1.5),
        is(zmscore("z", ["a", "none"]), vec![Some(1.5), None]),
        is(zrank("z", "b"), Some(1)),
        is(zrank("z", "none"), None),
        is(zrevrank("z", "b"), Some(2)),
        is(zrem("z", ["inf", "none"]), 1),
        is(zrandmember::<String>("none"), None),
        fits(zrandmember::<String>("z"), |member| member.is_some()),
        fits(zrandmember_count::<String>("z", 9), |members| members.len() == 3),
        fits(zrandmember_with_scores::<String>("z", -9), |members| members.len() == 9),
        is(zrandmember_with_scores::<String>("none", 9), vec![]),
        shows(zscan::<String>("z", 0).matching("a*").count(10), "Page { cursor: 0, items: [(\"a\", 1.5)] }"),
        is(zpopmin("z"), Some(("a".to_owned(), 1.5))),
        is(zpopmax("z"), Some(("c".to_owned(), 3.0))),
        is(zpopmin_count("z", 9), scored([("b", 2.5)])),
        is(zpopmin::<String>("z"), None),
        is(zpopmax::<String>("z"), None),
        is(zpopmax_count::<String>("z", 2), vec![]),
        is(zpopmin_count::<String>("z", 2), vec![]),
        is(zadd("z", [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e"), (6, "f"), (7, "g")]), 7),
        is(zpopmax_count("z", 2), scored([("g", 7.0), ("f", 6.0)])),
        is(zmpop(["none", "z"], Extreme::Min), some(scored([("a", 1.0)]))),
        is(zmpop("z", Extreme::Max).count(1), some(scored([("e", 5.0)]))),
        is(zmpop::<String>("none", Extreme::Max), None),
        is(bzmpop(soon, ["none", "z"], Extreme::Min).count(1), some(scored([("b", 2.0)]))),
        is(bzmpop::<String>(soon, "none", Extreme::Max), None),
        is(bzpopmin(["none", "z"], Wait::Forever), Some(("z".into(), "c".to_owned(), 3.0))),
        is(bzpopmax("z", soon), Some(("z".into(), "d".to_owned(), 4.0))),
        is(bzpopmax::<String>("z", soon), None),
        is(bzpopmin::<String>(["z", "none"], soon), None),
    ]
}

pub(super) fn ranges() -> Vec<Step> {
    vec![
        is(zadd("z", [(1.0, "a"), (2.0, "b"), (3.0, "c"), (4.5, "d")]), 4),
        is(zcount("z", 2.0..), 3),
        is(zcount("z", 2.0..3.0), 1),
        is(zcount("z", ..), 4),
        is(zrange("z", 0, -1), texts(["a", "b", "c", "d"])),
        is(zrange::<String>("none", 0, -1), vec![]),
        is(zrange("z", 0, 0).with_scores(), scored([("a", 1.0)])),
        is(zrange("z", 0, 1).rev(), texts(["d", "c"])),
        is(zrange("z", 0, 1).rev().with_scores(), scored([("d", 4.5), ("c", 3.0)])),
        is(zrange_by_score("z", 1.0..=3.0), texts(["a", "b", "c"])),
        is(zrange_by_score("z", 1.0..3.0).rev(), texts(["b", "a"])),
        is(zrange_by_score("z", (Bound::Excluded(1.0), Bound::Unbounded)).limit(1, 1), texts(["c"])),
        is(
            zrange_by_score("z", ..).limit(1, -1).rev().with_scores(),
            scored([("c", 3.0), ("b", 2.0), ("a", 1.0)]),
        ),
        is(zrangestore("to", "z", 0, 1), 2),
        is(zrangestore_by_score("to", "z", 2.0..).rev().limit(0, 2), 2),
        is(zrange("to", 0, -1), texts(["c", "d"])),
        is(zremrangebyscore("z", 2.0..=3.0), 2),
        is(zremrangebyrank("z", -1, -1), 1),
        is(zrange("z", 0, -1), texts(["a"])),
        is(zadd("same", [(0, "a"), (0, "b"), (0, "c"), (0, "d")]), 4),
        is(zlexcount("same", "a".."c"), 2),
        is(zlexcount("same", ..), 4),
        is(zrange_by_lex("same", "b"..), texts(["b", "c", "d"])),
        is(zrange_by_lex("same", "a"..="c").rev().limit(0, 2), texts(["c", "b"])),
        is(zrangestore_by_lex("to", "same", ..="b"), 2),
        is(zremrangebylex("same", "b"..="c"), 2),
        is(zrange("same", 0, -1), texts(["a", "d"])),
    ]
}

pub(super) fn combined() -> Vec<Step> {
    vec![
        is(zadd("x", [(1, "a"), (2, "b")]), 2),
        is(zadd("y", [(10, "b"), (20, "c")]), 2),
        is(zdiff(["x", "y"]), texts(["a"])),
        is(zdiff(["x", "y"]).with_scores(), scored([("a", 1.0)])),
        is(zdiffstore("to", ["x", "y"]), 1),
        is(zinter(["x", "y"]), texts(["b"])),
        is(zinter(["x", "y"]).with_scores(), scored([("b", 12.0)])),
        is(zinter(["x", "y"]).weights([2, 3]).with_scores(), scored([("b", 34.0)])),
        is(zinter(["x", "y"]).aggregate(Aggregate::Max).with_scores(), scored([("b", 10.0)])),
        is(
            zinter(["x", "y"]).weights([0.5, 0.5]).aggregate(Aggregate::Min).with_scores(),
            scored([("b", 1.0)]),
        ),
        is(zintercard(["x", "y"]), 1),
        is(zintercard(["x", "x"]).limit(1), 1),
        is(zinterstore("to", ["x", "y"]).aggregate(Aggregate::Sum), 1),
        is(zunion(["x", "y"]), texts(["a", "b", "c"])),
        is(zunion(["x", "y"]).with_scores(), scored([("a", 1.0), ("b", 12.0), ("c", 20.0)])),
        is(zunionstore("to", ["x", "y"]).weights([1, 0]), 3),
        is(zrange("to", 0, -1).with_scores(), scored([("c", 0.0), ("a", 1.0), ("b", 2.0)])),
    ]
}
