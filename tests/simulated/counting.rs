//! Our Redis client against the server of the `kv` example, which is the example itself.

use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::redis::{Client, Commands};
use ekiden::{Begun, Failure, MiddlewareExt, sleep, spawn};
use ekiden_sim::{Sim, check};

use crate::{kv, millis};

pub(crate) fn serve(sim: &Sim) {
    sim.host("server", async || {
        let listener = TcpListener::bind("0.0.0.0:6379").await.map_err(|error| error.to_string())?;
        kv::serve(listener).await.map_err(|error| error.to_string())
    });
}

/// Each caller of many has its own answer, also where they share a connection.
#[test]
fn each_caller_has_its_own_answer() {
    check(|sim| {
        serve(&sim);
        sim.run(async |sim| {
            sleep(millis(1)).await;
            let client = Rc::new(Client::new("server:6379").timeout(Duration::from_secs(5)));
            let callers: Vec<_> = (0..10)
                .map(|caller| {
                    let (client, sim) = (client.clone(), sim.clone());
                    spawn(async move {
                        let key = format!("key {caller}");
                        for round in 0..5 {
                            let value = format!("{caller}.{round}{}", "x".repeat(sim.draw(0..=500) as usize));
                            client.set(&key, &value).await.unwrap();
                            sleep(millis(sim.draw(0..=3))).await;
                            assert_eq!(client.get::<String>(&key).await.unwrap(), Some(value));
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.await.unwrap();
            }
        });
    });
}

/// Nothing that was acknowledged is lost, and nothing is done twice, while the connection is reset and the link cut: a
/// counter has been raised by each call that was answered, and at most by those of which nobody can tell.
#[test]
fn what_was_acknowledged_is_done_and_done_once() {
    check(|sim| {
        serve(&sim);
        sim.run(async |sim| {
            sleep(millis(1)).await;
            let client = Rc::new(Client::new("server:6379").timeout(Duration::from_secs(5)));
            let faults = sim.clone();
            let faults = spawn(async move {
                for _ in 0..6 {
                    sleep(millis(faults.draw(1..=1000))).await;
                    match faults.draw(0..=3) {
                        0 => faults.partition("main", "server"),
                        1 => faults.partition_one_way("server", "main"),
                        _ => faults.reset("main", "server"),
                    }
                    sleep(millis(faults.draw(1..=3000))).await;
                    faults.heal("main", "server");
                }
            });
            let callers: Vec<_> = (0..8)
                .map(|_| {
                    let (client, sim) = (client.clone(), sim.clone());
                    spawn(async move {
                        let (mut done, mut unknown) = (0, 0);
                        for _ in 0..15 {
                            sleep(millis(sim.draw(0..=1000))).await;
                            let before = sim.now();
                            match client.incr("count").await {
                                Ok(_) => done += 1,
                                Err(error) if error.begun() == Begun::No => {}
                                Err(_) => unknown += 1,
                            }
                            assert!(sim.now() - before <= millis(5100), "{:?}", sim.now() - before);
                        }
                        (done, unknown)
                    })
                })
                .collect();
            let (mut done, mut unknown) = (0, 0);
            for caller in callers {
                let (its_done, its_unknown) = caller.await.unwrap();
                done += its_done;
                unknown += its_unknown;
            }
            faults.await.unwrap();
            sleep(Duration::from_secs(300)).await;
            let count = client.get::<i64>("count").await.unwrap().unwrap_or(0);
            assert!((done..=done + unknown).contains(&count), "{count}, of {done} and perhaps {unknown}");
        });
    });
}
