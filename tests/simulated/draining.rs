//! Servers that are asked to end while they are under load.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use ekiden::http::{self, Body, Request, Response};
use ekiden::net::TcpListener;
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline;
use ekiden::redis::{self, Command, Value};
use ekiden::rpc;
use ekiden::{Begun, Failure, Service, Signal, service_fn, sleep, spawn};
use ekiden_sim::{Sim, check};

use crate::rpc::{ClerkClient, serve as serve_clerk};
use crate::{Ledger, connect, millis};

/// What a client's loop has seen of each request: whether it was answered, or whether it was begun.
type Seen = Vec<(String, Result<(), Begun>)>;

/// Has three loops call until they fail, ends the server amid them, and holds what they saw against what it did.
fn drain_under_load<C>(sim: &Sim, ledger: Ledger, calls: impl Fn(u64) -> C + 'static)
where
    C: Future<Output = Seen> + 'static,
{
    sim.run(async move |sim| {
        sleep(millis(1)).await;
        let clients: Vec<_> = (0..3).map(|client| spawn(calls(client))).collect();
        sleep(millis(sim.draw(5..=100))).await;
        sim.signal("server", Signal::Terminate);
        let mut seen = Seen::new();
        for client in clients {
            seen.extend(client.await.unwrap());
        }
        sleep(Duration::from_secs(60)).await;
        assert!(!sim.is_up("server"), "it has drained, and its program has ended");
        for (name, outcome) in seen {
            let (begun, ended) = (ledger.begun(&name), ledger.ended(&name));
            match outcome {
                Ok(()) => assert_eq!((begun, ended), (1, 1), "{name}"),
                Err(says) => assert_eq!(begun, 0, "{name} was accepted, and its caller was told {says:?}"),
            }
        }
    });
}

/// A drain of an HTTP server under load loses no accepted request: what its service has begun is answered.
#[test]
fn an_http_server_answers_what_it_has_begun() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            http::serve(listener, noting(of_server.clone())).await.map(drop)
        });
        drain_under_load(&sim, ledger, get_one_by_one);
    });
}

/// Notes each request, and answers it a little later.
fn noting(ledger: Ledger) -> impl Service<Req = Request<Body>, Resp = Response<Body>, Error = http::Error> {
    service_fn(async move |req: Request<Body>| {
        ledger.begin(req.uri().path());
        sleep(millis(3)).await;
        ledger.end(req.uri().path());
        Ok(Response::new(Body::from(vec![1; 2000])))
    })
}

/// Asks on a connection of its own until that fails.
async fn get_one_by_one(number: u64) -> Seen {
    let mut seen = Seen::new();
    let Ok(client) = http::client::Client::connect("server:80").await else { return seen };
    for call in 0.. {
        let path = format!("/{number}/{call}");
        let answer = match client.call(Request::get(&path).body(Body::empty()).unwrap()).await {
            Ok(answer) => answer.into_body().collect(4000).await.map(|body| assert_eq!(body.len(), 2000)),
            Err(error) => Err(error),
        };
        let outcome = answer.map_err(|error| error.begun());
        seen.push((path, outcome));
        if outcome.is_err() {
            break;
        }
    }
    seen
}

/// A drain of an HTTP server on three cores loses no accepted request, on whichever of them it was begun.
#[test]
fn an_http_server_on_three_cores_answers_what_it_has_begun() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let ledger = of_server.clone();
            http::serve_on_cores(listener, move || noting(ledger.clone()))?.await.map(drop)
        });
        sim.set_cores("server", 3);
        drain_under_load(&sim, ledger, get_one_by_one);
    });
}

/// A drain of a pipelined server under load loses no accepted request.
#[test]
fn a_pipelined_server_answers_what_it_has_begun() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let ledger = of_server.clone();
            let service = service_fn(async move |line: String| {
                ledger.begin(&line);
                sleep(millis(3)).await;
                ledger.end(&line);
                Ok::<_, Infallible>(line)
            });
            pipeline::serve(listener, Lines::default(), service).await.map(drop)
        });
        drain_under_load(&sim, ledger, |number| async move {
            let Ok(stream) = connect("server:80").await else { return Seen::new() };
            let client = Rc::new(pipeline::Client::<String, String>::new(stream, Lines::default()));
            four_at_once(number, async move |line| {
                let answer = client.call(line).await;
                answer.map_err(|error| error.begun())
            })
            .await
        });
    });
}

/// A drain of a server of typed calls under load loses no accepted call.
#[test]
fn an_rpc_server_answers_what_it_has_begun() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || serve_clerk(of_server.clone()).await);
        drain_under_load(&sim, ledger, |number| async move {
            let Ok(client) = rpc::Client::connect("server:80").await else { return Seen::new() };
            let clerk = Rc::new(ClerkClient::new(client));
            four_at_once(number, async move |name| {
                let answer = clerk.repeat(name).await;
                answer.map_err(|error| error.begun())
            })
            .await
        });
    });
}

/// A drain of a server that speaks RESP under load loses no accepted command.
#[test]
fn a_server_of_redis_answers_what_it_has_begun() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:6379").await?;
            let ledger = of_server.clone();
            let service = service_fn(async move |command: Command| {
                let name =
                    command.args().last().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
                ledger.begin(&name);
                sleep(millis(3)).await;
                ledger.end(&name);
                Ok::<_, redis::Error>(Value::from(name))
            });
            redis::server::serve(listener, service).await.map(drop)
        });
        drain_under_load(&sim, ledger, |number| async move {
            let client = redis::Client::new("server:6379");
            four_at_once(number, async move |name| match client.call(Command::new("ECHO").arg(name)).await {
                Ok(value) => Ok(String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()),
                Err(error) => Err(error.begun()),
            })
            .await
        });
    });
}

/// Four calls at once, and four more when they are answered, until one fails; each is answered by its own name.
async fn four_at_once<F>(number: u64, call: F) -> Seen
where
    F: AsyncFn(String) -> Result<String, Begun> + 'static,
{
    let (call, mut seen) = (Rc::new(call), Seen::new());
    for round in 0.. {
        let calls: Vec<_> = (0..4)
            .map(|at| {
                let (call, name) = (call.clone(), format!("{number}.{round}.{at}"));
                spawn(async move {
                    let answer = call(name.clone()).await;
                    let outcome = answer.map(|answer| assert_eq!(answer, name));
                    (name, outcome)
                })
            })
            .collect();
        let before = seen.len();
        for call in calls {
            seen.push(call.await.unwrap());
        }
        if seen[before..].iter().any(|(_, outcome)| outcome.is_err()) {
            break;
        }
    }
    seen
}
