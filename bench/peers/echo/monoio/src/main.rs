//! Echo on monoio, a thread per core: io_uring, or epoll if the third argument is `epoll`.
//!
//! Set up after the example in <https://github.com/bytedance/monoio#quick-start>, several threads after
//! <https://github.com/bytedance/monoio/blob/master/examples/hello_world.rs> and its neighbours: a runtime in each
//! thread, and a listener in each, on one port (`SO_REUSEPORT` is monoio's default).
#![forbid(unsafe_code)]

use std::io::Result;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));
    let epoll = args.next().is_some_and(|driver| driver == "epoll");

    let addr = addr.to_socket_addrs()?.next().expect("ADDR is an address");
    let (bound, first) = mpsc::channel();
    let mut running = vec![thread::spawn(move || run(addr, epoll, move |addr| bound.send(addr).unwrap()))];
    let Ok(addr) = first.recv() else { return running.remove(0).join().expect("no panic") };
    running.extend((1..threads).map(|_| thread::spawn(move || run(addr, epoll, |_addr| {}))));
    println!("listening {addr}");
    running.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
}

fn run(addr: SocketAddr, epoll: bool, bound: impl FnOnce(SocketAddr)) -> Result<()> {
    if epoll {
        RuntimeBuilder::<LegacyDriver>::new().build()?.block_on(serve(addr, bound))
    } else {
        RuntimeBuilder::<IoUringDriver>::new().build()?.block_on(serve(addr, bound))
    }
}

async fn serve(addr: SocketAddr, bound: impl FnOnce(SocketAddr)) -> Result<()> {
    let listener = TcpListener::bind(addr)?;
    bound(listener.local_addr()?);
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> Result<()> {
    let mut buf = Vec::with_capacity(64 * 1024);
    let mut res;
    loop {
        (res, buf) = stream.read(buf).await;
        if res? == 0 {
            return Ok(());
        }
        (res, buf) = stream.write_all(buf).await;
        res?;
        buf.clear();
    }
}
