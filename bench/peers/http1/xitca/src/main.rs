//! HTTP/1.1 on xitca-web, THREADS workers.
//!
//! Set up after <https://docs.rs/xitca-web/latest/xitca_web/#quick-start>; without vectored writes, as its author has
//! it in TechEmpower's benchmarks. It has no knob for TCP_NODELAY short of a middleware, so the listening socket has
//! it: on Linux those that it accepts inherit it.
#![forbid(unsafe_code)]

use std::io::Result;
use std::net::TcpListener;

use socket2::SockRef;
use xitca_web::App;
use xitca_web::handler::handler_service;
use xitca_web::http::WebResponse;
use xitca_web::http::header::{CONTENT_TYPE, HeaderValue};
use xitca_web::route::get;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let listener = TcpListener::bind(addr)?;
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    println!("listening {}", listener.local_addr()?);
    let app = App::new().at("/", get(handler_service(hello)));
    app.serve().worker_threads(threads).disable_vectored_write().listen(listener)?.run().wait()
}

async fn hello() -> WebResponse {
    let mut response = WebResponse::new("Hello, World!".into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
