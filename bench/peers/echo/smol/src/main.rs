//! Echo on smol: one `LocalExecutor` on one thread, one `Executor` for several.
//!
//! Set up after <https://github.com/smol-rs/smol/blob/master/examples/tcp-server.rs>, and the executors after the
//! examples on the pages <https://docs.rs/smol/latest/smol/struct.LocalExecutor.html> and
//! <https://docs.rs/smol/latest/smol/struct.Executor.html>.
#![forbid(unsafe_code)]

use std::future::pending;
use std::io::Result;
use std::thread;

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, LocalExecutor};

static EXECUTOR: Executor<'static> = Executor::new();

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));
    if threads == 1 {
        let executor = LocalExecutor::new();
        return smol::block_on(executor.run(serve(addr, |stream| executor.spawn(echo(stream)).detach())));
    }
    for _ in 1..threads {
        thread::spawn(|| smol::block_on(EXECUTOR.run(pending::<()>())));
    }
    smol::block_on(EXECUTOR.run(serve(addr, |stream| EXECUTOR.spawn(echo(stream)).detach())))
}

async fn serve(addr: String, spawn: impl Fn(TcpStream)) -> Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening {}", listener.local_addr()?);
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        spawn(stream);
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
