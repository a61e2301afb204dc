//! An HTTP server: says hello, within a time limit.
//!
//! ```console
//! $ cargo run --release --example hello
//! $ curl http://127.0.0.1:8080/world
//! ```
//!
//! Ctrl-C drains it: what is being answered is answered, and the program ends with status 0.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use ekiden::http::{self, Body, Request, Response};
use ekiden::net::TcpListener;
use ekiden::{MiddlewareExt, service_fn};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on {addr}; in another terminal: curl http://{addr}/world");
        serve(listener).await
    })
}

/// Serves until somebody asks the program to end.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let service = service_fn(hello).timeout(Duration::from_secs(10));
    http::serve(listener, service).await?;
    Ok(())
}

async fn hello(req: Request<Body>) -> Result<Response<Body>, http::Error> {
    let name = match req.uri().path().trim_start_matches('/') {
        "" => "world",
        name => name,
    };
    Ok(Response::new(Body::from(format!("hello, {name}\n"))))
}
