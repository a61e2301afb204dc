//! Messages of 64 bytes that come back, some of which ask for work first, on ekiden with a reactor on each core.
//!
//! Set up after `examples/cores.rs`.
#![forbid(unsafe_code)]

use std::io::Result;
use std::num::NonZero;
use std::time::{Duration, Instant};

use ekiden::Runtime;
use ekiden::net::{Placed, TcpListener, TcpStream};
use ekiden::proto::server;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut runtime = Runtime::default();
    runtime.threads = args.next().map_or(NonZero::new(1), |n| n.parse().ok());
    runtime.run(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening {}", listener.local_addr()?);
        let config = server::Config::default();
        config.serve_on_cores(listener, || async |stream, _peer, _seat| drop(echo(stream).await))?.await?;
        Ok(())
    })
}

async fn echo(stream: Placed<TcpStream>) -> Result<()> {
    let (mut message, mut filled) = ([0; 64], 0);
    loop {
        match stream.read(&mut message[filled..]).await? {
            0 => return Ok(()),
            n => filled += n,
        }
        if filled == message.len() {
            work(&message);
            stream.write_all(&message).await?;
            filled = 0;
        }
    }
}

/// Keeps its core for as long as the message asks: behind a `w` are the microseconds.
fn work(message: &[u8; 64]) {
    if message[4] == b'w' {
        let micros = u32::from_be_bytes([message[5], message[6], message[7], message[8]]);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(micros.into()) {}
    }
}
