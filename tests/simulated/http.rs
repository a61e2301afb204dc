//! HTTP/1.1, both ends of it ours.

use std::rc::Rc;
use std::time::Duration;

use ekiden::http::client::Client;
use ekiden::http::{self, Body, Request, Response};
use ekiden::net::TcpListener;
use ekiden::{Begun, Failure, Service, service_fn, sleep, spawn};
use ekiden_sim::{Config, Sim, check, check_with};

use crate::{Ledger, millis, told};

/// Answers with the request's body, after a moment.
async fn echo(req: Request<Body>) -> Result<Response<Body>, http::Error> {
    let wait = req.uri().path().len() as u64 % 7;
    let body = req.into_body().collect(1 << 20).await?;
    sleep(millis(wait)).await;
    Ok(Response::new(Body::from(body)))
}

async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    http::serve(listener, service_fn(echo)).await.map(drop)
}

/// Each request is answered, and by its own answer, however late and in whatever pieces bytes come.
#[test]
fn each_request_is_answered_by_its_own_answer() {
    check(requests_get_their_own_answers);
}

/// Connects for as long as TCP says its SYN again: of many seeds there is one in which the first four are lost.
pub(crate) async fn connect_patiently() -> Result<Client, http::Error> {
    let mut config = http::client::Config::default();
    config.connect_timeout = Duration::from_secs(130);
    Client::connect_with(config, "server:80").await
}

pub(crate) fn requests_get_their_own_answers(sim: Sim) {
    sim.host("server", serve);
    sim.run(async |sim| {
        sleep(millis(1)).await;
        let connections: Vec<_> = (0..3u64)
            .map(|connection| {
                let sim = sim.clone();
                spawn(async move {
                    let client = Rc::new(connect_patiently().await?);
                    let calls: Vec<_> = (0..4u64)
                        .map(|call| {
                            let (client, size) = (client.clone(), sim.draw(0..=5000));
                            spawn(async move {
                                let body = vec![(16 * connection + call) as u8; size as usize];
                                let path = format!("/{}", "x".repeat(size as usize % 10));
                                let req = Request::post(path).body(Body::from(body.clone())).unwrap();
                                let answer = client.call(req).await?.into_body().collect(1 << 20).await?;
                                assert!(answer == body, "{} bytes for {size}", answer.len());
                                Ok::<_, http::Error>(())
                            })
                        })
                        .collect();
                    for call in calls {
                        call.await.unwrap()?;
                    }
                    Ok::<_, http::Error>(())
                })
            })
            .collect();
        for connection in connections {
            connection.await.unwrap().unwrap();
        }
    });
}

/// So it is where every tenth segment is lost.
#[test]
fn each_request_is_answered_where_segments_are_lost() {
    let mut config = Config::default();
    config.segment_lost_one_in = 10;
    check_with(&config, requests_get_their_own_answers);
}

/// Amid resets each caller is told the truth of whether its request was begun, and none waits for ever.
#[test]
fn amid_resets_each_caller_is_told_the_truth() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let ledger = of_server.clone();
            let service = service_fn(async move |req: Request<Body>| {
                let path = req.uri().path().to_owned();
                ledger.begin(&path);
                let answer = echo(req).await;
                ledger.end(&path);
                answer
            });
            http::serve(listener, service).await.map(drop)
        });
        sim.run(async move |sim| {
            sleep(millis(1)).await;
            let breaks = sim.clone();
            let breaks = spawn(async move {
                for _ in 0..10 {
                    sleep(millis(breaks.draw(1..=40))).await;
                    breaks.reset("main", "server");
                }
            });
            for round in 0..10 {
                let Ok(client) = Client::connect("server:80").await else { continue };
                for call in 0..5 {
                    let path = format!("/{round}/{call}");
                    let body = Body::from(vec![7; sim.draw(0..=3000) as usize]);
                    let answer = client.call(Request::post(&path).body(body).unwrap()).await;
                    ledger.tell(&path, told(&answer));
                    if answer.is_err() {
                        break;
                    }
                }
            }
            breaks.await.unwrap();
            sleep(Duration::from_secs(5)).await;
            ledger.assert_true();
        });
    });
}

/// A connection that a partition has cut neither hangs its caller for longer than its time-out, nor answers it wrongly.
#[test]
fn a_partition_hangs_nobody() {
    use ekiden::MiddlewareExt;
    check(|sim| {
        sim.host("server", serve);
        sim.run(async |sim| {
            sleep(millis(1)).await;
            let client = Client::connect("server:80").await.unwrap().timeout(Duration::from_secs(10));
            let faults = sim.clone();
            drop(spawn(async move {
                sleep(millis(faults.draw(0..=30))).await;
                match faults.draw(0..=2) {
                    0 => faults.partition("main", "server"),
                    1 => faults.partition_one_way("main", "server"),
                    _ => faults.partition_one_way("server", "main"),
                }
                sleep(millis(faults.draw(0..=20_000))).await;
                faults.heal("main", "server");
            }));
            for call in 0..20u8 {
                let before = sim.now();
                let req = Request::post("/").body(Body::from(vec![call; 100])).unwrap();
                let answer = client.call(req).await;
                assert!(sim.now() - before <= Duration::from_millis(10_100), "{:?}", sim.now() - before);
                match answer {
                    Ok(answer) => match answer.into_body().collect(1000).await {
                        Ok(body) => assert_eq!(body, vec![call; 100]),
                        Err(error) => assert_ne!(error.begun(), Begun::No),
                    },
                    Err(_) => break,
                }
            }
        });
    });
}
