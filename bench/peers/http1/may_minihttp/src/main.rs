//! HTTP/1.1 on may_minihttp, THREADS workers.
//!
//! Set up after <https://github.com/Xudong-Huang/may_minihttp#usage>. It takes an address and does not tell which port
//! it got, so for port 0 one is looked for first. There is no access to its sockets: TCP_NODELAY is off, which a
//! server of one write per batch of requests does not feel. It has no time-outs. It does not know `connection: close`
//! either: the service says it, and leaves the closing to the client. The workers are not pinned, as whoever runs this
//! pins the process.
#![forbid(unsafe_code)]

use std::io::Result;
use std::net::TcpListener;

use may_minihttp::{HttpServer, HttpService, Request, Response};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));
    may::config().set_workers(threads).set_worker_pin(false);

    let addr = TcpListener::bind(addr)?.local_addr()?;
    let server = HttpServer(Hello).start(addr)?;
    println!("listening {addr}");
    server.join().expect("no panic");
    Ok(())
}

#[derive(Clone)]
struct Hello;

impl HttpService for Hello {
    fn call(&mut self, request: Request<'_, '_, '_>, response: &mut Response<'_>) -> Result<()> {
        response.header("Content-Type: text/plain").body("Hello, World!");
        let connection =
            request.headers().iter().find(|header| header.name.eq_ignore_ascii_case("connection"));
        if connection.is_some_and(|header| header.value.eq_ignore_ascii_case(b"close")) {
            response.header("Connection: close");
        }
        Ok(())
    }
}
