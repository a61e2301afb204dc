//! Echo on compio, a runtime per thread, on io_uring.
//!
//! Set up after <https://github.com/compio-rs/compio/blob/master/compio/examples/net.rs>. Several threads have a
//! runtime each, as <https://docs.rs/compio/latest/compio/runtime/> has it, and accept from one socket: the dispatcher
//! of compio would have them pay for streams that are `Send`.
#![forbid(unsafe_code)]

use std::io::Result;
use std::net::TcpListener as Socket;
use std::thread;

use compio::BufResult;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{Runtime, spawn};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let socket = Socket::bind(addr)?;
    println!("listening {}", socket.local_addr()?);
    for _ in 1..threads {
        let socket = socket.try_clone()?;
        thread::spawn(|| run(socket).expect("it goes on accepting"));
    }
    run(socket)
}

fn run(socket: Socket) -> Result<()> {
    Runtime::new()?.block_on(async {
        let listener = TcpListener::from_std(socket)?;
        loop {
            let (stream, _peer) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn(echo(stream)).detach();
        }
    })
}

async fn echo(mut stream: TcpStream) -> Result<()> {
    let mut buf = Vec::with_capacity(64 * 1024);
    let mut res;
    loop {
        BufResult(res, buf) = stream.read(buf).await;
        if res? == 0 {
            return Ok(());
        }
        let written;
        BufResult(written, buf) = stream.write_all(buf).await;
        written?;
        buf.clear();
    }
}
