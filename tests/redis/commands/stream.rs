//! Streams.

use std::ops::Bound;
use std::time::Duration;

use ekiden::redis::commands::*;

use super::{Over, Step, fails, fits, is, play, shows};

#[test]
fn streams() {
    play(&[], Over::Shared, table);
}

#[test]
fn groups_of_consumers() {
    play(&[], Over::Shared, groups);
}

const fn id(milliseconds: u64) -> EntryId {
    EntryId::new(milliseconds, 0)
}

pub(super) fn table() -> Vec<Step> {
    let soon = Duration::from_millis(1);
    vec![
        fits(xadd("made", ("a", 1)), |id| id.milliseconds > 1_700_000_000_000),
        is(xadd("none", ("a", 1)).nomkstream(), None),
        is(xadd_id("s", id(1), ("a", 1)), id(1)),
        is(xadd_id("s", "2-*", [("a", 2), ("b", 3)]), id(2)),
        fails(xadd_id("s", id(1), ("a", 1)), "equal or smaller"),
        is(xadd_id("s", id(3), ("a", 3)).nomkstream(), Some(id(3))),
        is(xlen("s"), 3),
        shows(
            xrange("s", ..),
            "[Entry { id: EntryId { milliseconds: 1, sequence: 0 }, fields: [(b\"a\", b\"1\")], is_deleted: false }, Entry",
        ),
        fits(xrange("s", ..), |entries| entries.len() == 3 && entries[1].get("b").unwrap() == Some(3)),
        fits(xrange("s", id(1)..id(3)), |entries| ids(entries) == [id(1), id(2)]),
        fits(xrange("s", (Bound::Excluded(id(1)), Bound::Unbounded)), |entries| {
            ids(entries) == [id(2), id(3)]
        }),
        fits(xrange("s", ..).count(1), |entries| ids(entries) == [id(1)]),
        fits(xrevrange("s", id(1)..id(3)), |entries| ids(entries) == [id(2), id(1)]),
        fits(xrevrange("s", ..).count(1), |entries| ids(entries) == [id(3)]),
        fits(xread([("s", Position::Start), ("none", Position::Start)]).count(2), |streams| {
            streams.len() == 1 && streams[0].0 == "s" && ids(&streams[0].1) == [id(1), id(2)]
        }),
        is(xread([("s", id(3))]), vec![]),
        is(xread([("s", Position::End)]).block(soon), vec![]),
        fits(xread([("s", id(2))]).block(Duration::MAX), |streams| ids(&streams[0].1) == [id(3)]),
        fits(xread([("s", id(2))]).block(Wait::Forever).count(1), |streams| ids(&streams[0].1) == [id(3)]),
        is(xdel("s", [id(2), id(9)]), 1),
        is(xdel("s", id(1)), 1),
        shows(xinfo_stream("s"), "StreamInfo { length: 1, "),
        fits(xinfo_stream("s"), |info| {
            info.first_entry == info.last_entry
                && info.last_generated_id == id(3)
                && info.entries_added == Some(3)
                && info.max_deleted_entry_id == Some(id(2))
        }),
        fails(xinfo_stream("none"), "no such key"),
        is(xsetid("s", id(8)).entriesadded(9).maxdeletedid(id(4)), ()),
        is(xsetid("s", id(9)), ()),
        fits(xinfo_stream("s"), |info| info.last_generated_id == id(9) && info.entries_added == Some(9)),
        is(xadd_id("s", id(10), ("a", 1)).trim(Trim::maxlen(1)), id(10)),
        is(xlen("s"), 1),
        is(xadd_id("s", id(11), ("a", 1)).trim(Trim::minid(id(11))).nomkstream(), Some(id(11))),
        is(xlen("s"), 1),
        is(xadd_id("s", id(12), ("a", 1)).trim(Trim::maxlen(1000).about()), id(12)),
        is(xtrim("s", Trim::minid(id(1)).limit(10)), 0),
        is(xtrim("s", Trim::maxlen(1000).about()), 0),
        is(xtrim("s", Trim::maxlen(1)), 1),
    ]
}

pub(super) fn groups() -> Vec<Step> {
    let (soon, no_time) = (Duration::from_millis(1), Duration::ZERO);
    vec![
        fails(xgroup_create("s", "g", Position::End), "requires the key to exist"),
        is(xgroup_create("s", "g", Position::Start).mkstream().entriesread(0), ()),
        fails(xgroup_create("s", "g", id(1)), "BUSYGROUP"),
        is(xadd_id("s", id(1), ("a", 1)), id(1)),
        is(xadd_id("s", id(2), ("a", 2)), id(2)),
        is(xadd_id("s", id(3), ("a", 3)), id(3)),
        is(xgroup_createconsumer("s", "g", "me"), true),
        is(xgroup_createconsumer("s", "g", "me"), false),
        shows(xpending("s", "g"), "PendingSummary { count: 0, ids: None, consumers: [] }"),
        fits(xreadgroup("g", "me", [("s", Position::New)]).count(2), |streams| {
            streams.len() == 1 && streams[0].0 == "s" && ids(&streams[0].1) == [id(1), id(2)]
        }),
        fits(xreadgroup("g", "me", [("s", Position::Start)]), |streams| ids(&streams[0].1) == [id(1), id(2)]),
        fits(xreadgroup("g", "you", [("s", Position::New)]).noack(), |streams| ids(&streams[0].1) == [id(3)]),
        is(xreadgroup("g", "you", [("s", Position::New)]).block(soon), vec![]),
        is(xdel("s", id(1)), 1),
        fits(xreadgroup("g", "me", [("s", Position::Start)]).count(1), |streams| {
            streams[0].1[0].id == id(1) && streams[0].1[0].is_deleted
        }),
        shows(
            xpending("s", "g"),
            "PendingSummary { count: 2, ids: Some((EntryId { milliseconds: 1, sequence: 0 }, \
             EntryId { milliseconds: 2, sequence: 0 })), consumers: [(b\"me\", 2)] }",
        ),
        fits(xpending_range("s", "g", .., 10), |pending| {
            pending.len() == 2
                && pending[0].id == id(1)
                && pending[0].consumer == "me"
                && pending[1].times == 2
        }),
        fits(xpending_range("s", "g", id(2).., 10).idle(no_time).consumer("me"), |pending| {
            pending.len() == 1
        }),
        is(xpending_range("s", "g", .., 10).consumer("you"), vec![]),
        is(xpending_range("s", "g", .., 10).idle(Duration::from_secs(1000)), vec![]),
        fits(xclaim("s", "g", "you", no_time, [id(1), id(2)]), |entries| ids(entries) == [id(2)]),
        is(xclaim("s", "g", "me", no_time, id(2)).justid(), vec![id(2)]),
        is(xclaim("s", "g", "me", Duration::from_secs(1000), id(2)), vec![]),
        is(
            xclaim("s", "g", "me", no_time, id(3)).force().idle(soon).retrycount(7).lastid(id(3)).justid(),
            vec![id(3)],
        ),
        is(xclaim("s", "g", "me", no_time, id(3)).time(1).justid(), vec![id(3)]),
        fits(xpending_range("s", "g", id(3).., 10), |pending| pending[0].times == 7),
        fits(xautoclaim("s", "g", "you", no_time, EntryId::default()).count(1), |claimed| {
            ids(&claimed.entries) == [id(2)] && claimed.next == id(3) && claimed.deleted.is_empty()
        }),
        is(xdel("s", id(2)), 1),
        fits(xautoclaim("s", "g", "you", no_time, EntryId::default()).justid(), |claimed| {
            claimed.entries == [id(3)] && claimed.next == EntryId::default() && claimed.deleted == [id(2)]
        }),
        fits(xinfo_groups("s"), |groups| {
            let group = &groups[0];
            group.name == "g" && (group.consumers, group.pending, group.last_delivered_id) == (2, 1, id(3))
        }),
        fits(xinfo_consumers("s", "g"), |consumers| {
            let [me, you] = &consumers[..] else { return false };
            me.name == "me" && you.name == "you" && (me.pending, you.pending) == (0, 1)
        }),
        fits(xinfo_stream_full("s"), |info| {
            let group = &info.groups[0];
            let you = &group.consumers[1];
            info.length == 1
                && ids(&info.entries) == [id(3)]
                && group.pending[0].id == id(3)
                && group.pending[0].consumer == "you"
                && (you.pel_count, you.pending[0].id) == (1, id(3))
        }),
        fits(xinfo_stream_full("s").count(1), |info| info.groups.len() == 1),
        is(xack("s", "g", [id(3), id(9)]), 1),
        is(xgroup_setid("s", "g", Position::End).entriesread(3), ()),
        // More than there ever were.
        is(xgroup_setid("s", "g", Position::End).entriesread(1000), ()),
        fits(xinfo_groups("s"), |groups| groups[0].lag.unwrap() < 0),
        fits(xinfo_stream_full("s"), |info| info.groups[0].lag.unwrap() < 0),
        is(xgroup_setid("s", "g", id(1)), ()),
        is(xgroup_delconsumer("s", "g", "you"), 0),
        is(xgroup_destroy("s", "g"), true),
        is(xgroup_destroy("s", "g"), false),
        fails(xreadgroup("g", "you", [("s", Position::New)]), "NOGROUP"),
    ]
}

fn ids(entries: &[Entry]) -> Vec<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}
