//! A server on several cores: each connection is one core's, and answered by the service that was made there.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::num::NonZero;
use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{CoreId, Runtime};
use ekiden_redis::server::Config;
use ekiden_redis::{Command, Error, Value};
use ekiden_service::service_fn;

/// Asks by hand, and says what was answered.
async fn answer(client: &TcpStream) -> String {
    client.write_all(b"INCR calls\r\n").await.unwrap();
    let mut answer = [0; 64];
    let n = client.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..n]).into_owned()
}

#[test]
fn both_cores_answer_each_by_its_own_service() {
    let mut runtime = Runtime::default();
    runtime.threads = NonZero::new(2);
    // On a clock that stands still no core is ever thought to be stuck.
    let (hand, _clock) = Hand::new().unwrap();
    runtime.reactor(hand).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = Config::default().serve_on_cores(listener, || {
            // Neither `Send` nor shared.
            let calls = Cell::new(0);
            service_fn(async move |_: Command| {
                calls.set(calls.get() + 1);
                Ok::<_, Error>(Value::Bulk(format!("{}: {}", CoreId::current(), calls.get()).into()))
            })
        });
        let (server, mut clients) = (server.unwrap(), Vec::new());
        for round in 1..=8 {
            let mut answers = Vec::new();
            for _ in 0..2 {
                let client = TcpStream::connect(addr).await.unwrap();
                answers.push(answer(&client).await);
                clients.push(client);
            }
            answers.sort();
            assert_eq!(answers, [0, 1].map(|core| format!("$9\r\ncore {core}: {round}\r\n")));
        }
        // Who does not close is waited for, by a clock that stands still.
        drop(clients);
        let drained = server.drain(Duration::from_secs(60)).await;
        assert_eq!(drained.dropped, 0);
    });
}
