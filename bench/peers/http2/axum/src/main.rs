//! HTTP/2 with prior knowledge on axum and tokio: the current-thread runtime on one thread, the multi-thread runtime
//! on several.
//!
//! Set up after <https://docs.rs/axum/latest/axum/#example>, and TCP_NODELAY after
//! <https://docs.rs/axum/latest/axum/serve/trait.ListenerExt.html>.
#![forbid(unsafe_code)]

use std::io::Result;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().worker_threads(threads).build()?.block_on(serve(addr))
}

async fn serve(addr: String) -> Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening {}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket takes the option"));
    axum::serve(listener, Router::new().route("/", get(hello))).await
}

async fn hello() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain")], "Hello, World!")
}
