//! Calls: who is logged in, what goes together, what is said when it cannot be done.

use std::collections::BTreeMap;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::redis::client::{Address, Config, Outcome};
use ekiden::redis::{Ask, Client, Command, Commands, Error, Script, ServerError, Typed, Value};
use ekiden::{Begun, Failure, Fault, Service, Status, spawn, timeout};

use crate::{both_versions, run, server};
use ekiden_tests::RedisServer;

fn get(key: &str) -> Command {
    Command::new("GET").arg(key)
}

async fn told(client: &Client, command: Command) -> Result<String, Error> {
    client.ask(command.typed::<String>()).await
}

#[test]
fn both_versions_of_resp_come_to_the_same() {
    let server = server();
    run(async {
        for config in both_versions() {
            let client = Client::with_config(server.addr(), config);
            client.call(Command::new("FLUSHALL")).await.unwrap();
            client.call(Command::new("HSET").arg("h").arg([("a", 1), ("b", 2)])).await.unwrap();
            let all = Command::new("HGETALL").arg("h").typed::<BTreeMap<String, i64>>();
            let expect = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
            assert_eq!(client.ask(all).await.unwrap(), expect);
            client.call(Command::new("ZADD").arg("z").arg((1.5, "m"))).await.unwrap();
            let range = Command::new("ZRANGE").arg("z").arg([0, -1]).arg("WITHSCORES");
            let range = client.ask(range.typed::<Vec<(String, f64)>>()).await.unwrap();
            assert_eq!(range, [("m".to_owned(), 1.5)]);
            assert_eq!(client.ask(get("none").typed::<Option<String>>()).await.unwrap(), None);
        }
    });
}

#[test]
fn every_type_of_resp3_is_read_as_redis_sends_it() {
    let server = RedisServer::start(&["--enable-debug-command", "yes"]);
    run(async {
        let client = Client::new(server.addr());
        for (kind, expect) in [
            ("string", Value::from("Hello World")),
            ("integer", Value::from(12345)),
            ("double", Value::Double("3.141".parse().unwrap())),
            ("null", Value::Nil),
            ("array", Value::from(vec![0, 1, 2])),
            ("set", Value::set([0, 1, 2])),
            ("map", Value::map([(0, false), (1, true), (2, false)])),
            ("bignum", Value::BigNumber("1234567999999999999999999999999999999".into())),
            ("true", Value::from(true)),
            ("false", Value::from(false)),
            ("verbatim", Value::Verbatim { format: *b"txt", text: "This is a verbatim\nstring".into() }),
            // The description in front of it is left out.
            ("attrib", Value::from("Some real reply following the attribute")),
        ] {
            let answer = client.call(Command::new("DEBUG PROTOCOL").arg(kind)).await;
            match answer {
                Ok(answer) => assert_eq!(answer, expect, "{kind}"),
                Err(error) => panic!("{kind}: {error}"),
            }
        }
    });
}

#[test]
fn a_unix_socket_serves_too() {
    let server = server();
    run(async {
        let client = Client::new(server.socket());
        assert_eq!(told(&client, Command::new("PING")).await.unwrap(), "PONG");
    });
}

#[test]
fn whoever_logs_in_is_greeted_in_either_version() {
    let server = RedisServer::start(&["--requirepass", "secret"]);
    run(async {
        for mut config in both_versions() {
            config.password = Some("secret".into());
            config.client_name = Some("clerk".into());
            config.database = 5;
            let client = Client::with_config(server.addr(), config.clone());
            assert_eq!(told(&client, Command::new("CLIENT GETNAME")).await.unwrap(), "clerk");
            let info = told(&client, Command::new("CLIENT INFO")).await.unwrap();
            assert!(info.contains(" db=5 "), "{info}");

            config.password = Some("wrong".into());
            let error = Client::with_config(server.addr(), config.clone()).connect().await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), "WRONGPASS");
            assert_eq!((error.fault(), error.begun()), (Fault::Caller, Begun::No));
        }
        let error = Client::new(server.addr()).connect().await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), "NOAUTH");
    });
}

#[test]
fn a_wrong_password_is_told_at_once_to_every_call() {
    let server = RedisServer::start(&["--requirepass", "secret"]);
    run(async {
        let mut config = Config::default();
        config.password = Some("wrong".into());
        config.reconnect.wait_timeout = Duration::from_secs(3600);
        let client = Client::with_config(server.addr(), config);
        let calls = async {
            for command in ["PING", "BLPOP"] {
                let error = client.call(Command::new(command).arg(("queue", 0))).await.unwrap_err();
                assert_eq!(error.as_server().unwrap().code(), "WRONGPASS");
            }
        };
        timeout(Duration::from_secs(30), calls).await.expect("no further attempt mends it");
    });
}

#[test]
fn a_user_without_a_password_is_who_calls() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        client.call(Command::new("ACL SETUSER ada on nopass +@all")).await.unwrap();
        for mut config in both_versions() {
            config.username = Some("ada".into());
            let ada = Client::with_config(server.addr(), config);
            assert_eq!(told(&ada, Command::new("ACL WHOAMI")).await.unwrap(), "ada");
        }
    });
}

#[test]
fn what_is_no_address_is_told_at_once() {
    run(async {
        for text in ["redis://localhost:6379", "localhost"] {
            let error = Client::new(text).call(Command::new("PING")).await.unwrap_err();
            assert_eq!((error.fault(), error.begun()), (Fault::Caller, Begun::No), "{text}: {error}");
        }
    });
}

#[test]
fn a_burst_of_calls_is_served_before_there_is_a_connection_and_on_it() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        for round in 1..=2 {
            let calls: Vec<_> = (0..10_000)
                .map(|_| {
                    let client = client.clone();
                    spawn(async move { client.call(Command::new("INCR").arg("n")).await })
                })
                .collect();
            for call in calls {
                call.await.unwrap().unwrap();
            }
            assert_eq!(client.ask(get("n").typed::<i64>()).await.unwrap(), round * 10_000);
        }
    });
}

#[test]
fn a_server_that_is_full_is_not_connected_to_in_either_version() {
    let server = RedisServer::start(&["--maxclients", "1"]);
    run(async {
        // It has the one place when it was answered.
        let first = Client::new(server.addr());
        while first.connect().await.is_err() {}
        for config in both_versions() {
            let error = Client::with_config(server.addr(), config).connect().await.unwrap_err();
            assert_eq!((error.fault(), error.begun()), (Fault::Service, Begun::No), "{error}");
        }
    });
}

#[test]
fn an_error_of_the_server_is_the_error_of_the_call() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        client.call(Command::new("LPUSH").arg("l").arg(1)).await.unwrap();
        let error = client.call(get("l")).await.unwrap_err();
        assert_eq!((error.as_server().unwrap().code(), error.begun()), ("WRONGTYPE", Begun::Yes));
        assert_eq!(client.status(), Status::Open);
        let error = client.ask(Command::new("LLEN").arg("l").typed::<Vec<i64>>()).await.unwrap_err();
        assert_eq!(error.as_mismatch().unwrap().got(), "an integer");
    });
}

#[test]
fn what_holds_for_a_connection_is_not_sent_on_a_shared_one() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        for command in ["SELECT", "WATCH", "MULTI", "SUBSCRIBE", "MONITOR", "WAIT"] {
            let error = client.call(Command::new(command).arg("1")).await.unwrap_err();
            assert_eq!((error.fault(), error.begun()), (Fault::Caller, Begun::No), "{command}");
        }
        assert_eq!(told(&client, Command::new("PING")).await.unwrap(), "PONG");
    });
}

#[test]
fn what_is_not_answered_once_is_sent_to_nobody() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let own = client.dedicated().await.unwrap();
        for line in
            ["REPLCONF ACK 0", "replconf GETACK *", "CLIENT REPLY SKIP", "PSYNC ? -1", "POST / HTTP/1.1"]
        {
            let command = line.split(' ').fold(Command::default(), |command, word| command.arg(word));
            let both = async { [client.call(command.clone()).await, own.call(command).await] };
            let answers = timeout(Duration::from_secs(30), both).await.expect("it is refused at once");
            for error in answers.map(Result::unwrap_err) {
                assert_eq!((error.fault(), error.begun()), (Fault::Caller, Begun::No), "{line}");
            }
        }
        assert_eq!(told(&client, Command::new("PING")).await.unwrap(), "PONG");
        assert_eq!(own.ask(Command::new("PING").typed::<String>()).await.unwrap(), "PONG");
    });
}

#[test]
fn many_tasks_share_one_connection_and_each_gets_its_own_answer() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let tasks: Vec<_> = (0..64_i64)
            .map(|task| {
                let client = client.clone();
                spawn(async move {
                    for round in 0..50 {
                        let (key, value) = (format!("k{task}"), task * 1000 + round);
                        client.call(Command::new("SET").arg(&key).arg(value)).await.unwrap();
                        assert_eq!(client.ask(get(&key).typed::<i64>()).await.unwrap(), value);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let connections = told(&client, Command::new("CLIENT LIST TYPE").arg("normal")).await.unwrap();
        assert_eq!(connections.lines().count(), 1, "{connections}");
    });
}

#[test]
fn a_transaction_is_done_as_one_among_others_calls() {
    let server = server();
    run(async {
        for config in both_versions() {
            let client = Client::with_config(server.addr(), config);
            client.call(Command::new("FLUSHALL")).await.unwrap();
            let tasks: Vec<_> = (0..32)
                .map(|_| {
                    let client = client.clone();
                    let incr = |key| Command::new("INCR").arg(key).typed::<i64>();
                    drop(spawn({
                        let client = client.clone();
                        async move { client.ask(incr("a")).await }
                    }));
                    spawn(async move {
                        let (first, second) = client.transaction((incr("a"), incr("a"))).await.unwrap();
                        assert_eq!(first + 1, second);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(client.ask(get("a").typed::<i64>()).await.unwrap(), 96);
        }
    });
}

#[test]
fn what_is_wrong_with_a_transaction_is_told() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let incr = |key: &str| Command::new("INCR").arg(key).typed::<i64>();
        let unknown = Command::new("NOSUCH").typed::<i64>();
        let error = client.transaction((incr("a"), unknown)).await.unwrap_err();
        assert!(error.to_string().contains("unknown command 'NOSUCH'"), "{error}");
        assert_eq!(client.ask(get("a").typed::<Option<i64>>()).await.unwrap(), None, "nothing was done");

        client.call(Command::new("SET").arg("text").arg("x")).await.unwrap();
        let each = |key| incr(key).becoming::<Result<i64, ServerError>>();
        let answers = client.transaction([each("a"), each("text"), each("a")]).await.unwrap();
        assert_eq!(answers[0], Ok(1));
        assert_eq!(answers[1].as_ref().unwrap_err().code(), "ERR");
        assert_eq!(answers[2], Ok(2), "what is behind it is done all the same");
    });
}

#[test]
fn a_watched_key_that_changes_stops_the_transaction() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let own = client.dedicated().await.unwrap();
        let set = |value: i64| Command::new("SET").arg("k").arg(value).typed::<()>();
        own.watch("k").await.unwrap();
        client.call(set(1).into_command()).await.unwrap();
        assert_eq!(own.exec([set(2)]).await.unwrap(), Outcome::Changed);
        own.watch("k").await.unwrap();
        assert_eq!(own.exec([set(3)]).await.unwrap(), Outcome::Done(vec![()]));
        // Of nothing it says whether something has changed, and nothing is watched after it.
        own.call(Command::new("WATCH").arg("n")).await.unwrap();
        client.call(Command::new("SET").arg("n").arg(4)).await.unwrap();
        let nothing = Vec::<Typed<()>>::new;
        assert_eq!(own.exec(nothing()).await.unwrap(), Outcome::Changed);
        assert_eq!(own.exec(nothing()).await.unwrap(), Outcome::Done(vec![]));
        assert_eq!(client.ask(get("k").typed::<i64>()).await.unwrap(), 3);
    });
}

#[test]
fn a_script_is_sent_once_and_then_called_by_its_name() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let script = Script::new("return {KEYS[1], ARGV[1], #KEYS, #ARGV}");
        let named = told(&client, Command::new("SCRIPT LOAD").arg(script.source())).await.unwrap();
        assert_eq!(named, script.hash());
        client.call(Command::new("SCRIPT FLUSH")).await.unwrap();
        for _ in 0..2 {
            let answer: (String, i64, i64, i64) = script.call(&client, ["a", "b"], 7).await.unwrap();
            assert_eq!(answer, ("a".to_owned(), 7, 2, 1));
        }
        let stats = told(&client, Command::new("INFO").arg("commandstats")).await.unwrap();
        let calls = |name: &str| {
            let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
            line.and_then(|line| line.split(',').next()?.parse::<u32>().ok())
        };
        // The first call by name was in vain.
        assert_eq!((calls("eval"), calls("evalsha")), (Some(1), Some(2)), "{stats}");
    });
}

#[test]
fn what_a_script_says_is_no_sign_that_nothing_was_done() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let own = client.dedicated().await.unwrap();
        let count = "redis.call('INCR', KEYS[1]) return redis.error_reply('DENIED too many')";
        let again = "redis.call('INCR', KEYS[1]) return redis.error_reply('NOSCRIPT of another')";
        let library = "#!lua name=l\nredis.register_function('count', function(KEYS) redis.call('INCR', KEYS[1]) \
                       return redis.error_reply('MISCONF of my own') end)";
        client.function_load(library).await.unwrap();
        let told = |answer: Result<Value, Error>| answer.unwrap_err().begun();
        let eval = |script: &str| Command::new("EVAL").arg(script).arg((1, "n"));
        assert_eq!(told(client.call(eval(count)).await), Begun::Unknown);
        assert_eq!(told(own.call(eval(count)).await), Begun::Unknown);
        assert_eq!(told(client.call(Command::new("FCALL").arg(("count", 1)).arg("n")).await), Begun::Unknown);
        let pair = client.pipeline([eval(count).typed::<i64>(), eval(count).typed()]);
        assert_eq!(pair.await.unwrap_err().begun(), Begun::Unknown);
        assert_eq!(client.ask(get("n").typed::<i64>()).await.unwrap(), 5);
        // Twice: the first time the server does not know it.
        for sum in [6, 7] {
            let error = Script::new(again).call::<i64>(&client, "n", ()).await.unwrap_err();
            assert_eq!((error.as_server().unwrap().code(), error.begun()), ("NOSCRIPT", Begun::Unknown));
            assert_eq!(client.ask(get("n").typed::<i64>()).await.unwrap(), sum, "it was run once");
        }
    });
}

#[test]
fn who_is_no_redis_is_no_trouble_of_the_network() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let _other = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            std::future::pending::<()>().await;
        });
        let error = Client::new(addr).connect().await.unwrap_err();
        assert_eq!((error.fault(), error.begun()), (Fault::Service, Begun::No));
    });
}

#[test]
fn long_values_and_many_come_whole() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let long = "x".repeat(3_000_000);
        client.call(Command::new("SET").arg("long").arg(&long)).await.unwrap();
        assert!(told(&client, get("long")).await.unwrap() == long);
        let many: Vec<_> = (0..100_000_i64).collect();
        client.call(Command::new("RPUSH").arg("many").arg(&many)).await.unwrap();
        let range = Command::new("LRANGE").arg("many").arg([0, -1]).typed::<Vec<i64>>();
        assert!(client.ask(range).await.unwrap() == many);
    });
}

#[test]
fn a_reply_beyond_the_limits_ends_its_connection_and_no_other() {
    let server = server();
    run(async {
        let mut config = Config::default();
        config.limits.frame_bytes_max = 1000;
        let client = Client::with_config(server.addr(), config);
        client.call(Command::new("SET").arg("long").arg("x".repeat(2000))).await.unwrap();
        let error = client.call(get("long")).await.unwrap_err();
        assert!(error.is_lost());
        assert_eq!((error.fault(), error.begun()), (Fault::Service, Begun::Unknown));
        assert_eq!(told(&client, Command::new("PING")).await.unwrap(), "PONG", "on the next connection");
    });
}

#[test]
fn where_nobody_listens_is_told() {
    let mut server = server();
    server.kill();
    run(async {
        let client = Client::new(Address::from(server.addr()));
        let error = client.connect().await.unwrap_err();
        assert_eq!((error.begun(), error.fault()), (Begun::No, Fault::Network));
    });
}
