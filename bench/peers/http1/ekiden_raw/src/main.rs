//! HTTP/1.1 on ekiden with heads as they were parsed, and all defaults. One reactor, on one core.
//!
//! Set up after the documentation of `RawRequest`, with the time limit of `examples/hello.rs` around the service.
#![forbid(unsafe_code)]

use std::io::Result;
use std::time::Duration;

use ekiden::http::header::{CONTENT_TYPE, HeaderValue};
use ekiden::http::server::{Config, RawRequest};
use ekiden::http::{self, Body, Response};
use ekiden::net::TcpListener;
use ekiden::{MiddlewareExt, service_fn};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    assert!(args.next().is_none_or(|threads| threads == "1"), "this peer has one reactor");
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening {}", listener.local_addr()?);
        Config::default().serve_raw(listener, service_fn(hello).timeout(Duration::from_secs(10))).await?;
        Ok(())
    })
}

async fn hello(_: RawRequest) -> std::result::Result<Response<Body>, http::Error> {
    let mut response = Response::new(Body::from("Hello, World!"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}
