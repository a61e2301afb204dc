//! A protocol in one codec, by pipelined dispatch: both of our ends.

use std::convert::Infallible;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline::{self, Client};
use ekiden::{Service, service_fn};

use crate::world;

pub(super) fn call(count: u64) {
    world::run(async |_| {
        let listener = TcpListener::bind(([127, 0, 0, 1], 0)).await.expect("a place to listen");
        let addr = listener.local_addr().expect("it has one");
        let echo = service_fn(async |line: String| Ok::<_, Infallible>(line));
        let _server = pipeline::serve(listener, Lines::default(), echo);
        let stream = TcpStream::connect(addr).await.expect("somebody listens");
        let client = Client::<&str, String>::new(stream, Lines::default());
        for _ in 0..count {
            assert_eq!(client.call("how are you").await.ok().as_deref(), Some("how are you"));
        }
    });
}
