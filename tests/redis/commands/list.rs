//! Lists.

use std::time::Duration;

use ekiden::redis::commands::*;

use super::{Over, Step, fails, is, play, text, texts};

#[test]
fn lists() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    let soon = Duration::from_millis(1);
    let one = |key: &'static str, element: &str| Some((key.into(), element.to_owned()));
    let some = |key: &'static str, elements: Vec<i64>| Some((key.into(), elements));
    vec![
        is(lpushx("l", "a"), 0),
        is(rpushx("l", "a"), 0),
        is(rpush("l", ["b", "c"]), 2),
        is(lpush("l", "a"), 3),
        is(lpushx("l", "z"), 4),
        is(rpushx("l", ["d", "e"]), 6),
        is(lrange("l", 0, -1), texts(["z", "a", "b", "c", "d", "e"])),
        is(lrange::<String>("none", 0, -1), vec![]),
        is(llen("l"), 6),
        is(lindex("l", -1), text("e")),
        is(lindex::<String>("l", 100), None),
        is(linsert_before("l", "b", "a"), Some(7)),
        is(linsert_after("l", "b", "a"), Some(8)),
        is(linsert_after("l", "none", "a"), None),
        is(linsert_before("none", "b", "a"), None),
        is(lpos("l", "a"), Some(1)),
        is(lpos("l", "none"), None),
        is(lpos("l", "a").rank(-1), Some(4)),
        is(lpos("l", "a").rank(2).maxlen(2), None),
        is(lpos("l", "a").count(0), vec![1, 2, 4]),
        is(lpos("l", "a").count(2).rank(2), vec![2, 4]),
        is(lpos("l", "none").count(2), vec![]),
        is(lrem("l", -1, "a"), 1),
        is(lset("l", 0, "y"), ()),
        fails(lset("l", 100, "y"), "index out of range"),
        is(ltrim("l", 0, 2), ()),
        is(lrange("l", 0, -1), texts(["y", "a", "a"])),
        is(lpop("l"), text("y")),
        is(rpop("l"), text("a")),
        is(lpop_count("l", 5), texts(["a"])),
        is(lpop::<String>("l"), None),
        is(rpop::<String>("l"), None),
        is(lpop_count::<String>("l", 5), vec![]),
        is(rpop_count::<String>("l", 5), vec![]),
        is(rpush("l", [1, 2, 3, 4, 5, 6, 7, 8, 9]), 9),
        is(rpop_count("l", 2), vec![9, 8]),
        is(lmove("l", "other", End::Left, End::Right), Some(1)),
        is(lmove::<i64>("none", "other", End::Left, End::Right), None),
        is(lmpop(["none", "l"], End::Left), some("l", vec![2])),
        is(lmpop("l", End::Right).count(2), some("l", vec![7, 6])),
        is(lmpop::<i64>("none", End::Right), None),
        is(blmpop(soon, ["none", "l"], End::Right).count(2), some("l", vec![5, 4])),
        is(blmpop::<i64>(soon, "none", End::Right), None),
        is(blpop(["none", "l"], Duration::MAX), one("l", "3")),
        is(blpop::<String>("none", soon), None),
        is(rpush("l", ["x", "y"]), 2),
        is(brpop("l", Wait::Forever), one("l", "y")),
        is(brpop::<String>(["none", "none2"], soon), None),
        is(blmove("l", "l2", End::Right, End::Left, soon), text("x")),
        is(blmove::<String>("none", "l2", End::Right, End::Left, soon), None),
    ]
}
