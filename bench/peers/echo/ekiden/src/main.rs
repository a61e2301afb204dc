//! Echo on ekiden: its server of connections, a task for each. One reactor, on one core.
//!
//! Set up after `examples/echo.rs`.
#![forbid(unsafe_code)]

use std::io::Result;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::server;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    assert!(args.next().is_none_or(|threads| threads == "1"), "this peer has one reactor");
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening {}", listener.local_addr()?);
        // A client that hangs up in the middle is its own business.
        server::Config::default()
            .serve(listener, async |stream, _peer, _drain| drop(echo(stream).await))
            .await?;
        Ok(())
    })
}

async fn echo(stream: TcpStream) -> Result<()> {
    let mut buf = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            n => stream.write_all(&buf[..n]).await?,
        }
    }
}
