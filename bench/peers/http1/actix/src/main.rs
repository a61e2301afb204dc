//! HTTP/1.1 on actix-web, THREADS workers.
//!
//! Set up after <https://actix.rs/docs/getting-started> and <https://actix.rs/docs/server>.
#![forbid(unsafe_code)]

use std::io::Result;
use std::net::TcpListener;

use actix_web::{App, HttpResponse, HttpServer, Responder, get};

#[actix_web::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let listener = TcpListener::bind(addr)?;
    println!("listening {}", listener.local_addr()?);
    HttpServer::new(|| App::new().service(hello))
        .workers(threads)
        .tcp_nodelay(true)
        .listen(listener)?
        .run()
        .await
}

#[get("/")]
async fn hello() -> impl Responder {
    HttpResponse::Ok().content_type("text/plain").body("Hello, World!")
}
