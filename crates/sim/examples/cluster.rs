//! How fast a world runs: hosts that ask each other a request a second each, and how many seconds of theirs pass in one of
//! ours.
//!
//! ```console
//! $ cargo run --release -p ekiden-sim --example cluster            # 10 hosts, an hour
//! $ cargo run --release -p ekiden-sim --example cluster 1000 60    # 1,000 hosts, a minute
//! ```
//!
//! Each request is a line over a connection of its own, to a host that is drawn by its name, and the same line back.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Instant, sleep_until, spawn};
use ekiden_sim::{Config, Sim};

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse().expect("hosts and seconds are numbers"));
    let (hosts, seconds): (u64, u64) = (args.next().unwrap_or(10), args.next().unwrap_or(3600));
    let began = real_time();
    let (answered, hash) = run(hosts, seconds);
    let took = (real_time() - began).as_secs_f64();
    let ratio = seconds as f64 / took;
    println!("{hosts} hosts, {seconds} s of their time, {answered} requests answered, hash {hash:016x}");
    println!(
        "{took:.2} s of ours: {ratio:.0} times as fast, {:.0} requests a second",
        answered as f64 / took
    );
}

/// How many requests were answered, and the hash of the run.
fn run(hosts: u64, seconds: u64) -> (u64, u64) {
    let mut config = Config::default();
    config.time_max = Duration::from_secs(seconds + 60);
    // A request takes about 25.
    config.steps_max = 100 * hosts * (seconds + 60);
    let sim = Sim::with_config(1, config);
    let answered = Rc::new(Cell::new(0));
    for host in 0..hosts {
        let (sim_of_host, answered) = (sim.clone(), answered.clone());
        sim.host(&format!("host{host}"), async move || {
            drop(spawn(answer()));
            let begun = Instant::now() + Duration::from_millis(sim_of_host.draw(100..=1100));
            for second in 0..seconds {
                sleep_until(begun + Duration::from_secs(second)).await;
                ask(&format!("host{}:7", sim_of_host.draw(0..=hosts - 1))).await?;
                answered.set(answered.get() + 1);
            }
            // Others may still ask.
            std::future::pending::<io::Result<()>>().await
        });
    }
    sim.run(async move |_sim| ekiden_reactor::sleep(Duration::from_secs(seconds + 5)).await);
    (answered.get(), sim.hash())
}

/// Answers each line by itself.
async fn answer() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        drop(spawn(async move {
            let line = read_line(&stream).await?;
            stream.write_all(&line).await
        }));
    }
}

async fn ask(whom: &str) -> io::Result<()> {
    let stream = TcpStream::connect(whom).await?;
    stream.write_all(b"what news?\n").await?;
    match &*read_line(&stream).await? {
        b"what news?\n" => Ok(()),
        other => Err(io::Error::other(format!("{other:?} is no answer"))),
    }
}

async fn read_line(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let (mut line, mut buf) = (Vec::new(), [0; 64]);
    while !line.ends_with(b"\n") {
        match stream.read(&mut buf).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => line.extend_from_slice(&buf[..n]),
        }
    }
    Ok(line)
}

/// What the system's clock shows, by a reactor that is of no world.
fn real_time() -> Instant {
    ekiden_reactor::run(async { Instant::now() })
}
