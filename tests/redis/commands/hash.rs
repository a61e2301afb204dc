//! Hashes.

use std::collections::BTreeMap;

use ekiden::redis::commands::*;

use super::{Over, Step, fits, is, play, shows, text, texts};

#[test]
fn hashes() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    vec![
        is(hset("h", ("a", 1)), 1),
        is(hset("h", [("a", 2), ("b", 3)]), 1),
        is(hget("h", "a"), Some(2)),
        is(hget::<i64>("h", "none"), None),
        is(hget::<i64>("none", "a"), None),
        is(hexists("h", "a"), true),
        is(hexists("h", "none"), false),
        is(hgetall("h"), vec![("a".to_owned(), 2), ("b".to_owned(), 3)]),
        is(hgetall("h"), BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 3)])),
        is(hgetall("none"), BTreeMap::<String, String>::new()),
        is(hmget("h", ["b", "none"]), vec![Some(3), None]),
        is(hkeys("h"), texts(["a", "b"])),
        is(hvals("h"), vec![2, 3]),
        is(hlen("h"), 2),
        is(hstrlen("h", "a"), 1),
        is(hincrby("h", "a", -5), -3),
        is(hincrbyfloat("h", "a", 0.25), -2.75),
        is(hsetnx("h", "a", 1), false),
        is(hsetnx("h", "c", 1), true),
        is(hdel("h", ["a", "c", "none"]), 2),
        is(hdel("h", "none"), 0),
        is(hrandfield("h"), text("b")),
        is(hrandfield::<String>("none"), None),
        is(hrandfield_count("h", 5), texts(["b"])),
        is(hrandfield_count("h", -2), texts(["b", "b"])),
        is(hrandfield_count::<String>("none", 2), vec![]),
        is(hrandfield_with_values("h", -2), vec![("b".to_owned(), 3), ("b".to_owned(), 3)]),
        shows(
            hscan::<String, i64>("h", 0).matching("b*").count(10),
            "Page { cursor: 0, items: [(\"b\", 3)] }",
        ),
        fits(hscan::<String, i64>("none", 0), |page| page.is_last() && page.items.is_empty()),
    ]
}
