//! The server itself.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ekiden::redis::commands::*;
use ekiden::redis::{Client, Command, Commands, Value};
use ekiden_tests::RedisServer;

use crate::run;

use super::{Over, Step, ends, fails, fits, is, play, shows, text, texts};

/// So that each command is slow, and modules may be asked for.
const OPTIONS: [&str; 6] =
    ["--slowlog-log-slower-than", "0", "--enable-module-command", "yes", "--latency-monitor-threshold", "1"];

#[test]
fn the_server() {
    play(&OPTIONS, Over::Shared, table);
}

#[test]
fn users() {
    play(&[], Over::Own, users_table);
}

#[test]
fn what_the_server_knows_of_itself() {
    play(&OPTIONS, Over::Shared, told);
}

#[test]
fn a_replica_is_seen_from_both_sides() {
    let (primary, replica) = (RedisServer::start(&[]), RedisServer::start(&[]));
    run(async {
        let (primary_client, client) = (Client::new(primary.addr()), Client::new(replica.addr()));
        assert!(
            matches!(primary_client.role().await.unwrap(), Role::Primary { replicas, .. } if replicas.is_empty())
        );
        client.replicaof("127.0.0.1", primary.addr().port()).await.unwrap();
        let Role::Replica { host, port, .. } = client.role().await.unwrap() else {
            panic!("it is a replica")
        };
        assert_eq!((&host[..], port), ("127.0.0.1", primary.addr().port()));
        client.replicaof_no_one().await.unwrap();
        assert!(matches!(client.role().await.unwrap(), Role::Primary { .. }));
    });
}

pub(super) fn table() -> Vec<Step> {
    vec![
        is(set("k", 1), ()),
        is(dbsize(), 1),
        is(swapdb(0, 1), ()),
        is(dbsize(), 0),
        is(swapdb(0, 1), ()),
        is(save(), ()),
        fits(lastsave(), |at| *at > SystemTime::UNIX_EPOCH),
        fits(time(), |now| *now > SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        is(config_get("maxmemory"), BTreeMap::from([("maxmemory".to_owned(), "0".to_owned())])),
        fits(config_get(["maxmemory*", "appendonly"]), |found| {
            found.len() > 2 && found["appendonly"] == "no"
        }),
        is(config_set([("maxmemory", "100mb"), ("maxmemory-samples", "7")]), ()),
        is(config_set(("maxmemory", 0)), ()),
        fails(config_set(("none", 0)), "Unknown option"),
        is(config_resetstat(), ()),
        fails(config_rewrite(), "without a config file"),
        fits(lolwut(), |picture| picture.contains("Redis ver. 7.")),
        fits(lolwut().version(5, [8, 1, 1]), |picture| picture.contains("Redis ver. 7.")),
        fails(failover(), "requires connected replicas"),
        fails(failover().to("127.0.0.1", 1).force().timeout(1), "requires connected replicas"),
        fails(failover().abort(), "No failover in progress"),
        shows(role(), "Primary { offset: 0, replicas: [] }"),
        is(replicaof("127.0.0.1", 1), ()),
        is(replicaof_no_one(), ()),
        is(flushdb(), ()),
        is(flushdb().lazily(), ()),
        is(flushall(), ()),
        is(flushall().sync(), ()),
        is(module_list(), vec![]),
        fails(module_load("/nowhere.so", ()), "Error loading the extension"),
        fails(module_loadex("/nowhere.so").config("a", "b").args(["c"]), "Error loading the extension"),
        fails(module_unload("none"), "no such module"),
        is(bgrewriteaof(), ()),
        is(bgsave().schedule(), ()),
        fails(shutdown().abort(), "No shutdown in progress"),
        ends(shutdown().nosave().now().force()),
    ]
}

pub(super) fn users_table() -> Vec<Step> {
    let rules = ["on", ">secret", "~cached:*", "&news:*", "+get", "(+set ~other:*)"];
    vec![
        is(acl_whoami(), "default".to_owned()),
        is(acl_setuser("ada", rules), ()),
        is(acl_setuser("eve", ()), ()),
        fails(acl_setuser("ada", "nonsense"), "Syntax error"),
        is(acl_users(), texts(["ada", "default", "eve"])),
        fits(acl_list(), |lines| lines.len() == 3 && lines[0].starts_with("user ada on")),
        is(acl_getuser("none"), None),
        fits(acl_getuser("ada"), |user| {
            let user = user.as_ref().unwrap();
            user.flags.contains(&"on".to_owned())
                && user.passwords.len() == 1
                && (&user.commands[..], &user.keys[..], &user.channels[..])
                    == ("-@all +get", "~cached:*", "&news:*")
                && (user.selectors.len(), &user.selectors[0]["keys"][..]) == (1, "~other:*")
        }),
        is(acl_dryrun("ada", &Command::new("GET").arg("cached:a")), None),
        fits(acl_dryrun("ada", &Command::new("GET").arg("a")), |why| why.as_ref().unwrap().contains("key")),
        fits(acl_genpass(), |password| password.len() == 64),
        fits(acl_genpass().bits(16), |password| password.len() == 4),
        fits(acl_cat(), |categories| categories.contains(&"dangerous".to_owned())),
        fits(acl_cat_of("string"), |commands| commands.contains(&"getdel".to_owned())),
        fails(acl_cat_of("none"), "Unknown category"),
        fails(acl_load(), "not configured to use an ACL file"),
        fails(acl_save(), "not configured to use an ACL file"),
        is(acl_log_reset(), ()),
        is(acl_log(10), vec![]),
        // Whoever tries to log in says who he is in any bytes.
        fails(auth_user(b"\xff\xfe", "x"), "WRONGPASS"),
        fits(acl_log(10), |log| log[0].username == b"\xff\xfe"[..] && log[0].object == b"AUTH"[..]),
        is(acl_deluser(["eve", "none"]), 1),
        is(acl_deluser("ada"), 1),
    ]
}

pub(super) fn told() -> Vec<Step> {
    vec![
        is(set("k", 1), ()),
        fits(info(()), |info| {
            info.get("redis_version").unwrap().starts_with("7.0.") && info.iter().count() > 50
        }),
        fits(info(["clients", "memory"]), |info| {
            info.parse("connected_clients") == Some(1) && info.get("redis_version").is_none()
        }),
        fits(memory_usage("k"), |bytes| bytes.unwrap() > 10),
        is(memory_usage("none").samples(0), None),
        fits(memory_doctor(), |told| !told.is_empty()),
        fits(memory_malloc_stats(), |told| !told.is_empty()),
        is(memory_purge(), ()),
        fits(memory_stats(), |stats| matches!(stats["keys.count"], Value::Integer(1))),
        fits(slowlog_get(-1), |slow| slow.iter().any(|slow| slow.command[..] == ["SET", "k", "1"])),
        fits(slowlog_get(2), |slow| slow.len() == 2 && slow[0].client_addr.starts_with("127.0.0.1:")),
        fits(slowlog_len(), |count| *count > 5),
        is(slowlog_reset(), ()),
        fits(latency_doctor(), |told| !told.is_empty()),
        fits(latency_histogram("set"), |commands| {
            commands["set"].calls == 1 && commands["set"].histogram_usec.values().all(|calls| *calls == 1)
        }),
        fits(latency_histogram(()), |commands| commands.len() > 5),
        is(latency_history("none"), vec![]),
        fails(latency_graph("none"), "No samples available"),
        fits(latency_latest(), |_| true),
        is(latency_reset("none"), 0),
        fits(latency_reset(()), |_| true),
        fits(command_count(), |count| *count > 200),
        fits(command_docs("get"), |docs| {
            docs["get"].group.as_deref() == Some("string") && docs["get"].since.as_deref() == Some("1.0.0")
        }),
        fits(command_docs("config"), |docs| {
            docs["config"].subcommands.as_ref().unwrap().contains_key("config|get")
        }),
        is(command_getkeys(&Command::new("MSET").arg([("a", 1), ("b", 2)])), vec!["a".into(), "b".into()]),
        is(
            command_getkeysandflags(&Command::new("GET").arg("a")),
            vec![("a".into(), texts(["RO", "access"]))],
        ),
        fits(command_info(["get", "none"]), |infos| {
            let get = infos[0].as_ref().unwrap();
            infos[1].is_none()
                && (&get.name[..], get.arity) == ("get", 2)
                && get.flags.contains(&"readonly".to_owned())
        }),
        fits(command_info(()), |infos| infos.len() > 200 && infos.iter().all(Option::is_some)),
        fits(command_list(), |names| names.contains(&"get".to_owned())),
        is(command_list().of_module("none"), vec![]),
        fits(command_list().of_category("blocking"), |names| names.contains(&"blpop".to_owned())),
        is(command_list().matching("hstrl*"), texts(["hstrlen"])),
        is(get("k"), text("1")),
    ]
}
