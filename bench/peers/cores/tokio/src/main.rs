//! Messages of 64 bytes that come back, some of which ask for work first, on tokio's multi-thread runtime.
//!
//! Set up as `peers/echo/tokio_multi`.
#![forbid(unsafe_code)]

use std::io::Result;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));
    Builder::new_multi_thread().enable_all().worker_threads(threads).build()?.block_on(async {
        // The listener is a task, as the documentation advises: the main thread is no worker.
        tokio::spawn(serve(addr)).await?
    })
}

async fn serve(addr: String) -> Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening {}", listener.local_addr()?);
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> Result<()> {
    let mut message = [0; 64];
    while stream.read_exact(&mut message).await.is_ok() {
        work(&message);
        stream.write_all(&message).await?;
    }
    Ok(())
}

/// Keeps its core for as long as the message asks: behind a `w` are the microseconds.
fn work(message: &[u8; 64]) {
    if message[4] == b'w' {
        let micros = u32::from_be_bytes([message[5], message[6], message[7], message[8]]);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(micros.into()) {}
    }
}
