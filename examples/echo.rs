//! A server of futures, a task for each connection: sends back whatever comes.
//!
//! ```console
//! $ cargo run --release --example echo
//! $ nc 127.0.0.1 7002
//! ```
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::spawn;

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7002".to_owned());
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on {addr}; in another terminal: nc {} {}", addr.ip(), addr.port());
        serve(listener).await
    })
}

/// Serves until somebody asks the program to end.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let server = spawn(async move {
        loop {
            let (stream, _peer) = listener.accept().await?;
            // A client that hangs up in the middle is its own business.
            spawn(async move { drop(echo(stream).await) });
        }
    });
    ekiden::shutdown().await;
    server.abort();
    match server.await {
        Ok(failed) => failed,
        Err(_aborted) => Ok(()),
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            n => stream.write_all(&buf[..n]).await?,
        }
    }
}
