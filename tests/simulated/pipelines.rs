//! Pipelined clients and servers, of lines.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline::{self, Client};
use ekiden::{Service, service_fn, sleep, spawn};
use ekiden_sim::{Sim, check};

use crate::{Ledger, connect, millis, told};

/// A server of lines, which writes down what it begins and takes a moment for some.
pub(crate) fn serve_lines(sim: &Sim, ledger: &Ledger) {
    let ledger = ledger.clone();
    sim.host("server", async move || {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let ledger = ledger.clone();
        let service = service_fn(async move |line: String| {
            ledger.begin(&line);
            if line.ends_with('3') {
                sleep(millis(5)).await;
            }
            ledger.end(&line);
            Ok::<_, Infallible>(line)
        });
        pipeline::serve(listener, Lines::default(), service).await.map(drop)
    });
}

/// Under resets and crashes each caller hears its own answer or the truth of whether its request was begun, and no request
/// is begun twice.
#[test]
fn under_resets_each_caller_is_told_the_truth() {
    check(|sim| {
        let ledger = Ledger::default();
        serve_lines(&sim, &ledger);
        sim.run(async move |sim| {
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
            for round in 0..8 {
                let Ok(stream) = connect("server:80").await else { continue };
                let client = Rc::new(Client::<String, String>::new(stream, Lines::default()));
                let round: Vec<_> = (0..10)
                    .map(|call| {
                        let (client, line) = (client.clone(), format!("{round}.{call}"));
                        let padding = "x".repeat(sim.draw(0..=300) as usize);
                        let line = format!("{padding}{line}");
                        let ledger = ledger.clone();
                        spawn(async move {
                            let answer = client.call(line.clone()).await;
                            ledger.tell(&line, told(&answer));
                            assert_eq!(answer.unwrap_or(line.clone()), line);
                        })
                    })
                    .collect();
                for call in round {
                    call.await.unwrap();
                }
            }
            faults.await.unwrap();
            sleep(Duration::from_secs(5)).await;
            ledger.assert_true();
        });
    });
}

/// A caller that gives up takes no answer from another: whoever is left hears its own.
#[test]
fn who_gives_up_shifts_no_answers() {
    check(|sim| {
        serve_lines(&sim, &Ledger::default());
        sim.run(async |sim| {
            let client = Client::<String, String>::new(connect("server:80").await.unwrap(), Lines::default());
            let client = Rc::new(client);
            let calls: Vec<_> = (0..40)
                .map(|call| {
                    let (client, sim) = (client.clone(), sim.clone());
                    spawn(async move {
                        sleep(millis(sim.draw(0..=10))).await;
                        let line = format!("{call}");
                        let patience = millis(sim.draw(0..=20));
                        match ekiden::timeout(patience, client.call(line.clone())).await {
                            Ok(answer) => assert_eq!(answer.unwrap(), line),
                            Err(_elapsed) => {}
                        }
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
            assert_eq!(client.call("last".to_owned()).await.unwrap(), "last");
        });
    });
}
