//! HTTP/1.1 on ntex, on its tokio runtime, THREADS workers.
//!
//! Set up after <https://ntex.rs/docs/getting-started> and <https://ntex.rs/docs/server>; the runtime is the one that
//! <https://github.com/ntex-rs/ntex#usage> has. TCP_NODELAY is what ntex sets by itself.
#![forbid(unsafe_code)]

use std::io::Result;
use std::net::TcpListener;

use ntex::web::{App, HttpResponse, HttpServer, get};

#[ntex::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let listener = TcpListener::bind(addr)?;
    println!("listening {}", listener.local_addr()?);
    HttpServer::new(async || App::new().service(hello)).workers(threads).listen(listener)?.run().await
}

#[get("/")]
async fn hello() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("Hello, World!")
}
