//! Keys, whatever is at them.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use ekiden::redis::commands::*;
use ekiden::redis::{Client, Commands};
use ekiden_tests::RedisServer;

use crate::run;

use super::{Over, Step, fails, fits, is, play, shows, text, texts};

#[test]
fn keys_of_all_kinds() {
    play(&[], Over::Shared, table);
}

#[test]
fn keys_that_are_used_are_counted_if_the_server_does() {
    play(&["--maxmemory-policy", "allkeys-lfu"], Over::Shared, || {
        vec![
            is(set("k", 1), ()),
            fits(object_freq("k"), |freq| freq.is_some()),
            is(object_freq("none"), None),
            fails(object_idletime("k"), "LFU"),
        ]
    });
}

#[test]
fn what_is_dumped_comes_back_and_what_is_migrated_is_there() {
    let (here, there) = (RedisServer::start(&[]), RedisServer::start(&[]));
    run(async {
        let (client, other) = (Client::new(here.addr()), Client::new(there.addr()));
        client.rpush("list", [1, 2, 3]).await.unwrap();
        let dump = client.dump("list").await.unwrap().expect("it is there");
        client.restore("copy", 0, &dump).await.unwrap();
        assert_eq!(client.lrange::<i64>("copy", 0, -1).await.unwrap(), [1, 2, 3]);
        assert_eq!(client.dump("none").await.unwrap(), None);

        let to = || ("127.0.0.1", there.addr().port());
        let second = Duration::from_secs(10);
        assert!(client.migrate(to().0, to().1, ["list", "copy"], 0, second).await.unwrap());
        assert_eq!(client.exists(["list", "copy"]).await.unwrap(), 0);
        assert_eq!(other.lrange::<i64>("copy", 0, -1).await.unwrap(), [1, 2, 3]);
        assert!(!client.migrate(to().0, to().1, "list", 0, second).await.unwrap());
    });
}

#[test]
fn all_pages_of_a_scan_have_all_keys() {
    let server = RedisServer::start(&[]);
    run(async {
        let client = Client::new(server.addr());
        client.mset((0..1000).map(|n| (format!("key:{n}"), n)).collect::<Vec<_>>()).await.unwrap();
        client.set("other", 1).await.unwrap();
        let mut found = BTreeSet::new();
        let mut pages = client.pages(|cursor| scan::<String>(cursor).matching("key:*").count(100));
        while let Some(keys) = pages.next().await.unwrap() {
            found.extend(keys);
        }
        assert_eq!(found, (0..1000).map(|n| format!("key:{n}")).collect());
    });
}

pub(super) fn table() -> Vec<Step> {
    let timeout = Duration::from_millis(100);
    vec![
        is(randomkey::<String>(), None),
        is(set("a", 1), ()),
        is(randomkey(), text("a")),
        is(copy("a", "b"), true),
        is(copy("a", "b"), false),
        is(copy("a", "b").replace(), true),
        is(copy("a", "a").db(1), true),
        is(exists("a"), 1),
        is(exists(["a", "a", "none"]), 2),
        is(keys("b*"), texts(["b"])),
        is(touch(["a", "none"]), 1),
        is(move_key("b", 1), true),
        is(move_key("b", 1), false),
        is(expire("none", 1), false),
        is(expire("a", 100), true),
        is(expire("a", 100).nx(), false),
        is(expire("a", 50).xx().gt(), false),
        is(expire("a", 50).lt(), true),
        is(pexpire("a", 90_000), true),
        fits(pttl("a"), |left| left.left() > Some(Duration::from_secs(80))),
        is(expireat("a", 4_000_000_000), true),
        is(expiretime("a"), Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000))),
        is(pexpireat("a", 4_000_000_000_001), true),
        is(pexpiretime("a"), Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_millis(4_000_000_000_001))),
        is(expiretime("none"), Expiry::NoKey),
        is(persist("a"), true),
        is(persist("a"), false),
        is(pexpiretime("a"), Expiry::Never),
        is(ttl("a"), Ttl::Forever),
        is(pttl("none"), Ttl::NoKey),
        is(expire("a", -1), true),
        is(ttl("a"), Ttl::NoKey),
        is(set("a", 1), ()),
        is(rename("a", "b"), ()),
        fails(rename("a", "b"), "no such key"),
        is(set("c", 1), ()),
        is(renamenx("b", "c"), false),
        is(renamenx("b", "d"), true),
        is(object_encoding("d"), text("int")),
        is(object_encoding("none"), None),
        is(object_refcount("d").becoming::<Option<i64>>(), Some(2_147_483_647)),
        fits(object_idletime("d"), |seconds| seconds.is_some()),
        is(object_idletime("none"), None),
        fails(object_freq("d"), "LFU"),
        is(dump("none"), None),
        fails(restore("d", 0, "x"), "BUSYKEY"),
        fails(restore("d", 1, "x").replace().absttl().idletime(1), "DUMP payload"),
        fails(restore("d", 1, "x").replace().freq(1), "DUMP payload"),
        is(migrate("127.0.0.1", 1, ["none"], 0, timeout), false),
        fails(migrate("127.0.0.1", 1, "d", 0, timeout).copy().replace().auth2("a", "b"), "IOERR"),
        fails(migrate("127.0.0.1", 1, "d", 0, timeout).auth("secret"), "IOERR"),
        is(key_type("d"), Some(KeyType::String)),
        is(key_type("none"), None),
        is(rpush("list", [3, 1, 2]), 3),
        is(key_type("list"), Some(KeyType::List)),
        is(sort("list"), vec![1, 2, 3]),
        is(sort("list").desc().limit(0, 2), vec![3, 2]),
        is(sort("list").asc().alpha(), texts(["1", "2", "3"])),
        is(mset([("w_1", 3), ("w_2", 2), ("w_3", 1)]), ()),
        is(sort("list").by("w_*"), vec![3, 2, 1]),
        is(sort("list").by("w_*").get("#").get("w_*"), vec![3, 1, 2, 2, 1, 3]),
        is(sort::<Option<i64>>("list").unsorted().get("none_*"), vec![None, None, None]),
        is(sort_ro("list"), vec![1, 2, 3]),
        is(sort_store("list", "sorted").desc(), 3),
        is(lrange("sorted", 0, -1), vec![3, 2, 1]),
        shows(scan::<String>(0).matching("w_1").count(1000), "Page { cursor: 0, items: [\"w_1\"] }"),
        fits(scan::<String>(0).count(1000).of_type(KeyType::List), |page| page.items.len() == 2),
        fits(scan::<String>(0).count(1), |page| !page.is_last()),
        is(del(["w_1", "none"]), 1),
        is(del("w_2"), 1),
        is(unlink("w_3"), 1),
    ]
}
