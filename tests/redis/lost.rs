//! A server that goes away while calls are under way, and comes back.

use std::time::Duration;

use ekiden::redis::{Ask, Client, Command, Error};
use ekiden::{Begun, Failure, Fault, Service, spawn, timeout};

use crate::{run, server};

/// Has the server stop between two of the calls: it holds all that come behind this.
fn pause() -> Command {
    Command::new("CLIENT PAUSE").arg(60_000).arg("ALL")
}

/// Lets every task have its turns: those that call, and the one that writes.
async fn until_sent() {
    for _ in 0..10 {
        ekiden::yield_now().await;
    }
}

fn incr(key: &str) -> Command {
    Command::new("INCR").arg(key)
}

#[test]
fn whoever_was_amid_a_call_learns_that_nobody_knows_and_the_client_is_back_when_the_server_is() {
    let mut server = server();
    run(async {
        let client = Client::new(server.addr());
        client.call(Command::new("SET").arg("a").arg(1)).await.unwrap();
        client.call(pause()).await.unwrap();
        // They are sent, and the server has them: it answers none.
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let client = client.clone();
                spawn(async move { client.call(incr("a")).await })
            })
            .collect();
        until_sent().await;
        server.kill();
        for call in calls {
            let error = call.await.unwrap().unwrap_err();
            assert!(error.is_lost(), "{error}");
            assert_eq!((error.begun(), error.fault()), (Begun::Unknown, Fault::Network));
        }

        // Those that come now wait for the server to come back.
        let late = spawn({
            let client = client.clone();
            async move { client.ask(incr("a").typed::<i64>()).await }
        });
        ekiden::yield_now().await;
        server.restart();
        let answer = timeout(Duration::from_secs(30), late).await.expect("it is back").unwrap();
        assert_eq!(answer.unwrap(), 1, "it is another server, and the call was made once");
    });
}

#[test]
fn what_was_never_sent_is_told_so() {
    let mut server = server();
    run(async {
        let mut config = ekiden::redis::client::Config::default();
        config.dispatch.in_flight_max = 1;
        let client = Client::with_config(server.addr(), config);
        client.call(pause()).await.unwrap();
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let client = client.clone();
                spawn(async move { client.call(incr("a")).await })
            })
            .collect();
        until_sent().await;
        server.kill();
        let mut begun = Vec::new();
        for call in calls {
            begun.push(call.await.unwrap().unwrap_err().begun());
        }
        // The first was on the wire, the others waited for it.
        assert_eq!(begun, [Begun::Unknown, Begun::No, Begun::No]);
    });
}

#[test]
fn a_call_that_waits_in_vain_is_told_that_it_was_not_begun() {
    let mut server = server();
    server.kill();
    run(async {
        let mut config = ekiden::redis::client::Config::default();
        config.reconnect.wait_timeout = Duration::from_millis(50);
        let client = Client::with_config(server.addr(), config);
        let error: Error = client.call(incr("a")).await.unwrap_err();
        assert_eq!(error.begun(), Begun::No);
        assert!(error.is_retry_safe());
    });
}
