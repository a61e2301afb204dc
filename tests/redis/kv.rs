//! The example server, asked by Redis's own programs and by our client.

use std::io::{Read, Write};
use std::net::SocketAddr;

use ekiden::Service;
use ekiden::redis::{Ask, Client, Command};
use ekiden_tests::{Program, example, output};

use crate::{both_versions, run};

struct Kv {
    program: Program,
    addr: SocketAddr,
}

impl Kv {
    fn start() -> Self {
        let mut program = Program::start(example("kv"), ["127.0.0.1:0"]);
        let addr =
            program.wait_for(|line| line.strip_prefix("listening on ")?.split_once(';')?.0.parse().ok());
        Self { program, addr }
    }

    /// What redis-cli prints.
    fn cli(&self, words: &[&str]) -> String {
        let port = self.addr.port().to_string();
        let printed = output("redis-cli", ["-p", &port].iter().chain(words));
        assert!(printed.status.success(), "{printed:?}");
        String::from_utf8_lossy(&printed.stdout).trim_end().to_owned()
    }
}

#[test]
fn redis_cli_accepts_it_in_both_versions_and_it_ends_by_ctrl_c() {
    let mut kv = Kv::start();
    assert_eq!(kv.cli(&["PING"]), "PONG");
    assert_eq!(kv.cli(&["SET", "greeting", "hello"]), "OK");
    assert_eq!(kv.cli(&["GET", "greeting"]), "hello");
    assert_eq!(kv.cli(&["RPUSH", "list", "a", "b", "c"]), "3");
    assert_eq!(kv.cli(&["LRANGE", "list", "1", "-1"]), "b\nc");
    assert_eq!(kv.cli(&["HSET", "hash", "field", "value"]), "1");
    assert_eq!(kv.cli(&["-2", "--json", "HGETALL", "hash"]), r#"["field","value"]"#);
    assert_eq!(kv.cli(&["-3", "--json", "HGETALL", "hash"]), r#"{"field":"value"}"#);
    assert!(kv.cli(&["GET", "list"]).starts_with("WRONGTYPE "));
    assert!(kv.cli(&["NOSUCH"]).starts_with("ERR 'NOSUCH' with 0 arguments"));
    assert_eq!(kv.cli(&["EXPIRE", "greeting", "100"]), "1");
    assert_eq!(kv.cli(&["TTL", "greeting"]), "100");
    kv.program.signal("INT");
    let status = kv.program.wait_for_end();
    assert!(status.success(), "{status}: {}", kv.program.said());
    assert!(!kv.program.said().contains("had not ended"), "{}", kv.program.said());
}

#[test]
fn what_is_not_there_stays_so_when_it_is_read_and_when_nothing_is_added() {
    let kv = Kv::start();
    for (words, answer) in [
        ("LLEN k", "0"),
        ("LRANGE k 0 -1", ""),
        ("RPOP k", ""),
        ("SISMEMBER k a", "0"),
        ("SREM k a", "0"),
        ("HGET k a", ""),
        ("HGETALL k", ""),
        ("ZCARD k", "0"),
        ("ZPOPMIN k", ""),
        ("LPUSH k", "ERR 'LPUSH' with 1 arguments is no command of this server"),
        ("RPUSH k", "ERR 'RPUSH' with 1 arguments is no command of this server"),
        ("HDEL k", "ERR 'HDEL' with 1 arguments is no command of this server"),
        ("ZADD k nan a", "ERR value is not a valid float"),
    ] {
        assert_eq!(kv.cli(&words.split(' ').collect::<Vec<_>>()), answer, "{words}");
        assert_eq!(kv.cli(&["DBSIZE"]), "0", "{words}");
    }
    assert_eq!(kv.cli(&["RPUSH", "k", "a"]), "1");
    assert_eq!(kv.cli(&["LPOP", "k"]), "a");
    assert_eq!(kv.cli(&["DBSIZE"]), "0", "the last of it was taken");
}

#[test]
fn what_redis_refuses_is_refused_and_what_it_takes_is_taken() {
    let kv = Kv::start();
    for (words, answer) in [
        ("SET k 5 NX XX", "ERR syntax error"),
        ("SET k 5 EX 10 PX 10", "ERR syntax error"),
        ("SET k 5 EX", "ERR syntax error"),
        ("SET k 5 EX 0", "ERR invalid expire time in 'set' command"),
        ("SET k 5 PX -1", "ERR invalid expire time in 'set' command"),
        ("SET k 5 EX 100", "OK"),
        ("INCRBY k +5", "ERR value is not an integer or out of range"),
        ("INCRBY k 05", "ERR value is not an integer or out of range"),
        ("INCRBY k -5", "0"),
        ("EXPIRE k -1", "1"),
        ("EXPIRE k -1", "0"),
        ("ZADD z -0 b", "1"),
        ("ZADD z 0 a", "1"),
        ("ZADD z 7 c", "1"),
        ("ZADD z -inf c", "0"),
        ("ZPOPMIN z", "c\n-inf"),
        ("ZPOPMIN z", "a\n0"),
        ("ZCARD z", "1"),
    ] {
        assert_eq!(kv.cli(&words.split(' ').collect::<Vec<_>>()), answer, "{words}");
    }
}

#[test]
fn nobody_is_answered_more_than_there_is_room_for() {
    let kv = Kv::start();
    run(async {
        let client = Client::new(kv.addr);
        let long = "x".repeat(16 * 1024 * 1024);
        client.call(Command::new("SET").arg("long").arg(&long)).await.unwrap();
        let many = |count: usize| Command::new("MGET").arg(vec!["long"; count]).typed::<Vec<String>>();
        assert_eq!(client.ask(many(4)).await.unwrap().len(), 4);
        let error = client.ask(many(5)).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().message(), "the answer is too long: ask for less at once");
        // Of what no command is called only so much is said that a person reads it.
        let name = vec![0xff; 1024 * 1024];
        let error = client.call(Command::default().arg(&name)).await.unwrap_err();
        assert!(error.as_server().unwrap().line().len() < 1000);
    });
}

#[test]
fn what_nobody_asks_for_any_more_goes_when_its_time_is_over() {
    let kv = Kv::start();
    assert_eq!(kv.cli(&["SET", "stays", "1"]), "OK");
    assert_eq!(kv.cli(&["SET", "goes", "1", "PX", "1"]), "OK");
    // Nobody comes across it.
    assert!((0..5000).any(|_| kv.cli(&["DBSIZE"]) == "1"), "it stays for ever");
    assert_eq!(kv.cli(&["GET", "stays"]), "1");
}

#[test]
#[expect(clippy::disallowed_types, reason = "a client that is none of ours, and may block")]
fn a_line_may_have_quotes() {
    let kv = Kv::start();
    let mut stream = std::net::TcpStream::connect(kv.addr).unwrap();
    stream.write_all(b"SET k \"a b\"\r\nGET k\r\nQUIT\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers, "+OK\r\n$3\r\na b\r\n+OK\r\n");
}

#[test]
fn redis_benchmark_gets_an_answer_to_everything_it_asks() {
    let kv = Kv::start();
    let port = kv.addr.port().to_string();
    for version in [&[][..], &["-3"]] {
        let fixed = ["-p", &port, "-c", "20", "-n", "2000", "-P", "8", "--csv", "-t"];
        let tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset";
        let printed = output("redis-benchmark", fixed.iter().chain(&[tests]).chain(version));
        let text = String::from_utf8_lossy(&printed.stdout);
        assert!(printed.status.success(), "{printed:?}");
        // A line for each test, two of ping and four and one of lrange, below the headings; an error would be one, too.
        assert!(
            !text.contains("rror") && !String::from_utf8_lossy(&printed.stderr).contains("rror"),
            "{printed:?}"
        );
        assert!(text.lines().count() >= 20, "{text}");
    }
}

#[test]
fn our_client_and_our_server_understand_each_other() {
    let kv = Kv::start();
    run(async {
        for config in both_versions() {
            let client = Client::with_config(kv.addr, config);
            client.call(Command::new("FLUSHALL")).await.unwrap();
            client.call(Command::new("SADD").arg("set").arg(["a", "b"])).await.unwrap();
            let members =
                client.ask(Command::new("SMEMBERS").arg("set").typed::<Vec<String>>()).await.unwrap();
            assert_eq!(members, ["a", "b"]);
            let score = Command::new("ZSCORE").arg("z").arg("m").typed::<Option<f64>>();
            assert_eq!(client.ask(score.clone()).await.unwrap(), None);
            client.call(Command::new("ZADD").arg("z").arg((1.5, "m"))).await.unwrap();
            assert_eq!(client.ask(score).await.unwrap(), Some(1.5));
        }
    });
}
