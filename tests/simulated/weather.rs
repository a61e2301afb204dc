//! Our protocols in bad weather: faults that a profile draws, for ten seconds, and what must be so during it and after.

use std::rc::Rc;
use std::time::Duration;

use ekiden::http::{self, Body, Request, Response};
use ekiden::net::TcpListener;
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline;
use ekiden::redis::{self, Command, Commands, FromValue};
use ekiden::rpc;
use ekiden::{Begun, Failure, Service, service_fn, sleep, spawn, timeout};
use ekiden_sim::oracle::{Ledger, Told, Writes};
use ekiden_sim::{Profile, Sim, check};

use crate::rpc::{ClerkClient, serve as serve_clerk};
use crate::{counting, millis, pipelines, redis as our_redis, told};

/// How long the weather is bad.
const SPAN: Duration = Duration::from_secs(10);

/// How long anybody waits for anything.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long after it all must be well: whoever had begun to connect to somebody who forgot it waits for that in vain, and
/// then for as long as befits one who has failed so often.
const RECOVERY: Duration = Duration::from_secs(90);

/// A client whose server repeats what it is told.
trait Repeats: 'static {
    type Error: Failure;

    async fn repeat(&self, name: &str) -> Result<String, Self::Error>;
}

/// Five calls at a time of a client, as long as the weather is bad and a while longer: each caller is told the truth, in time,
/// or hears his own answer. After that all is well again: all five are answered, nobody waits in vain, and the server has
/// forgotten whom it lost. `clients` makes one, or has one already.
fn in_weather<C: Repeats>(
    sim: &Sim,
    profile: Profile,
    ledger: Ledger,
    clients: impl AsyncFn() -> Option<Rc<C>> + 'static,
) {
    sim.draw_faults(profile, SPAN);
    sim.run(async move |sim| {
        let (mut round, mut answered) = (0, 0);
        while sim.now() < SPAN + Duration::from_secs(5) || answered < 5 {
            assert!(sim.now() < SPAN + RECOVERY, "the weather is good again, and calls are not answered");
            answered = 0;
            sleep(millis(sim.draw(1..=500))).await;
            let connected = timeout(PATIENCE, clients()).await;
            let Ok(Some(client)) = connected else { continue };
            round += 1;
            let calls: Vec<_> = (0..5)
                .map(|call| {
                    let name = format!("{round}.{call}.{}", "x".repeat(sim.draw(0..=300) as usize));
                    spawn(call_once(sim.clone(), ledger.clone(), client.clone(), name))
                })
                .collect();
            for call in calls {
                answered += u32::from(call.await.unwrap() == Told::Answer);
            }
        }
        drop(clients);
        sleep(Duration::from_secs(600)).await;
        ledger.assert_true();
        sim.assert_nobody_waits_in_vain();
        let tasks = sim.tasks("server");
        assert_eq!(tasks.len(), 2, "a connection is not forgotten: {tasks:#?}");
    });
}

async fn call_once(sim: Sim, ledger: Ledger, client: Rc<impl Repeats>, name: String) -> Told {
    let before = sim.now();
    let answer = timeout(PATIENCE, client.repeat(&name)).await;
    assert!(sim.now() - before <= PATIENCE + millis(100), "it took {:?}", sim.now() - before);
    let told = answer.map_or(Told::Unknown, |answer| {
        let told = told(&answer);
        assert_eq!(answer.unwrap_or_else(|_| name.clone()), name);
        told
    });
    ledger.tell(&name, told);
    told
}

struct OverHttp(http::client::Client);

impl Repeats for OverHttp {
    type Error = http::Error;

    async fn repeat(&self, name: &str) -> Result<String, http::Error> {
        let req = Request::post(format!("/{name}")).body(Body::from("x".repeat(name.len()))).unwrap();
        let answer = self.0.call(req).await?.into_body().collect(1 << 20).await?;
        Ok(String::from_utf8(answer.to_vec()).unwrap())
    }
}

fn over_http(sim: &Sim, profile: Profile) {
    let ledger = Ledger::default();
    let of_server = ledger.clone();
    sim.host("server", async move || {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let ledger = of_server.clone();
        let service = service_fn(async move |req: Request<Body>| {
            let name = req.uri().path()[1..].to_owned();
            ledger.begin(&name);
            sleep(millis(name.len() as u64 % 7)).await;
            req.into_body().collect(1 << 20).await?;
            ledger.end(&name);
            Ok::<_, http::Error>(Response::new(Body::from(name)))
        });
        http::serve(listener, service).await.map(drop)
    });
    in_weather(sim, profile, ledger, async || {
        Some(Rc::new(OverHttp(http::client::Client::connect("server:80").await.ok()?)))
    });
}

/// On a rough day a caller of HTTP hears his own answer or the truth, in time, and after it all is well.
#[test]
fn http_on_a_rough_day() {
    check(|sim| over_http(&sim, Profile::Rough));
}

/// So it is when whatever can go wrong does.
#[test]
fn http_in_hostile_weather() {
    check(|sim| over_http(&sim, Profile::Hostile));
}

struct OverRpc(ClerkClient<rpc::Client>);

impl Repeats for OverRpc {
    type Error = rpc::Error;

    async fn repeat(&self, name: &str) -> Result<String, rpc::Error> {
        self.0.repeat(name.to_owned()).await
    }
}

/// In hostile weather a caller of an RPC hears his own answer or the truth, in time, and after it all is well.
#[test]
fn rpc_in_hostile_weather() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || serve_clerk(of_server.clone()).await);
        in_weather(&sim, Profile::Hostile, ledger, async || {
            Some(Rc::new(OverRpc(ClerkClient::new(rpc::Client::connect("server:80").await.ok()?))))
        });
    });
}

struct OverRedis(redis::Client);

impl Repeats for OverRedis {
    type Error = redis::Error;

    async fn repeat(&self, name: &str) -> Result<String, redis::Error> {
        FromValue::from_value(self.0.call(Command::new("ONCE").arg(name)).await?)
    }
}

/// One client of Redis lives through hostile weather: its callers hear their own answers or the truth, in time, and when the
/// weather is good it is as if nothing had been.
#[test]
fn redis_in_hostile_weather() {
    check(|sim| {
        let ledger = Ledger::default();
        drop(our_redis::serve_once(&sim, &ledger));
        let client = Rc::new(OverRedis(redis::Client::new("server:6379")));
        in_weather(&sim, Profile::Hostile, ledger, async move || Some(client.clone()));
    });
}

struct OverLines(pipeline::Client<String, String>);

impl Repeats for OverLines {
    type Error = pipeline::Error;

    async fn repeat(&self, name: &str) -> Result<String, pipeline::Error> {
        self.0.call(name.to_owned()).await
    }
}

/// In hostile weather a caller over a pipeline hears his own answer or the truth, in time, and after it all is well.
#[test]
fn pipelines_in_hostile_weather() {
    check(|sim| {
        let ledger = Ledger::default();
        pipelines::serve_lines(&sim, &ledger);
        in_weather(&sim, Profile::Hostile, ledger, async || {
            let stream = ekiden::net::TcpStream::connect("server:80").await.ok()?;
            Some(Rc::new(OverLines(pipeline::Client::new(stream, Lines::default()))))
        });
    });
}

/// On a calm day, when links are only slow now and then, every call is answered.
#[test]
fn on_a_calm_day_nothing_fails() {
    check(|sim| {
        counting::serve(&sim);
        sim.draw_faults(Profile::Calm, SPAN);
        sim.run(async |sim| {
            sleep(millis(1)).await;
            let client = redis::Client::new("server:6379");
            for call in 0..60i64 {
                sleep(millis(sim.draw(0..=300))).await;
                assert_eq!(timeout(PATIENCE, client.incr("count")).await.unwrap().unwrap(), call + 1);
            }
        });
    });
}

/// Nothing that a store has acknowledged is lost in hostile weather, as long as the store itself stands.
#[test]
fn what_a_store_has_acknowledged_is_kept() {
    check(|sim| {
        counting::serve(&sim);
        sim.spare("server");
        sim.draw_faults(Profile::Hostile, SPAN);
        sim.run(async |sim| {
            sleep(millis(1)).await;
            let (client, writes) = (Rc::new(redis::Client::new("server:6379")), Writes::default());
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (sim, client, writes) = (sim.clone(), client.clone(), writes.clone());
                    spawn(async move {
                        for round in 0..20 {
                            sleep(millis(sim.draw(0..=1000))).await;
                            let (key, value) = (sim.draw(0..=2).to_string(), format!("{writer}.{round}"));
                            let write = writes.begin(key.clone(), value.clone());
                            match timeout(PATIENCE, client.set(&key, &value)).await {
                                Ok(Ok(_)) => write.acknowledged(),
                                Ok(Err(error)) if error.begun() == Begun::No => write.refused(),
                                _ => {}
                            }
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.await.unwrap();
            }
            sleep(Duration::from_secs(300)).await;
            for key in writes.keys() {
                let found = client.get::<String>(&key).await.unwrap();
                writes.assert_kept(&key, found.as_ref());
            }
        });
    });
}
