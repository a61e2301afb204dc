//! HTTP/2 with prior knowledge on ekiden: hyper's connections on its sockets, timers and tasks. One reactor, on one
//! core.
//!
//! Set up after the documentation of `ekiden::http::adapt::hyper`, and the server of connections in `ekiden::proto`.
#![forbid(unsafe_code)]

use std::io::Result;

use ekiden::http::adapt::hyper::{Executor, Io, Timer};
use ekiden::http::header::{CONTENT_TYPE, HeaderValue};
use ekiden::http::{self, Body, Request, Response};
use ekiden::net::TcpListener;
use ekiden::proto::server;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    assert!(args.next().is_none_or(|threads| threads == "1"), "this peer has one reactor");
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening {}", listener.local_addr()?);
        let connection = async |stream, _peer, _drain| {
            let mut http = http2::Builder::new(Executor);
            // A client that hangs up in the middle is its own business.
            drop(http.timer(Timer).serve_connection(Io::new(stream), service_fn(hello)).await);
        };
        server::Config::default().serve(listener, connection).await?;
        Ok(())
    })
}

async fn hello(_: Request<Incoming>) -> std::result::Result<Response<Body>, http::Error> {
    let mut response = Response::new(Body::from("Hello, World!"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}
