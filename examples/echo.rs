//! A server of futures, a task for each connection: sends back whatever comes.
//!
//! ```console
//! $ cargo run --release --example echo
//! $ nc 127.0.0.1 7002
//! hello
//! hello
//! ```
#![forbid(unsafe_code)]

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::server::{self, Seat};

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
///
/// Accepting is left to the server: it has a limit on connections, and waits when files have run out.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    server::Config::default()
        .serve(listener, async |stream, _peer, seat| connection(stream, seat).await)
        .await?;
    Ok(())
}

/// The task of a connection, which ends with the program: nobody is owed what was not sent back yet.
async fn connection(stream: TcpStream, seat: Seat) {
    let (mut echo, mut drained) = (pin!(echo(stream)), seat.drain().begun());
    poll_fn(|cx| match Pin::new(&mut drained).poll(cx) {
        // A client that hangs up in the middle is its own business.
        Poll::Pending => echo.as_mut().poll(cx).map(drop),
        Poll::Ready(()) => Poll::Ready(()),
    })
    .await;
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
