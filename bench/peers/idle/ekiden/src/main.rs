//! Echo of frames on ekiden that can be looked into: on SIGUSR1 it lists its tasks, on SIGTERM it drains.
//!
//! Set up as `peers/memory/ekiden`. It prints how many connections it found to be idle and how long that took, and what
//! became of them.
#![forbid(unsafe_code)]

use std::future::{Future, poll_fn};
use std::io::Result;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::Transport;
use ekiden::proto::codec::LengthDelimited;
use ekiden::proto::server::{Config, Seat};
use ekiden::reactor::inspect::{self, TaskInfo};
use ekiden::{Signal, signals, spawn};

const FRAME_BYTES_MAX: usize = 1024 * 1024;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    assert!(args.next().is_none_or(|threads| threads == "1"), "this peer has one reactor");
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        let mut asked = signals([Signal::User1])?;
        println!("listening {}", listener.local_addr()?);
        let mut config = Config::default();
        config.connections_max = usize::MAX;
        config.drain_timeout = Duration::from_secs(20);
        let server = config.serve(listener, |stream, _peer, seat| echo(stream, &seat));
        let lister = spawn(async move {
            loop {
                asked.recv().await;
                list();
            }
        });
        let drained = server.await?;
        lister.abort();
        println!("drained {} {}", drained.finished, drained.dropped);
        Ok(())
    })
}

// An async function would keep room for what it is given beside that for what it makes of it.
fn echo(stream: TcpStream, seat: &Seat) -> impl Future<Output = ()> + use<> {
    let mut frames = Transport::new(stream, LengthDelimited::new(FRAME_BYTES_MAX));
    let mut drain = seat.drain().begun();
    async move {
        loop {
            // What is idle when the drain begins owes nothing.
            let next = poll_fn(|cx| match Pin::new(&mut drain).poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => frames.poll_next(cx),
            });
            // A client that breaks off, or sends what is no frame, is its own business.
            let Some(Ok(frame)) = next.await else { return };
            if frames.send(frame).await.is_err() {
                return;
            }
        }
    }
}

/// Lists all tasks, and says how many of them wait for their peers, and how long it took.
fn list() {
    let begun = Instant::now();
    let tasks = inspect::tasks();
    let took = begun.elapsed();
    let waits_for_its_peer =
        |task: &&TaskInfo| task.waits.iter().any(|wait| wait.to_string().starts_with("read tcp "));
    println!("listed {} {}", tasks.iter().filter(waits_for_its_peer).count(), took.as_secs_f64());
}
