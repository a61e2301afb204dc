//! Strings.

use std::time::Duration;

use ekiden::redis::commands::*;

use super::{Over, Step, fails, fits, is, play, shows, text};

#[test]
fn strings() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    vec![
        is(get::<String>("k"), None),
        is(set("k", "value"), ()),
        is(get("k"), text("value")),
        is(set("k", "other").nx(), false),
        is(set("k", "other").xx(), true),
        is(set("none", "other").xx(), false),
        is(set("k", "third").get(), text("other")),
        is(set("k", "fourth").nx().get(), text("third")),
        is(set("k", "fourth").get().nx(), text("third")),
        is(set("k", "fourth").get::<String>().xx(), text("third")),
        is(set("k", 1).ex(100), ()),
        fits(ttl("k"), |left| left.left() > Some(Duration::from_secs(90))),
        is(set("k", 1).keepttl(), ()),
        fits(ttl("k"), |left| left.left() > Some(Duration::from_secs(90))),
        is(set("k", 1).px(100_000), ()),
        fits(ttl("k"), |left| left.left() > Some(Duration::from_secs(90))),
        is(set("k", 1).expires_in(Duration::from_secs(100)), ()),
        fits(pttl("k"), |left| left.left() > Some(Duration::from_secs(90))),
        is(set("k", 1).exat(4_000_000_000), ()),
        shows(expiretime("k"), "At("),
        is(set("k", 1).pxat(4_000_000_000_000), ()),
        shows(expiretime("k"), "At("),
        is(getex("k"), Some(1)),
        is(getex("k").ex(100), Some(1)),
        is(getex("k").px(100_000), Some(1)),
        is(getex("k").expires_in(Duration::from_secs(100)), Some(1)),
        fits(pttl("k"), |left| left.left() > Some(Duration::from_secs(90))),
        is(getex("k").exat(4_000_000_000), Some(1)),
        is(getex("k").pxat(4_000_000_000_000), Some(1)),
        shows(expiretime("k"), "At("),
        is(getex("k").persist(), Some(1)),
        is(ttl("k"), Ttl::Forever),
        is(getdel("k"), Some(1)),
        is(getdel::<i64>("k"), None),
        is(append("text", "abc"), 3),
        is(append("text", "def"), 6),
        is(getrange("text", 1, -2), "bcde".to_owned()),
        is(getrange("none", 0, -1), String::new()),
        is(setrange("text", 2, "xx"), 6),
        is(get("text"), text("abxxef")),
        is(strlen("text"), 6),
        fails(incr("text"), "not an integer"),
        is(incr("n"), 1),
        is(incrby("n", 41), 42),
        is(decr("n"), 41),
        is(decrby("n", 51), -10),
        is(incrbyfloat("n", 0.5), -9.5),
        is(mset([("a", 1), ("b", 2)]), ()),
        is(mget(["a", "none", "b"]), vec![Some(1), None, Some(2)]),
        is(mget("a"), vec![Some(1)]),
        is(msetnx([("b", 3), ("c", 3)]), false),
        is(msetnx([("c", 3), ("d", 4)]), true),
        is(mset([("one", "ohmytext"), ("two", "mynewtext")]), ()),
        is(lcs("one", "two"), "mytext".to_owned()),
        is(lcs::<String>("one", "two").len(), 6),
        shows(
            lcs::<String>("one", "two").idx(),
            "LcsMatches { matches: [LcsMatch { first: (4, 7), second: (5, 8), len: 4 }, \
             LcsMatch { first: (2, 3), second: (0, 1), len: 2 }], len: 6 }",
        ),
        shows(
            lcs::<String>("one", "two").idx().minmatchlen(4),
            "LcsMatches { matches: [LcsMatch { first: (4, 7), second: (5, 8), len: 4 }], len: 6 }",
        ),
    ]
}
