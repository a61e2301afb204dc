//! Our client of Redis and our server that speaks RESP: one client, which outlives its connections.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::redis::{Client, Command, Error, Value, server};
use ekiden::{Begun, Failure, Service, service_fn, sleep, spawn};
use ekiden_sim::{Sim, check};

use crate::{Ledger, millis, told};

/// A server that writes down what it begins, by the last argument, answers that, and takes a moment for some. It counts its
/// connections, too.
pub(crate) fn serve_once(sim: &Sim, ledger: &Ledger) -> Rc<Cell<u32>> {
    let (ledger, count) = (ledger.clone(), Rc::new(Cell::new(0)));
    let connections = count.clone();
    sim.host("server", async move || {
        let listener = TcpListener::bind("0.0.0.0:6379").await?;
        let (ledger, connections) = (ledger.clone(), connections.clone());
        let service = service_fn(async move |command: Command| {
            let name = command.args().last().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            ledger.begin(&name);
            if name.ends_with('3') {
                sleep(millis(5)).await;
            }
            ledger.end(&name);
            Ok::<_, Error>(Value::from(name))
        });
        let service = Rc::new(service);
        let serving = server::Config::default().serve_each(listener, move |_peer| {
            connections.set(connections.get() + 1);
            Rc::clone(&service)
        });
        serving.await.map(drop)
    });
    count
}

/// Under resets and crashes each caller hears its own answer or the truth of whether its command was begun, no command is
/// begun twice, and the client is back when the server is; whether the command shares a connection or has its own.
#[test]
fn a_client_of_redis_outlives_its_connections_and_tells_the_truth() {
    check(|sim| {
        let ledger = Ledger::default();
        serve_once(&sim, &ledger);
        sim.run(async move |sim| {
            let client = Client::new("server:6379");
            let faults = sim.clone();
            let faults = spawn(async move {
                for _ in 0..8 {
                    sleep(millis(faults.draw(1..=30))).await;
                    match faults.draw(0..=3) {
                        0 => faults.restart("server"),
                        _ => faults.reset("main", "server"),
                    }
                }
            });
            let calls: Vec<_> = (0..80)
                .map(|call| {
                    let (client, sim, ledger) = (client.clone(), sim.clone(), ledger.clone());
                    spawn(async move {
                        sleep(millis(sim.draw(0..=200))).await;
                        let name = format!("{}{call}", "x".repeat(sim.draw(0..=300) as usize));
                        let verb = if sim.draw(0..=3) == 0 { "BLPOP" } else { "ONCE" };
                        let answer = client.call(Command::new(verb).arg(&name)).await;
                        ledger.tell(&name, told(&answer));
                        assert_eq!(answer.unwrap_or(Value::from(name.clone())), Value::from(name));
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
            faults.await.unwrap();
            sleep(Duration::from_secs(5)).await;
            ledger.assert_true();
            let last = client.call(Command::new("ONCE").arg("last")).await;
            assert_eq!(last.unwrap(), Value::from("last"));
        });
    });
}

/// A server that stops is taken for gone after a minute, by those who wait for answers and by nobody else; and when it goes
/// on, so does the client.
#[test]
fn a_silent_redis_is_given_up_after_a_minute_and_found_again() {
    check(|sim| {
        let ledger = Ledger::default();
        let connections = serve_once(&sim, &ledger);
        sim.run(async move |sim| {
            let client = Client::new("server:6379");
            let call = |verb: &str, name: &str| {
                let (client, command) = (client.clone(), Command::new(verb).arg(name));
                spawn(async move {
                    client.call(command).await.map_err(|error| (error.begun(), error.is_timeout()))
                })
            };
            call("ONCE", "a").await.unwrap().unwrap();
            // Nothing is owed, so it may be silent.
            sleep(Duration::from_secs(1000)).await;
            call("ONCE", "b").await.unwrap().unwrap();
            assert_eq!(connections.get(), 1);
            // This one is on a connection of its own before the server stops.
            let blocks = call("BLPOP", "c3");
            while ledger.begun("c3") == 0 {
                sleep(millis(1)).await;
            }
            sim.pause("server");
            let paused = sim.now();
            sleep(Duration::from_secs(sim.draw(0..=20))).await;
            let called = sim.now();
            let lost = [call("ONCE", "d"), call("ONCE", "e")];
            for lost in lost {
                assert_eq!(lost.await.unwrap(), Err((Begun::Unknown, true)));
            }
            let waited = sim.now() - called;
            assert!((60..62).contains(&waited.as_secs()), "{waited:?} after {paused:?}");
            sim.resume("server");
            assert_eq!(call("ONCE", "f").await.unwrap(), Ok(Value::from("f")));
            assert_eq!(blocks.await.unwrap(), Ok(Value::from("c3")), "it had all the time that there is");
        });
    });
}

/// A caller that gives up takes no answer from another, and groups get their answers together: whoever is left hears its
/// own.
#[test]
fn who_gives_up_on_redis_shifts_no_answers() {
    check(|sim| {
        serve_once(&sim, &Ledger::default());
        sim.run(async |sim| {
            let client = Rc::new(Client::new("server:6379"));
            let calls: Vec<_> = (0..40)
                .map(|call| {
                    let (client, sim) = (client.clone(), sim.clone());
                    spawn(async move {
                        sleep(millis(sim.draw(0..=10))).await;
                        let one = || Command::new("ONCE").arg(call);
                        let (command, expect) = match sim.draw(0..=2) {
                            0 => (one().then(one()), Value::from(vec![call.to_string(), call.to_string()])),
                            _ => (one(), Value::from(call.to_string())),
                        };
                        let patience = millis(sim.draw(0..=60));
                        match ekiden::timeout(patience, client.call(command)).await {
                            Ok(answer) => assert_eq!(answer.unwrap(), expect),
                            Err(_elapsed) => {}
                        }
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
            let last = client.call(Command::new("ONCE").arg("last")).await;
            assert_eq!(last.unwrap(), Value::from("last"));
        });
    });
}
