//! The example itself, unchanged, in worlds of `ekiden_sim`: axum's router and tower-http's layer included.
#![forbid(unsafe_code)]

#[path = "axum.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is a program, whose `main` is not of a world")]
mod program;

use std::time::Duration;

use ekiden::http::client::Client;
use ekiden::http::{Body, Request};
use ekiden::net::TcpListener;
use ekiden::{MiddlewareExt, Service, sleep, spawn};
use ekiden_sim::check;

/// Under partitions and resets each caller is greeted by its own name, or told in time that it is not.
#[test]
fn each_is_greeted_by_its_own_name_or_told_in_time() {
    check(|sim| {
        sim.host("server", async || {
            let listener = TcpListener::bind("0.0.0.0:80").await.map_err(|error| error.to_string())?;
            program::serve(listener).await.map_err(|error| error.to_string())
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let faults = sim.clone();
            let faults = spawn(async move {
                for _ in 0..5 {
                    sleep(Duration::from_millis(faults.draw(1..=500))).await;
                    match faults.draw(0..=3) {
                        0 => faults.partition("main", "server"),
                        1 => faults.partition_one_way("main", "server"),
                        2 => faults.partition_one_way("server", "main"),
                        _ => faults.reset("main", "server"),
                    }
                    sleep(Duration::from_millis(faults.draw(1..=3000))).await;
                    faults.heal("main", "server");
                }
            });
            let callers: Vec<_> = (0..4)
                .map(|caller| {
                    let sim = sim.clone();
                    spawn(async move {
                        let mut greeted = 0;
                        for round in 0..8 {
                            sleep(Duration::from_millis(sim.draw(0..=500))).await;
                            let before = sim.now();
                            greeted += usize::from(greet(&format!("caller-{caller}-{round}")).await);
                            let took = sim.now() - before;
                            assert!(took < Duration::from_millis(15_200), "{took:?}");
                        }
                        greeted
                    })
                })
                .collect();
            let mut greeted = 0;
            for caller in callers {
                greeted += caller.await.unwrap();
            }
            faults.await.unwrap();
            assert!(greeted > 0);
            sleep(Duration::from_secs(60)).await;
            assert!(greet("last").await, "all is well again");
        });
    });
}

/// Whether the server has greeted, with what the layer adds; by no other name, in any case.
async fn greet(name: &str) -> bool {
    let connected = ekiden::timeout(Duration::from_secs(5), Client::connect("server:80")).await;
    let Ok(Ok(client)) = connected else { return false };
    let client = client.timeout(Duration::from_secs(5));
    let request = Request::get(format!("/greet/{name}")).body(Body::empty()).unwrap();
    let Ok(response) = client.call(request).await else { return false };
    if response.status() != 200 {
        return false;
    }
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    match ekiden::timeout(Duration::from_secs(5), response.into_body().collect(1000)).await {
        Ok(Ok(body)) => {
            assert_eq!(body, format!("hello, {name}\n"));
            true
        }
        _ => false,
    }
}
