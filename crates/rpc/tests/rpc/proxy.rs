//! A proxy of the tests' own between both ends: it delays, it cuts, and it corrupts, by a seed.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ekiden_middleware::MiddlewareExt;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{run, spawn, timeout, yield_now};
use ekiden_rpc::client::Config;
use ekiden_rpc::{Client, Error, server};
use futures_util::stream;

use crate::library::{LibraryClient, Served};

/// What it does to what it passes on.
#[derive(Clone, Copy)]
enum Harm {
    /// Nothing but pieces of any length, now and then with others' turns between them.
    Delay,
    /// After some thousand bytes it ends both connections.
    Cut,
    /// One byte in some thousand is another.
    Corrupt,
}

/// A generator that repeats itself with its seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, max: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % max
    }
}

async fn proxy(to: SocketAddr, harm: Harm, seed: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(to).await.unwrap();
        let (client, server) = (Rc::new(client), Rc::new(server));
        drop(spawn(pass(client.clone(), server.clone(), harm, Chance(seed))));
        pass(server, client, harm, Chance(!seed)).await;
    }));
    addr
}

async fn pass(from: Rc<TcpStream>, to: Rc<TcpStream>, harm: Harm, mut chance: Chance) {
    let mut left = 2000 + chance.below(20_000);
    let mut buf = [0; 1024];
    loop {
        let max = 1 + chance.below(buf.len() as u64) as usize;
        let read = from.read(&mut buf[..max]).await.unwrap_or(0);
        let mut bytes = &mut buf[..read];
        match harm {
            Harm::Delay => {
                for _ in 0..chance.below(4) {
                    yield_now().await;
                }
            }
            Harm::Cut if left < read as u64 => bytes = &mut [],
            Harm::Cut => left -= read as u64,
            Harm::Corrupt if chance.below(20) == 0 && read > 0 => {
                let at = chance.below(read as u64) as usize;
                bytes[at] ^= 1 << chance.below(8);
            }
            Harm::Corrupt => {}
        }
        if bytes.is_empty() || to.write_all(bytes).await.is_err() {
            drop(from.shutdown(std::net::Shutdown::Both));
            drop(to.shutdown(std::net::Shutdown::Both));
            return;
        }
    }
}

/// Callers of every kind, each of which has an answer or an error; whether the answers were right is told.
async fn call_everything(client: Client, within: Duration) -> Vec<Result<bool, Error>> {
    let library = LibraryClient::new(client.timeout(within));
    let mut callers = Vec::new();
    for n in 0..20_u32 {
        let library = library.clone();
        callers.push(spawn(async move {
            for n in n * 100..n * 100 + 30 {
                let title = format!("title {n}");
                let answer = library.find(title.clone()).await?;
                if answer.is_ok() || answer.is_err_and(|error| error.title != title) {
                    return Ok(false);
                }
            }
            let words = stream::iter((0..50).map(move |word| format!("word {word} of {n}")));
            let mut upper = library.upper(words).await?;
            for word in 0..50 {
                let expected = format!("WORD {word} OF {n}");
                if upper.next().await.transpose()? != Some(expected) {
                    return Ok(false);
                }
            }
            Ok(upper.next().await.is_none())
        }));
    }
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.expect("no panic"));
    }
    answers
}

/// Nobody waits this long, unless something hangs.
const LONG: Duration = Duration::from_secs(50);

#[test]
fn a_slow_path_changes_no_answer() {
    run(async {
        for seed in 0..5 {
            let served = Served::start().await;
            let addr = proxy(served.addr, Harm::Delay, seed).await;
            for answer in call_everything(Client::connect(addr).await.unwrap(), LONG).await {
                assert!(answer.unwrap(), "seed {seed}");
            }
        }
    });
}

#[test]
fn a_path_that_is_cut_gives_right_answers_or_none() {
    run(async {
        let mut failures = 0;
        for seed in 0..20 {
            let served = Served::start().await;
            let addr = proxy(served.addr, Harm::Cut, seed).await;
            let Ok(client) = Client::connect(addr).await else { continue };
            for answer in call_everything(client, LONG).await {
                match answer {
                    Ok(is_right) => assert!(is_right, "seed {seed}"),
                    Err(error) => {
                        failures += 1;
                        assert!(!ekiden_service::Failure::is_timeout(&error), "seed {seed}: {error:?}");
                    }
                }
            }
            // And the server has nothing left of it.
            served
                .until(|stats| stats.begun() == stats.answered() + stats.cancelled() + stats.failed())
                .await;
        }
        assert!(failures > 0);
    });
}

/// Without checksums an answer may be another, or another's, and then its caller's time runs out. But nothing panics, and
/// both ends go on.
#[test]
fn a_path_that_lies_harms_its_connection_alone() {
    run(async {
        for seed in 0..20 {
            let served = Served::start().await;
            let addr = proxy(served.addr, Harm::Corrupt, seed).await;
            if let Ok(client) = Client::connect(addr).await {
                drop(call_everything(client, Duration::from_millis(100)).await);
            }
            assert_eq!(served.client().await.count().await.unwrap(), 3);
            assert_eq!(served.server.panics(), 0);
        }
    });
}

#[test]
fn a_path_that_lies_gives_right_answers_or_none_where_there_are_checksums() {
    run(async {
        let (mut answers, mut failures) = (0, 0);
        for seed in 0..40 {
            let mut config = server::Config::default();
            config.checksums = true;
            let served = Served::with(config).await;
            let addr = proxy(served.addr, Harm::Corrupt, seed).await;
            let Ok(client) = Client::connect_with(impatient(), addr).await else { continue };
            let everything = timeout(LONG, call_everything(client, LONG)).await;
            for answer in everything.expect("nobody waits for ever") {
                match answer {
                    Ok(is_right) => assert!(is_right, "seed {seed}"),
                    Err(_) => failures += 1,
                }
                answers += 1;
            }
            let titles = served.seen.titles.borrow();
            let asked = |title: &String| {
                title.strip_prefix("title ").is_some_and(|n| n.parse().is_ok_and(|n: u32| n < 2000))
            };
            assert!(titles.iter().all(asked), "seed {seed}: nobody asked all of {titles:?}");
        }
        assert!(failures > 0, "of {answers}");
    });
}

/// A client with checksums. If it is a length that was changed the other end waits for what does not come, so this one asks
/// early whether it is there.
fn impatient() -> Config {
    let mut config = Config::default();
    config.checksums = true;
    config.handshake_timeout = Duration::from_secs(1);
    config.dispatch.ping_interval = Some(Duration::from_millis(50));
    config.dispatch.ping_timeout = Duration::from_millis(50);
    config
}
