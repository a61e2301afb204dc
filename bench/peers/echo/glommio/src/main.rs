//! Echo on glommio: an executor per thread, on io_uring.
//!
//! Set up after <https://github.com/DataDog/glommio/blob/master/examples/echo.rs> and the crate's first page,
//! <https://docs.rs/glommio/latest/glommio/>. Executors are not bound to cores, as whoever runs this pins the
//! process; listeners share one port (`SO_REUSEPORT` is glommio's default), so that each executor accepts for itself.
#![forbid(unsafe_code)]

use std::io::Result;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutorBuilder, Placement, spawn_local};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let mut addr = addr.to_socket_addrs()?.next().expect("ADDR is an address");
    let mut executors = Vec::new();
    for _ in 0..threads {
        let (bound, listening) = mpsc::channel();
        let builder = LocalExecutorBuilder::new(Placement::Unbound);
        let serve = async move || serve(addr, |addr| bound.send(addr).expect("somebody waits")).await;
        executors.push(builder.spawn(serve)?);
        let Ok(actual) = listening.recv() else { break };
        addr = actual;
    }
    println!("listening {addr}");
    for executor in executors {
        executor.join()??;
    }
    Ok(())
}

async fn serve(addr: SocketAddr, bound: impl FnOnce(SocketAddr)) -> Result<()> {
    let listener = TcpListener::bind(addr)?;
    bound(listener.local_addr()?);
    loop {
        let stream = listener.accept().await?;
        stream.set_nodelay(true)?;
        spawn_local(echo(stream)).detach();
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
