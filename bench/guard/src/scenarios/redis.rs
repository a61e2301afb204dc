//! `GET`s by our client of Redis from our server that speaks RESP, over one connection.

use ekiden::net::TcpListener;
use ekiden::redis::{Client, Command, Commands, Error, Value, server};
use ekiden::{service_fn, spawn};

use crate::world;

const VALUE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// As many callers as share the connection: a divisor of a thousand.
const TOGETHER: u64 = 50;

pub(super) fn gets(count: u64) {
    world::run(async |_| {
        let listener = TcpListener::bind(([127, 0, 0, 1], 0)).await.expect("a place to listen");
        let addr = listener.local_addr().expect("it has one");
        let _server = server::serve(
            listener,
            service_fn(async |command: Command| {
                let is_get = command.name() == b"GET";
                Ok::<_, Error>(if is_get { Value::from(VALUE) } else { Value::Nil })
            }),
        );
        let client = Client::new(addr);
        let callers: Vec<_> = (0..TOGETHER)
            .map(|_| {
                let client = client.clone();
                spawn(async move {
                    for _ in 0..count / TOGETHER {
                        let value: Option<String> = client.get("key").await.expect("it is answered");
                        assert_eq!(value.as_deref(), Some(VALUE));
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.expect("it does not panic");
        }
    });
}
