//! Multiplexed clients and servers while the network between them comes and goes.

use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::proto::multiplex::{Client, ClientConfig, Message, ServerConfig};
use ekiden::{MiddlewareExt, Refused, Service, service_fn, sleep, spawn};
use ekiden_sim::check;

use crate::numbered::Numbered;
use crate::{Ledger, connect, millis, told};

/// Under partitions, one way and both, nobody waits for longer than his time-out, each answer is its call's own, and no
/// call is begun twice; what is said not to have been begun was not.
#[test]
fn under_partition_nobody_hangs_and_nothing_is_answered_twice() {
    check(|sim| {
        let ledger = Ledger::default();
        let of_server = ledger.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let ledger = of_server.clone();
            let service = service_fn(async move |req: Message<String>| {
                ledger.begin(&req.head);
                sleep(millis(req.head.len() as u64 % 5)).await;
                ledger.end(&req.head);
                Ok::<_, Refused>(Message::new(format!("re {}", req.head)))
            });
            let mut config = ServerConfig::default();
            config.ping_interval = None;
            // What was lost is sent again ever later, so half a frame may wait for longer than any one partition takes.
            config.frame_timeout = Duration::from_secs(300);
            config.serve(listener, Numbered::<true>::default(), service).await.map(drop)
        });
        sim.run(async move |sim| {
            let stream = connect("server:80").await.unwrap();
            let mut config = ClientConfig::default();
            config.ping_interval = None;
            let (client, connection) = Client::with_config(stream, Numbered::<false>::default(), config);
            drop(spawn(connection));
            let client = Rc::new(client.timeout(Duration::from_secs(5)));
            let faults = sim.clone();
            let faults = spawn(async move {
                for _ in 0..6 {
                    sleep(millis(faults.draw(1..=2000))).await;
                    match faults.draw(0..=3) {
                        0 => faults.partition("main", "server"),
                        1 => faults.partition_one_way("main", "server"),
                        2 => faults.partition_one_way("server", "main"),
                        _ => faults.pause("server"),
                    }
                    sleep(millis(faults.draw(1..=8000))).await;
                    faults.heal("main", "server");
                    faults.resume("server");
                }
            });
            let calls: Vec<_> = (0..60u64)
                .map(|call| {
                    let (client, sim, ledger) = (client.clone(), sim.clone(), ledger.clone());
                    spawn(async move {
                        sleep(millis(sim.draw(0..=30_000))).await;
                        let (name, before) = (format!("call {call}"), sim.now());
                        let answer = client.call(Message::new(name.clone())).await;
                        assert!(sim.now() - before <= millis(5100), "it took {:?}", sim.now() - before);
                        ledger.tell(&name, told(&answer));
                        if let Ok(answer) = answer {
                            assert_eq!(answer.head, format!("re {name}"));
                        }
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
            faults.await.unwrap();
            sleep(Duration::from_secs(300)).await;
            ledger.assert_true();
            // Once all is well again, so is the connection.
            assert_eq!(client.call(Message::new("last".to_owned())).await.unwrap().head, "re last");
        });
    });
}
