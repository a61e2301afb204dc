//! Sets.

use ekiden::redis::commands::*;

use super::{Over, Step, fits, is, play, shows, text, texts};

#[test]
fn sets() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    vec![
        is(sadd("s", [1, 2, 3]), 3),
        is(sadd("s", 3), 0),
        is(sadd("t", [3, 4]), 2),
        is(scard("s"), 3),
        is(smembers("s"), vec![1, 2, 3]),
        is(smembers::<i64>("none"), vec![]),
        is(sismember("s", 1), true),
        is(sismember("s", 9), false),
        is(smismember("s", [1, 9]), vec![true, false]),
        is(sdiff(["s", "t"]), vec![1, 2]),
        is(sinter(["s", "t"]), vec![3]),
        is(sunion(["s", "t"]), vec![1, 2, 3, 4]),
        is(sdiffstore("d", ["s", "t"]), 2),
        is(sinterstore("d", ["s", "t"]), 1),
        is(sunionstore("d", ["s", "t"]), 4),
        is(sintercard(["d", "s"]), 3),
        is(sintercard(["d", "s"]).limit(2), 2),
        is(smove("t", "s", 4), true),
        is(smove("t", "s", 9), false),
        is(srem("s", [1, 9]), 1),
        is(srem("s", [2, 3]), 2),
        is(srandmember("s"), text("4")),
        is(srandmember::<String>("none"), None),
        is(srandmember_count("s", 9), texts(["4"])),
        is(srandmember_count("s", -2), texts(["4", "4"])),
        shows(sscan::<i64>("s", 0).matching("4*").count(10), "Page { cursor: 0, items: [4] }"),
        is(spop("s"), Some(4)),
        is(spop::<i64>("s"), None),
        is(spop_count("t", 9), vec![3]),
        fits(spop_count::<i64>("t", 9), |members| members.is_empty()),
    ]
}
