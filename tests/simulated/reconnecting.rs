//! A client whose connection is made anew whenever it was lost.

use std::rc::Rc;
use std::time::Duration;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline::{self, Client};
use ekiden::{Begun, Failure, MiddlewareExt, Refused, Service, Status, service_fn, sleep, spawn};
use ekiden_sim::check;

use crate::{Ledger, millis};

/// Through resets, partitions and restarts one client goes on: no request is sent twice, each caller hears its own answer or
/// the truth of whether it was begun, nobody waits for longer than he said, and when all is well again so is the client.
#[test]
fn a_client_goes_on_and_sends_nothing_twice() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let ledger = of_server.clone();
            let service = service_fn(async move |line: String| {
                ledger.begin(&line);
                sleep(millis(line.len() as u64 % 5)).await;
                ledger.end(&line);
                Ok::<_, Refused>(line)
            });
            pipeline::serve(listener, Lines::default(), service).await.map(drop)
        });
        sim.run(async move |sim| {
            let connector = service_fn(async |()| match TcpStream::connect("server:80").await {
                Ok(stream) => Ok(Client::<String, String>::new(stream, Lines::default())),
                Err(_) => Err(Refused::new("nobody is there").into()),
            });
            let client = Rc::new(connector.reconnect().timeout(Duration::from_secs(5)));
            let faults = sim.clone();
            let faults = spawn(async move {
                for _ in 0..8 {
                    sleep(millis(faults.draw(1..=500))).await;
                    match faults.draw(0..=4) {
                        0 => faults.restart("server"),
                        1 => faults.partition("main", "server"),
                        2 => faults.partition_one_way("server", "main"),
                        _ => faults.reset("main", "server"),
                    }
                    sleep(millis(faults.draw(1..=2000))).await;
                    faults.heal("main", "server");
                }
            });
            let calls: Vec<_> = (0..60)
                .map(|call| {
                    let (client, sim) = (client.clone(), sim.clone());
                    spawn(async move {
                        sleep(millis(sim.draw(0..=10_000))).await;
                        let line = format!("{}{call}", "x".repeat(sim.draw(0..=300) as usize));
                        let before = sim.now();
                        let answer = client.call(line.clone()).await;
                        assert!(sim.now() - before <= millis(5100), "{:?}", sim.now() - before);
                        (line, answer.map_err(|error| error.begun()))
                    })
                })
                .collect();
            let mut answers = Vec::new();
            for call in calls {
                answers.push(call.await.unwrap());
            }
            faults.await.unwrap();
            sleep(Duration::from_secs(120)).await;
            for (line, answer) in answers {
                let begun = ledger.begun(&line);
                assert!(begun <= 1, "{line} was begun {begun} times");
                match answer {
                    Ok(answer) => assert_eq!((answer, ledger.ended(&line)), (line, 1)),
                    Err(Begun::Yes) => assert_eq!(begun, 1, "{line}"),
                    Err(Begun::No) => assert_eq!(begun, 0, "{line}"),
                    Err(Begun::Unknown) => {}
                }
            }
            assert_eq!(client.status(), Status::Open);
            // Of a restart behind a partition the client hears when it speaks.
            if client.call("probe".to_owned()).await.is_err() {
                assert_eq!(client.call("last".to_owned()).await.unwrap(), "last");
            }
        });
    });
}
