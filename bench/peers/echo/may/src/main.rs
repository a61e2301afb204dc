//! Echo on may: a stackful coroutine per connection, THREADS workers.
//!
//! Set up after <https://github.com/Xudong-Huang/may/blob/master/examples/echo.rs>. The workers are not pinned, as
//! whoever runs this pins the process.
#![forbid(unsafe_code)]

use std::io::{Read, Result, Write};

use may::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));
    may::config().set_workers(threads).set_worker_pin(false);

    let listener = TcpListener::bind(addr)?;
    println!("listening {}", listener.local_addr()?);
    may::go!(move || accept(&listener)).join().expect("no panic")
}

fn accept(listener: &TcpListener) -> Result<()> {
    loop {
        let (stream, _peer) = listener.accept()?;
        stream.set_nodelay(true)?;
        may::go!(move || echo(stream));
    }
}

fn echo(mut stream: TcpStream) -> Result<()> {
    let mut buf = vec![0; 64 * 1024];
    loop {
        let n = stream.read(&mut buf)?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buf[..n])?;
    }
}
