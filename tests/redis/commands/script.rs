//! Scripts and functions.

use ekiden::redis::commands::*;
use ekiden::redis::{Client, Commands};
use ekiden_tests::RedisServer;

use crate::run;

use super::{Over, Step, fails, fits, is, play, shows, text, texts};

#[test]
fn scripts_and_functions() {
    play(&[], Over::Shared, table);
}

#[test]
fn functions_that_are_dumped_come_back() {
    let server = RedisServer::start(&[]);
    run(async {
        let client = Client::new(server.addr());
        client.function_load(LIBRARY).await.unwrap();
        let dump = client.function_dump().await.unwrap();
        client.function_flush().await.unwrap();
        client.function_restore(&dump).await.unwrap();
        assert_eq!(client.fcall::<i64>("seven", (), ()).await.unwrap(), 7);
    });
}

const LIBRARY: &str = "#!lua name=numbers
redis.register_function{function_name='seven', description='it is', callback=function() return 7 end, flags={'no-writes'}}
redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], args[1]) end)";

/// What the server calls `return 1`.
const RETURN_1: &str = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

pub(super) fn table() -> Vec<Step> {
    vec![
        is(eval("return {KEYS[1], ARGV[1], ARGV[2]}", "k", ["a", "b"]), texts(["k", "a", "b"])),
        is(eval("return #KEYS", (), ()), 0),
        is(eval("return redis.call('GET', 'none')", (), ()), None::<i64>),
        fails(eval::<i64>("return redis.error_reply('NO way')", (), ()), "NO way"),
        is(eval_ro("return ARGV[1] + 1", (), 1), 2),
        fails(
            eval_ro::<()>("return redis.call('SET', KEYS[1], 1)", "k", ()),
            "Write commands are not allowed",
        ),
        is(script_load("return 1"), RETURN_1.to_owned()),
        is(script_exists([RETURN_1, "none"]), vec![true, false]),
        is(evalsha(RETURN_1, ["a", "b"], ()), 1),
        is(evalsha_ro(RETURN_1, (), ()), 1),
        is(script_flush(), ()),
        is(script_flush().sync(), ()),
        is(script_flush().lazily(), ()),
        fails(evalsha::<i64>(RETURN_1, (), ()), "NOSCRIPT"),
        fails(script_kill(), "NOTBUSY"),
        is(function_load(LIBRARY), "numbers".to_owned()),
        fails(function_load(LIBRARY), "already exists"),
        is(function_load(LIBRARY).replace(), "numbers".to_owned()),
        is(fcall("put", "k", 5), "OK".to_owned()),
        is(get("k"), Some(5)),
        is(fcall("seven", (), ()), 7),
        is(fcall_ro("seven", (), ()), 7),
        fails(fcall_ro::<()>("put", "k", 5), "Can not execute a script with write flag"),
        fits(function_list(), |libraries| {
            let library = &libraries[0];
            let mut functions = library.functions.clone();
            functions.sort_by(|one, other| one.name.cmp(&other.name));
            let [put, seven] = &functions[..] else { return false };
            (&library.name[..], &library.engine[..], &library.code) == ("numbers", "LUA", &None)
                && (&put.name[..], &put.description) == ("put", &None)
                && (seven.description.clone(), seven.flags.clone()) == (text("it is"), texts(["no-writes"]))
        }),
        fits(function_list().libraryname("num*").withcode(), |libraries| {
            libraries[0].code.as_deref() == Some(LIBRARY)
        }),
        is(function_list().libraryname("none*"), vec![]),
        shows(
            function_stats(),
            "FunctionStats { running: None, engines: [(\"LUA\", EngineStats { libraries_count: 1, functions_count: 2 })] }",
        ),
        fits(function_dump(), |dump| !dump.is_empty()),
        fails(function_restore("x").flush(), "DUMP payload"),
        fails(function_restore("x").append(), "DUMP payload"),
        fails(function_restore("x").replace(), "DUMP payload"),
        fails(function_kill(), "NOTBUSY"),
        is(function_delete("numbers"), ()),
        fails(function_delete("numbers"), "not found"),
        is(function_flush(), ()),
        is(function_flush().lazily(), ()),
        is(function_flush().sync(), ()),
    ]
}
