//! Echo on tokio: the current-thread runtime. The multi-thread runtime is a peer of its own.
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
    assert!(args.next().is_none_or(|threads| threads == "1"), "this runtime has one thread");
    Builder::new_current_thread().enable_all().build()?.block_on(serve(addr))
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
