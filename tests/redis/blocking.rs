//! Commands that wait on purpose.

use std::rc::Rc;
use std::time::Duration;

use ekiden::redis::client::Config;
use ekiden::redis::commands::{Position, Wait, incr, xgroup_create, xreadgroup};
use ekiden::redis::{Ask, Client, Command, Commands, Error};
use ekiden::{Begun, Failure, Fault, Service, Status, spawn, timeout, yield_now};

use crate::{run, server};

fn blpop(key: &str) -> Command {
    Command::new("BLPOP").arg(key).arg(0)
}

fn push(key: &str, value: &str) -> Command {
    Command::new("RPUSH").arg(key).arg(value)
}

/// Waits until so many clients are blocked at the server.
async fn until_blocked(client: &Client, count: usize) {
    loop {
        let info = client.ask(Command::new("INFO").arg("clients").typed::<String>()).await.unwrap();
        if info.contains(&format!("blocked_clients:{count}\r")) {
            return;
        }
        yield_now().await;
    }
}

#[test]
fn whoever_waits_holds_up_nobody() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let waiting = spawn({
            let client = client.clone();
            async move { client.ask(blpop("queue").typed::<(String, String)>()).await }
        });
        until_blocked(&client, 1).await;
        client.call(push("queue", "job")).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), ("queue".to_owned(), "job".to_owned()));
    });
}

#[test]
fn whatever_its_group_and_consumer_are_called_it_holds_up_nobody() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        for (group, consumer) in [("streams", "me"), ("group", "STREAMS"), ("block", "count")] {
            client.ask(xgroup_create(group, group, Position::Start).mkstream()).await.unwrap();
            let waiting = spawn({
                let client = client.clone();
                let read = xreadgroup(group, consumer, [(group, Position::New)]).block(Wait::Forever);
                async move { client.ask(read).await }
            });
            // Behind it on one connection nobody would be answered, and so never told that it waits.
            let blocked = timeout(Duration::from_secs(30), until_blocked(&client, 1)).await;
            blocked.unwrap_or_else(|_| panic!("all wait behind a reader of {group} called {consumer}"));
            client.call(Command::new("XADD").arg(group).arg("*").arg(("field", "value"))).await.unwrap();
            assert_eq!(waiting.await.unwrap().unwrap().len(), 1);
        }
    });
}

#[test]
fn a_transaction_that_the_server_does_not_begin_holds_up_nobody() {
    let server = server();
    run(async {
        let admin = Client::new(server.addr());
        admin.acl_setuser("ada", ["on", ">pw", "~*", "&*", "+@all", "-multi"]).await.unwrap();
        let mut config = Config::default();
        (config.username, config.password) = (Some("ada".into()), Some("pw".into()));
        let client = Client::with_config(server.addr(), config);
        let waiting = spawn({
            let client = client.clone();
            let both = (blpop("queue").typed::<(String, String)>(), incr("n"));
            async move { client.transaction(both).await }
        });
        until_blocked(&admin, 1).await;
        timeout(Duration::from_secs(30), client.ping()).await.expect("nobody waits behind it").unwrap();
        client.call(push("queue", "job")).await.unwrap();
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!((error.as_server().unwrap().code(), error.begun()), ("NOPERM", Begun::Yes));
    });
}

#[test]
fn what_is_taken_is_taken_by_somebody_who_is_there() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let gone = spawn({
            let client = client.clone();
            async move { client.call(blpop("queue")).await }
        });
        until_blocked(&client, 1).await;
        gone.abort_handle().abort();
        drop(gone);
        // Its connection is gone with it, so the server gives it nothing.
        until_blocked(&client, 0).await;
        client.call(push("queue", "job")).await.unwrap();
        let length = client.ask(Command::new("LLEN").arg("queue").typed::<i64>()).await.unwrap();
        assert_eq!(length, 1);
    });
}

#[test]
fn a_connection_of_ones_own_ends_with_a_call_that_is_given_up() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let own = client.dedicated().await.unwrap();
        {
            let mut waiting = std::pin::pin!(own.call(blpop("queue")));
            let mut blocked = std::pin::pin!(until_blocked(&client, 1));
            std::future::poll_fn(|cx| {
                assert!(waiting.as_mut().poll(cx).is_pending());
                blocked.as_mut().poll(cx)
            })
            .await;
        }
        until_blocked(&client, 0).await;
        client.call(push("queue", "job")).await.unwrap();
        assert_eq!(client.ask(Command::new("LLEN").arg("queue").typed::<i64>()).await.unwrap(), 1);
        assert_eq!(own.status(), Status::Closed);
        assert_eq!(own.call(Command::new("PING")).await.unwrap_err().begun(), Begun::No);
    });
}

#[test]
fn a_call_that_is_given_up_takes_nothing_while_another_waits_behind_it() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let own = Rc::new(client.dedicated().await.unwrap());
        let call = |command| {
            let own = Rc::clone(&own);
            spawn(async move { own.call(command).await })
        };
        let gone = call(blpop("queue"));
        until_blocked(&client, 1).await;
        let behind = call(Command::new("PING"));
        yield_now().await;
        gone.abort_handle().abort();
        drop(gone);
        let behind = timeout(Duration::from_secs(30), behind).await.expect("it is told").unwrap();
        assert!(behind.unwrap_err().is_lost());
        until_blocked(&client, 0).await;
        client.call(push("queue", "job")).await.unwrap();
        assert_eq!(client.ask(Command::new("LLEN").arg("queue").typed::<i64>()).await.unwrap(), 1);
    });
}

#[test]
fn a_call_waits_for_a_server_that_is_away() {
    let mut server = server();
    run(async {
        let mut config = Config::default();
        config.reconnect.wait_timeout = Duration::from_secs(60);
        let client = Client::with_config(server.addr(), config);
        client.call(Command::new("PING")).await.unwrap();
        server.kill();
        let waiting = spawn({
            let client = client.clone();
            async move { client.ask(blpop("queue").typed::<(String, String)>()).await }
        });
        yield_now().await;
        server.restart();
        client.call(push("queue", "job")).await.unwrap();
        let waited = timeout(Duration::from_secs(60), waiting).await.expect("it is back").unwrap();
        assert_eq!(waited.unwrap().1, "job");

        server.kill();
        let mut config = Config::default();
        config.reconnect.wait_timeout = Duration::from_millis(50);
        let error = Client::with_config(server.addr(), config).call(blpop("queue")).await.unwrap_err();
        assert_eq!((error.begun(), error.fault()), (Begun::No, Fault::Network));
    });
}

#[test]
fn a_connection_that_has_waited_is_used_again() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let mut ids = Vec::new();
        for _ in 0..3 {
            client.call(push("queue", "job")).await.unwrap();
            client.call(blpop("queue")).await.unwrap();
            let list = Command::new("CLIENT LIST").typed::<String>();
            let list = client.ask(list).await.unwrap();
            let blpop = list.lines().filter(|line| line.contains(" cmd=blpop"));
            ids.extend(blpop.map(|line| line.split(' ').next().unwrap_or_default().to_owned()));
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
    });
}

#[test]
fn more_than_may_wait_are_refused() {
    let server = server();
    run(async {
        let mut config = Config::default();
        config.blocking_max = 1;
        let client = Client::with_config(server.addr(), config);
        let waiting = spawn({
            let client = client.clone();
            async move { client.call(blpop("queue")).await }
        });
        until_blocked(&client, 1).await;
        let error: Error = client.call(blpop("queue")).await.unwrap_err();
        assert_eq!(error.begun(), Begun::No);
        client.call(push("queue", "job")).await.unwrap();
        timeout(Duration::from_secs(30), waiting).await.expect("it is served").unwrap().unwrap();
    });
}

#[test]
fn a_stream_is_waited_for_too() {
    let server = server();
    run(async {
        let client = Client::new(server.addr());
        let waiting = spawn({
            let client = client.clone();
            let read = Command::new("XREAD").arg("BLOCK").arg(0).arg("STREAMS").arg("s").arg("$");
            async move { client.call(read).await }
        });
        until_blocked(&client, 1).await;
        client.call(Command::new("XADD").arg("s").arg("*").arg(("field", "value"))).await.unwrap();
        assert!(!waiting.await.unwrap().unwrap().is_nil());
    });
}
