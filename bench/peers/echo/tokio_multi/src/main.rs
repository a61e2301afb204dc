//! Echo on tokio as `#[tokio::main]` starts it: the multi-thread runtime, with as many workers as it is given cores.
//!
//! Set up after <https://github.com/tokio-rs/tokio/blob/master/examples/echo-tcp.rs>.
#![forbid(unsafe_code)]

use std::io::Result;

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
    let mut buf = vec![0; 64 * 1024];
    loop {
        let n = stream.read(&mut buf).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buf[..n]).await?;
    }
}
