//! Typed calls, by a trait.

use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::rpc::{self, Client};
use ekiden::{MiddlewareExt, sleep, spawn, timeout};
use ekiden_sim::check;
use futures_util::stream::{self, Stream, StreamExt};

use crate::{Ledger, millis, told};

#[ekiden::rpc]
pub(crate) trait Clerk {
    async fn repeat(&self, name: String) -> String;
    async fn count(&self, to: u32) -> impl Stream<Item = u32>;
    async fn sum(&self, numbers: impl Stream<Item = u32>) -> u64;
}

struct Desk(Ledger);

impl Clerk for Desk {
    async fn repeat(&self, name: String) -> String {
        self.0.begin(&name);
        sleep(millis(name.len() as u64 % 5)).await;
        self.0.end(&name);
        name
    }

    async fn count(&self, to: u32) -> impl Stream<Item = u32> {
        stream::iter(0..to)
    }

    async fn sum(&self, numbers: impl Stream<Item = u32>) -> u64 {
        numbers.fold(0, async |sum, number| sum + u64::from(number)).await
    }
}

pub(crate) async fn serve(ledger: Ledger) -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    rpc::serve(listener, ClerkServer::new(Desk(ledger))).await.map(drop)
}

/// Under partitions, resets and restarts nobody waits for longer than his time-out, each hears his own answer or the truth of
/// whether his call was begun, and none is begun twice.
#[test]
fn under_faults_each_caller_is_told_the_truth_in_time() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || serve(of_server.clone()).await);
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
            for round in 0..12 {
                sleep(millis(sim.draw(0..=1000))).await;
                let connected = timeout(Duration::from_secs(5), Client::connect("server:80")).await;
                let Ok(Ok(client)) = connected else { continue };
                let clerk = Rc::new(ClerkClient::new(client.timeout(Duration::from_secs(5))));
                let round: Vec<_> = (0..5)
                    .map(|call| {
                        let (clerk, sim, ledger) = (clerk.clone(), sim.clone(), ledger.clone());
                        spawn(async move {
                            sleep(millis(sim.draw(0..=200))).await;
                            let name = format!("{}{round}.{call}", "x".repeat(sim.draw(0..=300) as usize));
                            let before = sim.now();
                            let answer = clerk.repeat(name.clone()).await;
                            assert!(sim.now() - before <= millis(5100), "{:?}", sim.now() - before);
                            ledger.tell(&name, told(&answer));
                            assert_eq!(answer.unwrap_or(name.clone()), name);
                        })
                    })
                    .collect();
                for call in round {
                    call.await.unwrap();
                }
            }
            faults.await.unwrap();
            sleep(Duration::from_secs(120)).await;
            ledger.assert_true();
        });
    });
}

/// A stream is whole and in order, either way, or it ends by an error: a part is never taken for all.
#[test]
fn a_stream_is_whole_or_ends_by_an_error() {
    check(|sim| {
        sim.host("server", async || serve(Ledger::default()).await);
        sim.run(async |sim| {
            sleep(millis(1)).await;
            let clerk = ClerkClient::new(Client::connect("server:80").await.unwrap());
            let is_reset = sim.draw(0..=1) == 1;
            let faults = sim.clone();
            let faults = spawn(async move {
                sleep(millis(faults.draw(1..=60))).await;
                if is_reset {
                    faults.reset("main", "server");
                }
            });
            let to = sim.draw(0..=3000) as u32;
            let summed = clerk.sum(stream::iter(0..to)).await;
            match &summed {
                Ok(sum) => assert_eq!(*sum, (0..u64::from(to)).sum::<u64>()),
                Err(error) => assert!(is_reset, "{error}"),
            }
            if let Ok(mut counted) = clerk.count(to).await {
                let mut next = 0;
                while let Some(item) = counted.next().await {
                    match item {
                        Ok(item) => assert_eq!(item, next),
                        Err(error) => {
                            assert!(is_reset, "{error}");
                            next = to;
                            break;
                        }
                    }
                    next += 1;
                }
                assert_eq!(next, to);
            } else {
                assert!(is_reset);
            }
            faults.await.unwrap();
        });
    });
}
