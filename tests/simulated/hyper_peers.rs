//! HTTP with hyper at one end or at both: hyper as it is published, on our adapters, and ours beside it.
//!
//! hyper knows no world: its connections, tasks and timers are those of the adapters, and so are the faults that they meet.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use ekiden::http::adapt::hyper::{Executor, Io, Timer};
use ekiden::http::{self, Body, Request, Response};
use ekiden::net::{TcpListener, TcpStream};
use ekiden::{Begun, Failure, Service, sleep, spawn, timeout};
use ekiden_sim::{Config, Sim, check, check_with};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};

use crate::http::connect_patiently;
use crate::{Ledger, millis};

type Failed = Box<dyn Error>;

/// Who is at an end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Ours,
    Hyper1,
    Hyper2,
}

/// Each call is answered by its own answer, where every tenth segment is lost.
#[test]
fn hypers_calls_are_answered_where_segments_are_lost() {
    lossy(Peer::Hyper1, Peer::Hyper1);
}

#[test]
fn hypers_calls_of_http_2_are_answered_where_segments_are_lost() {
    lossy(Peer::Hyper2, Peer::Hyper2);
}

#[test]
fn hypers_calls_are_answered_by_our_server_where_segments_are_lost() {
    lossy(Peer::Hyper1, Peer::Ours);
}

#[test]
fn our_calls_are_answered_by_hypers_server_where_segments_are_lost() {
    lossy(Peer::Ours, Peer::Hyper1);
}

/// Under partitions, resets and crashes no call hangs and none is answered twice or by another's answer: each is begun at
/// most once, and not at all if its caller is told so; no connection is left over at either end.
#[test]
fn hyper_neither_hangs_nor_answers_twice() {
    check(|sim| under_faults(&sim, Peer::Hyper1, Peer::Hyper1));
}

#[test]
fn hyper_neither_hangs_nor_answers_twice_over_http_2() {
    check(|sim| under_faults(&sim, Peer::Hyper2, Peer::Hyper2));
}

#[test]
fn hypers_client_and_our_server_neither_hang_nor_answer_twice() {
    check(|sim| under_faults(&sim, Peer::Hyper1, Peer::Ours));
}

#[test]
fn our_client_and_hypers_server_neither_hang_nor_answer_twice() {
    check(|sim| under_faults(&sim, Peer::Ours, Peer::Hyper1));
}

#[test]
fn ours_neither_hang_nor_answer_twice() {
    check(|sim| under_faults(&sim, Peer::Ours, Peer::Ours));
}

/// A client that vanishes without a word is noticed by its server, which keeps nothing for it.
#[test]
fn who_vanishes_is_noticed_by_hypers_server() {
    check(|sim| vanish(&sim, Peer::Hyper1));
}

#[test]
fn who_vanishes_is_noticed_by_hypers_server_of_http_2() {
    check(|sim| vanish(&sim, Peer::Hyper2));
}

#[test]
fn who_vanishes_is_noticed_by_our_server() {
    check(|sim| vanish(&sim, Peer::Ours));
}

fn vanish(sim: &Sim, peer: Peer) {
    let ledger = Ledger::default();
    serve_on(sim, peer, &ledger);
    sim.host("client", async move || {
        sleep(millis(1)).await;
        let mut client = Client::connect(peer).await.map_err(|error| error.to_string())?;
        for call in 0.. {
            client.call(&format!("/{call}"), "hello").await.map_err(|error| error.to_string())?;
            sleep(millis(5)).await;
        }
        Ok::<_, String>(())
    });
    sim.run(async move |sim| {
        while ledger.ended("/0") == 0 {
            sleep(millis(1)).await;
        }
        sleep(millis(sim.draw(0..=20))).await;
        sim.partition("client", "server");
        sim.crash("client");
        // What the server was about to say is said again, and what it waits for has a time-out.
        sleep(3 * SILENCE).await;
        assert_eq!(ledger.begun("connection"), ledger.ended("connection"), "one is left over at the server");
    });
}

fn lossy(client: Peer, server: Peer) {
    let mut config = Config::default();
    config.segment_lost_one_in = 10;
    check_with(&config, |sim| {
        let ledger = Ledger::default();
        serve_on(&sim, server, &ledger);
        sim.run(async move |sim| {
            sleep(millis(1)).await;
            let connections: Vec<_> = (0..2)
                .map(|number| {
                    let sim = sim.clone();
                    spawn(async move {
                        let client = Client::connect(client).await?;
                        for heard in ask(&sim, client, &number.to_string(), Duration::MAX).await {
                            assert_eq!(heard.1, Heard::Answer, "{}", heard.0);
                        }
                        Ok::<_, Failed>(())
                    })
                })
                .collect();
            for connection in connections {
                connection.await.unwrap().map_err(|error| error.to_string()).unwrap();
            }
        });
    });
}

pub(crate) fn under_faults(sim: &Sim, client: Peer, server: Peer) {
    let ledger = Ledger::default();
    serve_on(sim, server, &ledger);
    sim.run(async move |sim| {
        sleep(millis(1)).await;
        let faults = sim.clone();
        let faults = spawn(async move {
            for _ in 0..6 {
                sleep(millis(faults.draw(1..=1000))).await;
                match faults.draw(0..=4) {
                    0 => faults.partition("main", "server"),
                    1 => faults.partition_one_way("main", "server"),
                    2 => faults.partition_one_way("server", "main"),
                    3 => faults.restart("server"),
                    _ => faults.reset("main", "server"),
                }
                sleep(millis(faults.draw(1..=4000))).await;
                faults.heal("main", "server");
            }
        });
        let mut calls = Vec::new();
        for round in 0..6 {
            sleep(millis(sim.draw(0..=1000))).await;
            let connected = timeout(PATIENCE, Client::connect(client)).await;
            let Ok(Ok(client)) = connected else { continue };
            calls.extend(ask(&sim, client, &round.to_string(), PATIENCE).await);
        }
        faults.await.unwrap();
        // Longer than TCP says anything again.
        sleep(Duration::from_secs(1200)).await;
        for (path, heard) in calls {
            let (begun, ended) = (ledger.begun(&path), ledger.ended(&path));
            assert!(begun <= 1, "{path} was begun {begun} times");
            match heard {
                Heard::Answer => assert_eq!((begun, ended), (1, 1), "{path}"),
                Heard::NotBegun => assert_eq!(begun, 0, "{path}"),
                Heard::Nothing => {}
            }
        }
        let tasks = ekiden::reactor::inspect::tasks();
        assert_eq!(tasks.len(), 1, "a connection is left over: {tasks:?}");
        assert_eq!(ledger.begun("connection"), ledger.ended("connection"), "one is left over at the server");
        let client = Client::connect(client).await.unwrap();
        for (path, heard) in ask(&sim, client, "last", PATIENCE).await {
            assert_eq!(heard, Heard::Answer, "{path}, and all is well again");
        }
    });
}

/// For how long a caller waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a caller has heard of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Answer,
    /// That it was not begun.
    NotBegun,
    /// Nothing that says whether it was begun.
    Nothing,
}

/// Asks by one connection: by several at once where it can bear that, and each until it fails. Of each call its path and
/// what was heard of it.
async fn ask(sim: &Sim, client: Client, name: &str, patience: Duration) -> Vec<(String, Heard)> {
    let callers = client.split().into_iter().zip(0..).map(|(mut client, caller)| {
        let (sim, name) = (sim.clone(), name.to_owned());
        spawn(async move {
            let mut calls = Vec::new();
            for call in 0..3 {
                sleep(millis(sim.draw(0..=100))).await;
                let path = format!("/{name}/{caller}/{call}");
                let body = format!("{path}{}", "x".repeat(sim.draw(0..=2000) as usize));
                let before = sim.now();
                let answer = timeout(patience, client.call(&path, &body)).await;
                let took = sim.now() - before;
                assert!(took <= patience.saturating_add(millis(100)), "{path} took {took:?}");
                let heard = match answer {
                    Ok(Ok(answer)) => {
                        assert!(
                            answer == body,
                            "{path} was answered by {} bytes for {}",
                            answer.len(),
                            body.len()
                        );
                        Heard::Answer
                    }
                    Ok(Err(error)) if was_not_begun(&*error) => Heard::NotBegun,
                    Ok(Err(_)) | Err(_) => Heard::Nothing,
                };
                calls.push((path, heard));
                if heard != Heard::Answer {
                    break;
                }
            }
            calls
        })
    });
    let mut calls = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        calls.extend(caller.await.unwrap());
    }
    calls
}

/// Whether an error says so. hyper says it of a request that it has not given to the connection.
fn was_not_begun(error: &(dyn Error + 'static)) -> bool {
    let of_ours = error.downcast_ref::<http::Error>().is_some_and(|error| error.begun() == Begun::No);
    of_ours || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
}

/// A client, of one connection.
pub(crate) enum Client {
    Ours(http::client::Client),
    Hyper1(http1::SendRequest<Body>),
    Hyper2(http2::SendRequest<Body>),
}

impl Client {
    pub(crate) async fn connect(peer: Peer) -> Result<Self, Failed> {
        if peer == Peer::Ours {
            return Ok(Self::Ours(connect_patiently().await?));
        }
        let io = Io::new(TcpStream::connect("server:80").await?);
        Ok(match peer {
            Peer::Hyper2 => {
                let mut builder = http2::Builder::new(Executor);
                builder.timer(Timer).keep_alive_interval(SILENCE).keep_alive_timeout(SILENCE);
                builder.max_concurrent_reset_streams(0); // h2 would ask the system's clock for their age
                let (client, connection) = builder.handshake(io).await?;
                drop(spawn(connection));
                Self::Hyper2(client)
            }
            _ => {
                let (client, connection) = http1::handshake(io).await?;
                drop(spawn(connection));
                Self::Hyper1(client)
            }
        })
    }

    /// As many as may call at once.
    fn split(self) -> Vec<Self> {
        match self {
            Self::Hyper2(client) => (0..3).map(|_| Self::Hyper2(client.clone())).collect(),
            // Its calls wait for each other.
            Self::Ours(client) => (0..2).map(|_| Self::Ours(client.clone())).collect(),
            alone @ Self::Hyper1(_) => vec![alone],
        }
    }

    async fn call(&mut self, path: &str, body: &str) -> Result<Bytes, Failed> {
        let body = Body::from(body.to_owned());
        let answer = match self {
            Self::Ours(client) => client.call(Request::post(path).body(body)?).await?.into_body(),
            Self::Hyper1(client) => {
                client.ready().await?;
                let request = Request::post(path).header("host", "server").body(body)?;
                Body::wrap(client.send_request(request).await?.into_body())
            }
            Self::Hyper2(client) => {
                client.ready().await?;
                let request = Request::post(format!("http://server{path}")).body(body)?;
                Body::wrap(client.send_request(request).await?.into_body())
            }
        };
        Ok(answer.collect(1 << 20).await?)
    }
}

/// A server on the host `server`. It answers each request by its body, and writes down what it begins and ends, its
/// connections included.
fn serve_on(sim: &Sim, peer: Peer, ledger: &Ledger) {
    let ledger = ledger.clone();
    sim.host("server", async move || {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        match peer {
            Peer::Ours => serve_ours(listener, ledger.clone()).await,
            Peer::Hyper1 | Peer::Hyper2 => serve_hyper(listener, peer, ledger.clone()).await,
        }
    });
}

async fn serve_ours(listener: TcpListener, ledger: Ledger) -> io::Result<()> {
    let serving = http::server::Config::default().serve_each(listener, move |_peer| {
        let connection = Noted::new(&ledger, "connection");
        let ledger = ledger.clone();
        ekiden::service_fn(async move |request: Request<Body>| {
            let _of_this = &connection;
            echo(request, &ledger).await
        })
    });
    serving.await.map(drop)
}

async fn serve_hyper(listener: TcpListener, peer: Peer, ledger: Ledger) -> io::Result<()> {
    loop {
        let (stream, _peer) = listener.accept().await?;
        let ledger = ledger.clone();
        drop(spawn(async move {
            let _connection = Noted::new(&ledger, "connection");
            let echo = hyper::service::service_fn(move |request: Request<Incoming>| {
                let ledger = ledger.clone();
                // For a body that does not come hyper waits for ever.
                let answer = async move { timeout(SILENCE, echo(request.map(Body::wrap), &ledger)).await };
                async { answer.await.map_err(io::Error::from)?.map_err(io::Error::other) }
            });
            let io = Io::new(stream);
            // hyper's `Date` is the system's wall clock's.
            let _it_ends_as_its_peer_has_it = if peer == Peer::Hyper2 {
                let mut server = hyper::server::conn::http2::Builder::new(Executor);
                server.timer(Timer).keep_alive_interval(SILENCE).keep_alive_timeout(SILENCE);
                server.auto_date_header(false).serve_connection(io, echo).await
            } else {
                let mut server = hyper::server::conn::http1::Builder::new();
                server.timer(Timer).auto_date_header(false).serve_connection(io, echo).await
            };
        }));
    }
}

async fn echo(request: Request<Body>, ledger: &Ledger) -> Result<Response<Body>, http::Error> {
    let path = request.uri().path().to_owned();
    ledger.begin(&path);
    let body = request.into_body().collect(1 << 20).await?;
    sleep(millis(body.len() as u64 % 7)).await;
    ledger.end(&path);
    Ok(Response::new(Body::from(body)))
}

/// After so long without a word a connection of HTTP/2 is asked whether it is there, and after as long again it is given up.
/// It is so long that a link on which every tenth segment is lost does not pass for one that is cut.
const SILENCE: Duration = Duration::from_secs(60);

/// Written down as ended when it is dropped.
struct Noted(Ledger, &'static str);

impl Noted {
    fn new(ledger: &Ledger, name: &'static str) -> Self {
        ledger.begin(name);
        Self(ledger.clone(), name)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}
