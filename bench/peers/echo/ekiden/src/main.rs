//! Echo on ekiden: its server of connections, a task for each. One reactor on each core that it may use.
//!
//! Set up after `examples/echo.rs`, and for several cores after `examples/cores.rs`.
#![forbid(unsafe_code)]

use std::io::Result;
use std::num::NonZero;

use ekiden::Runtime;
use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::server;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut runtime = Runtime::default();
    runtime.threads = args.next().map_or(NonZero::new(1), |n| n.parse().ok());
    let threads = runtime.threads;
    runtime.run(async move {
        let listener = TcpListener::bind(addr).await?;
        println!("listening {}", listener.local_addr()?);
        let config = server::Config::default();
        // A client that hangs up in the middle is its own business.
        match threads {
            Some(NonZero::<usize>::MIN) => {
                config.serve(listener, async |stream, _peer, _seat| drop(echo(&stream).await)).await?
            }
            _ => {
                config
                    .serve_on_cores(listener, || async |stream, _peer, _seat| drop(echo(&stream).await))?
                    .await?
            }
        };
        Ok(())
    })
}

async fn echo(stream: &TcpStream) -> Result<()> {
    let mut buf = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            n => stream.write_all(&buf[..n]).await?,
        }
    }
}
