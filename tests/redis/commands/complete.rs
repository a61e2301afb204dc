//! That nothing is missing: the server says which commands there are, and each is in a table, or has a reason why
//! not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ekiden::redis::{Client, Command, Commands};
use ekiden::{Service, spawn, timeout, yield_now};
use ekiden_tests::RedisServer;

use crate::run;

use super::{
    Step, bitmap, connection, geo, hash, hyperloglog, key, list, pubsub, script, server, set, sorted_set,
    stream, string, transaction,
};

/// The groups of commands that are to be complete, as the server calls them.
const GROUPS: [&str; 15] = [
    "string",
    "generic",
    "hash",
    "list",
    "set",
    "sorted-set",
    "stream",
    "bitmap",
    "hyperloglog",
    "geo",
    "scripting",
    "pubsub",
    "transactions",
    "connection",
    "server",
];

/// What has no function of its own, and why.
const EXCEPTIONS: [(&str, &str); 48] = [
    ("GETSET", DEPRECATED),
    ("PSETEX", DEPRECATED),
    ("SETEX", DEPRECATED),
    ("SETNX", DEPRECATED),
    ("SUBSTR", DEPRECATED),
    ("HMSET", DEPRECATED),
    ("BRPOPLPUSH", DEPRECATED),
    ("RPOPLPUSH", DEPRECATED),
    ("ZRANGEBYLEX", DEPRECATED),
    ("ZRANGEBYSCORE", DEPRECATED),
    ("ZREVRANGE", DEPRECATED),
    ("ZREVRANGEBYLEX", DEPRECATED),
    ("ZREVRANGEBYSCORE", DEPRECATED),
    ("SLAVEOF", DEPRECATED),
    ("GEORADIUS", DEPRECATED),
    ("GEORADIUS_RO", DEPRECATED),
    ("GEORADIUSBYMEMBER", DEPRECATED),
    ("GEORADIUSBYMEMBER_RO", DEPRECATED),
    ("PFDEBUG", "for those who work on Redis"),
    ("PFSELFTEST", "for those who work on Redis"),
    ("SUBSCRIBE", SUBSCRIBER),
    ("UNSUBSCRIBE", SUBSCRIBER),
    ("PSUBSCRIBE", SUBSCRIBER),
    ("PUNSUBSCRIBE", SUBSCRIBER),
    ("SSUBSCRIBE", SUBSCRIBER),
    ("SUNSUBSCRIBE", SUBSCRIBER),
    ("MONITOR", NO_REPLY),
    ("CLIENT REPLY", NO_REPLY),
    ("SCRIPT DEBUG", "makes a debugger's session of the connection"),
    ("DEBUG", "for those who work on Redis"),
    ("SYNC", REPLICAS),
    ("PSYNC", REPLICAS),
    ("REPLCONF", REPLICAS),
    ("RESTORE-ASKING", "for servers of a cluster among themselves"),
    ("ACL HELP", HELP),
    ("CLIENT HELP", HELP),
    ("COMMAND HELP", HELP),
    ("CONFIG HELP", HELP),
    ("FUNCTION HELP", HELP),
    ("LATENCY HELP", HELP),
    ("MEMORY HELP", HELP),
    ("MODULE HELP", HELP),
    ("OBJECT HELP", HELP),
    ("PUBSUB HELP", HELP),
    ("SCRIPT HELP", HELP),
    ("SLOWLOG HELP", HELP),
    ("XGROUP HELP", HELP),
    ("XINFO HELP", HELP),
];

const DEPRECATED: &str = "deprecated: its group's documentation says by what";
const SUBSCRIBER: &str = "no command with an answer: the subscriber's business";
const NO_REPLY: &str = "not answered as each call is: nothing behind it would be";
const REPLICAS: &str = "for servers among themselves";
const HELP: &str = "a text for people at a prompt";

fn tables() -> Vec<Step> {
    let tables = [
        string::table(),
        key::table(),
        hash::table(),
        list::table(),
        set::table(),
        sorted_set::table(),
        sorted_set::ranges(),
        sorted_set::combined(),
        stream::table(),
        stream::groups(),
        bitmap::table(),
        hyperloglog::table(),
        geo::table(),
        script::table(),
        pubsub::table(),
        server::table(),
        server::users_table(),
        server::told(),
        connection::table(),
        transaction::table(),
    ];
    tables.into_iter().flatten().collect()
}

/// The commands of a server, by their full names, with their groups.
async fn known(client: &Client) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for (name, docs) in client.command_docs(()).await.unwrap() {
        let group = docs.group.unwrap_or_default();
        let subcommands = docs.subcommands.unwrap_or_default();
        let is_command = subcommands.is_empty() || name == "command";
        known.extend(is_command.then(|| (name.to_uppercase(), group.clone())));
        let full = |name: String| name.to_uppercase().replace('|', " ");
        known.extend(subcommands.into_keys().map(|name| (full(name), group.clone())));
    }
    known
}

#[test]
fn every_command_is_in_a_table_or_has_a_reason() {
    let server = RedisServer::start(&[]);
    run(async {
        let known = known(&Client::new(server.addr())).await;
        let played: BTreeSet<String> = tables().iter().flat_map(|step| names(&step.command)).collect();
        let excepted: BTreeMap<_, _> = EXCEPTIONS.into();
        let wanted = known.iter().filter(|(_, group)| GROUPS.contains(&&group[..]));
        let missing: Vec<_> = wanted
            .map(|(name, _)| name)
            .filter(|name| !played.contains(*name) && !excepted.contains_key(&name[..]))
            .collect();
        assert!(
            missing.is_empty(),
            "in no table: {missing:?}\nwrite a function in crates/redis/src/commands and a step in its table here, or a \
             reason in EXCEPTIONS"
        );
        let stale: Vec<_> =
            excepted.keys().filter(|name| !known.contains_key(**name) || played.contains(**name)).collect();
        assert!(stale.is_empty(), "excepted, but in a table or not known to the server: {stale:?}");
    });
}

#[test]
fn what_only_reads_is_no_write_to_the_server() {
    let server = RedisServer::start(&[]);
    run(async {
        let infos = Client::new(server.addr()).command_info(()).await.unwrap().into_iter().flatten();
        for info in infos.flat_map(|info| std::iter::once(info.clone()).chain(info.subcommands)) {
            let name = info.name.to_uppercase().replace('|', " ");
            let command = Command::new(&name);
            let has = |flag: &str| info.flags.iter().any(|known| known == flag);
            assert!(!(command.only_reads() && has("write")), "{name} writes, the server says");
            let is_left_out = EXCEPTIONS.iter().any(|(excepted, _)| *excepted == name);
            let may_write = is_left_out || name == "SORT";
            assert!(
                command.only_reads() || !has("readonly") || may_write,
                "{name} only reads, the server says"
            );
        }
    });
}

/// Those that would end the server, or have it lose its writers, so that nothing more could be seen.
const HARMFUL: [&str; 5] = ["SHUTDOWN", "REPLICAOF", "SLAVEOF", "FAILOVER", "CLUSTER FAILOVER"];

/// What stands behind each, as if it were one of those whose answers there is something about.
const ARGUMENTS: [&[&str]; 6] = [&[], &["1"], &["ACK", "0"], &["GETACK", "*"], &["SKIP"], &["k", "0"]];

#[test]
fn whatever_is_asked_the_next_caller_gets_an_answer_of_its_own() {
    let server = RedisServer::start(&[]);
    run(async {
        let client = Client::new(server.addr());
        let names: Vec<_> = known(&client).await.into_keys().collect();
        for name in names.iter().filter(|name| !HARMFUL.contains(&&name[..])) {
            for arguments in ARGUMENTS {
                let asked = spawn({
                    let (client, command) = (client.clone(), Command::new(name).arg(arguments));
                    async move { client.call(command).await }
                });
                // It goes first.
                yield_now().await;
                let ping = format!("behind {name} {arguments:?}");
                let answer = timeout(Duration::from_secs(30), client.ping_message::<String>(&ping)).await;
                let answer = answer.unwrap_or_else(|_| panic!("nothing is answered {ping}"));
                assert_eq!(answer.unwrap(), ping);
                // Some wait for what never comes.
                asked.abort_handle().abort();
            }
        }
    });
}

/// The words under which the server may know a command: the first, and the first two.
fn names(command: &Command) -> [String; 2] {
    let words: Vec<_> =
        command.args().take(2).map(|word| String::from_utf8_lossy(word).to_uppercase()).collect();
    [words[0].clone(), words.join(" ")]
}
