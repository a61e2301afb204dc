//! Our client of Redis and our server that speaks RESP: one client, which outlives its connections.

use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::redis::{Client, Command, Error, Value, server};
use ekiden::{Begun, Failure, Service, service_fn, sleep, spawn};
use ekiden_sim::{Sim, check};

use crate::{Ledger, millis};

/// A server that writes down what it begins, by the last argument, answers that, and takes a moment for some.
fn serve_once(sim: &Sim, ledger: &Ledger) {
    let ledger = ledger.clone();
    sim.host("server", async move || {
        let listener = TcpListener::bind("0.0.0.0:6379").await?;
        let ledger = ledger.clone();
        let service = service_fn(async move |command: Command| {
            let name = command.args().last().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            ledger.begin(&name);
            if name.ends_with('3') {
                sleep(millis(5)).await;
            }
            ledger.end(&name);
            Ok::<_, Error>(Value::from(name))
        });
        server::serve(listener, service).await.map(drop)
    });
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
                    let (client, sim) = (client.clone(), sim.clone());
                    spawn(async move {
                        sleep(millis(sim.draw(0..=200))).await;
                        let name = format!("{}{call}", "x".repeat(sim.draw(0..=300) as usize));
                        let verb = if sim.draw(0..=3) == 0 { "BLPOP" } else { "ONCE" };
                        let answer = client.call(Command::new(verb).arg(&name)).await;
                        (name, answer.map_err(|error| error.begun()))
                    })
                })
                .collect();
            let mut answers = Vec::new();
            for call in calls {
                answers.push(call.await.unwrap());
            }
            faults.await.unwrap();
            sleep(Duration::from_secs(5)).await;
            for (name, answer) in answers {
                let begun = ledger.begun(&name);
                assert!(begun <= 1, "{name} was begun {begun} times");
                match answer {
                    Ok(answer) => {
                        assert_eq!(answer, Value::from(name.clone()));
                        assert_eq!(ledger.ended(&name), 1);
                    }
                    Err(Begun::Yes) => assert_eq!(begun, 1, "{name}"),
                    Err(Begun::No) => assert_eq!(begun, 0, "{name}"),
                    Err(Begun::Unknown) => {}
                }
            }
            let last = client.call(Command::new("ONCE").arg("last")).await;
            assert_eq!(last.unwrap(), Value::from("last"));
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
