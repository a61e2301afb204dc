//! What a server does, seen from inside while it does it: the tasks, what they wait for, and what holds them up.
//!
//! ```console
//! $ cargo run --release --example inspect
//! ```
//!
//! It keeps itself busy: clients of its own ask it, wait, and ask again; two scribes share a pen;
//! and every few seconds a task holds the core for longer than it should, which the watchdog tells. Once a second it
//! prints the table. The same is there at any time by ctrl-\ (`SIGQUIT`), also while the core is held.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use ekiden::channel::Semaphore;
use ekiden::inspect::Dump;
use ekiden::net::{TcpListener, TcpStream};
use ekiden::{Instant, interval, shutdown, sleep, spawn_named};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7004".to_owned());
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening on {}; ctrl-\\ prints the table at once", listener.local_addr()?);
        keep_busy(listener)?;
        drop(spawn_named("printer", print_every_second()));
        shutdown().await;
        Ok(())
    })
}

/// Begins a server, its clients, and some that wait for each other.
fn keep_busy(listener: TcpListener) -> io::Result<()> {
    let addr = listener.local_addr()?;
    for number in 1..=3 {
        drop(spawn_named("client", ask(addr, Duration::from_millis(100 * number))));
    }
    drop(spawn_named("listener", serve(listener)));
    let pen = Semaphore::new(1);
    for _scribe in 1..=2 {
        let pen = pen.clone();
        drop(spawn_named("scribe", async move {
            while let Ok(taken) = pen.acquire(1).await {
                sleep(Duration::from_secs(2)).await;
                drop(taken);
            }
        }));
    }
    drop(spawn_named("holds the core", async {
        loop {
            sleep(Duration::from_secs(4)).await;
            let until = Instant::now() + Duration::from_millis(300);
            while Instant::now() < until {}
        }
    }));
    Ok(())
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _peer) = listener.accept().await?;
        drop(spawn_named("connection", echo(stream)));
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 64];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            n => stream.write_all(&buf[..n]).await?,
        }
    }
}

async fn ask(addr: SocketAddr, pause: Duration) -> io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    while stream.write_all(b"hello").await.is_ok() {
        stream.read(&mut [0; 64]).await?;
        sleep(pause).await;
    }
    Ok(())
}

async fn print_every_second() {
    let mut seconds = interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        // A terminal that is gone is no reason to stop serving.
        drop(writeln!(stdout(), "{}", Dump::take()));
    }
}
