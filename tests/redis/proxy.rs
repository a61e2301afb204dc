//! A proxy: our client, served. What its peers hear is what they would hear of Redis.

use std::net::SocketAddr;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::redis::{Client, server};
use ekiden_tests::RedisServer;

use crate::run;

/// A connection on which lines of words are asked, one by one.
struct Raw(TcpStream);

impl Raw {
    async fn connect(addr: SocketAddr, version: u8) -> Self {
        let raw = Self(TcpStream::connect(addr).await.unwrap());
        raw.ask(&format!("HELLO {version}")).await;
        raw
    }

    /// What is answered: "|" for each line end.
    async fn ask(&self, line: &str) -> String {
        // The answer to the second ends what the first is answered.
        self.0.write_all(format!("{line}\r\nECHO <end>\r\n").as_bytes()).await.unwrap();
        let (mut all, mut buf) = (Vec::new(), [0; 4096]);
        while !all.ends_with(END) {
            let count = self.0.read(&mut buf).await.unwrap();
            assert!(count > 0, "the connection ends at {line}");
            all.extend_from_slice(&buf[..count]);
        }
        all.truncate(all.len() - END.len());
        String::from_utf8_lossy(&all).replace("\r\n", "|")
    }
}

const END: &[u8] = b"$5\r\n<end>\r\n";

/// What is there when anything of [`ASKED`] is asked.
const GIVEN: &[&str] = &[
    "ZADD z 1 a 2.5 b -3 c",
    "HSET h f v",
    "RPUSH l 1 2 3",
    "SET s abc",
    "SET t abd",
    "SADD set a",
    "XADD st 1-1 k v",
    "XADD st 2-1 k w",
    "XGROUP CREATE st g 0",
    "XREADGROUP GROUP g c COUNT 2 STREAMS st >",
    "XDEL st 2-1",
    "XGROUP CREATE st idle $",
];

/// Every type, every shape, and nothing of every kind. None of them changes what the others are answered.
const ASKED: &[&str] = &[
    "DEBUG PROTOCOL string",
    "DEBUG PROTOCOL integer",
    "DEBUG PROTOCOL double",
    "DEBUG PROTOCOL null",
    "DEBUG PROTOCOL array",
    "DEBUG PROTOCOL set",
    "DEBUG PROTOCOL map",
    "DEBUG PROTOCOL verbatim",
    "DEBUG PROTOCOL true",
    "DEBUG PROTOCOL false",
    "DEBUG PROTOCOL bignum",
    "PING",
    "NOSUCH",
    "LPUSH s a",
    "HGETALL h",
    "SMEMBERS set",
    "HMGET h f none",
    "CONFIG GET maxmemory",
    "ACL GETUSER default",
    "ACL GETUSER nobody",
    "COMMAND INFO get nosuch",
    "COMMAND GETKEYSANDFLAGS SET a b",
    "FUNCTION STATS",
    "CLIENT TRACKINGINFO",
    "LCS s t IDX",
    "ZRANGE z 0 -1",
    "ZRANGE z 0 -1 WITHSCORES",
    "ZREVRANGE z 0 -1 withscores",
    "ZRANGEBYSCORE z -inf +inf WITHSCORES",
    "ZREVRANGEBYSCORE z +inf -inf WITHSCORES",
    "zunion 1 z WITHSCORES",
    "ZINTER 1 z WITHSCORES",
    "ZDIFF 1 z WITHSCORES",
    "ZDIFF 1 none WITHSCORES",
    "ZRANDMEMBER z 9",
    "ZRANDMEMBER none",
    "HRANDFIELD h 1",
    "HRANDFIELD h 1 WITHVALUES",
    "HRANDFIELD none",
    "ZPOPMIN none",
    "ZPOPMIN none 2",
    "ZMSCORE z b none",
    "ZSCORE z none",
    "ZSCAN z 0",
    "ZADD z NX INCR 1 a",
    "GEOPOS z none",
    "GEOPOS none a b",
    "GEODIST z none other",
    "GEOHASH z none",
    "XREAD STREAMS st 0",
    "XREAD STREAMS st 9",
    "XREAD COUNT 1 STREAMS st st 0 0",
    "XREAD BLOCK 1 STREAMS st 9",
    "XREADGROUP GROUP g c STREAMS st 0",
    "XREADGROUP GROUP g c STREAMS st >",
    "XPENDING st idle",
    "XPENDING st idle - + 1",
    "XRANGE st - +",
    "XINFO STREAM st",
    "XINFO GROUPS st",
    "LPOP none",
    "LPOP none 2",
    "RPOP none 2",
    "LPOP l 0",
    "LMOVE none l LEFT LEFT",
    "LMPOP 1 none LEFT",
    "ZMPOP 1 none MIN",
    "BLPOP none 0.001",
    "BRPOP none 0.001",
    "BLMOVE none l LEFT LEFT 0.001",
    "BRPOPLPUSH none l 0.001",
    "BLMPOP 0.001 1 none LEFT",
    "BZMPOP 0.001 1 none MIN",
    "BZPOPMIN none 0.001",
    "BZPOPMAX none 0.001",
    "LPOS l 9",
    "GET none",
    "MGET s none",
    "SPOP none 2",
    "EVAL return{1,false,{map={a=1}}} 0",
    "EVAL \"redis.setresp(3) return redis.call('HGETALL', 'h')\" 0",
];

#[test]
fn in_either_version_peers_of_a_proxy_hear_what_redis_says() {
    let redis = RedisServer::start(&["--enable-debug-command", "yes"]);
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let _server = server::serve(listener, Client::new(redis.addr()));
        let given = Raw::connect(redis.addr(), 2).await;
        for line in GIVEN {
            assert!(!given.ask(line).await.starts_with('-'), "{line}");
        }
        for version in [2, 3] {
            let (of_redis, of_proxy) =
                (Raw::connect(redis.addr(), version).await, Raw::connect(proxy, version).await);
            for line in ASKED {
                let (said, heard) = (of_redis.ask(line).await, of_proxy.ask(line).await);
                assert_eq!(heard, said, "{line}, in version {version}");
            }
        }
    });
}

#[test]
fn attributes_are_left_out_and_what_stands_behind_them_is_not() {
    let redis = RedisServer::start(&["--enable-debug-command", "yes"]);
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let _server = server::serve(listener, Client::new(redis.addr()));
        // As Redis does for peers of version 2. That a push stands before an answer it never says of these.
        for version in [2, 3] {
            let raw = Raw::connect(proxy, version).await;
            let answer = raw.ask("DEBUG PROTOCOL attrib").await;
            assert_eq!(answer, "$39|Some real reply following the attribute|");
            let answer = raw.ask("DEBUG PROTOCOL push").await;
            assert_eq!(answer, "$40|Some real reply following the push reply|");
        }
    });
}
