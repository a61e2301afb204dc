//! More callers than one connection may have: some wait, and what is beyond that is refused and can be asked again.

use std::rc::Rc;

use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{JoinHandle, Latch, run, spawn, yield_now};
use ekiden_redis::client::Config;
use ekiden_redis::{Client, Command, Error, Value, server};
use ekiden_service::{Begun, Failure, Fault, Service, service_fn};

type Call = JoinHandle<Result<Value, Error>>;

/// So many calls at once, after which all has happened that can.
async fn ask(client: &Client, calls: usize) -> Vec<Call> {
    let asked = (0..calls).map(|n| {
        let client = client.clone();
        spawn(async move { client.call(Command::new("ECHO").arg(n)).await })
    });
    let asked: Vec<_> = asked.collect();
    for _ in 0..20 {
        yield_now().await;
    }
    asked
}

/// Those that have ended are these, by an error that says so of itself.
async fn refused(calls: &mut Vec<Call>, from: usize, why: &str) {
    let ended: Vec<_> = calls.iter().map(Call::is_finished).collect();
    assert_eq!(ended, (0..calls.len()).map(|n| n >= from).collect::<Vec<_>>());
    for call in calls.drain(from..) {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((error.begun(), error.fault(), error.is_timeout()), (Begun::No, Fault::Service, false));
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        assert_eq!(causes.join(": "), why);
    }
}

#[test]
fn beyond_those_in_flight_and_those_that_wait_calls_are_refused() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::default();
        (config.dispatch.in_flight_max, config.dispatch.queue_max) = (2, 3);
        let client = Client::with_config(listener.local_addr().unwrap(), config);
        let answers = Rc::<Latch>::default();
        let opened = Rc::clone(&answers);
        let _server = server::serve(
            listener,
            service_fn(async move |command: Command| {
                opened.wait().await;
                Ok::<_, Error>(Value::Bulk(command.args().nth(1).unwrap_or_default().to_vec().into()))
            }),
        );
        client.connect().await.unwrap();
        let mut calls = ask(&client, 7).await;
        refused(&mut calls, 5, "the call was not begun: refused: too many calls wait for this connection")
            .await;
        answers.open();
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), Value::from(n.to_string()));
        }
        assert_eq!(client.call(Command::new("ECHO").arg("again")).await.unwrap(), Value::from("again"));
    });
}

#[test]
fn beyond_those_that_may_wait_for_a_connection_calls_are_refused() {
    run(async {
        // A server that greets nobody.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::default();
        config.reconnect.waiting_max = 2;
        let client = Client::with_config(listener.local_addr().unwrap(), config);
        let mut calls = ask(&client, 4).await;
        refused(&mut calls, 2, "the call was not begun: refused: too many calls wait for a connection").await;
    });
}
