//! A seed is the same run in every process: whatever its environment, and however it was compiled.
//!
//! `./test` holds the hashes of a debug build against those of a release.

use std::io;
use std::time::Duration;

use ekiden_reactor::net::{TcpStream, UdpSocket};
use ekiden_reactor::{blocking, entropy, sleep, spawn, timeout, wall_clock, yield_now};
use ekiden_sim::{Config, Sim};

use super::{echo, processes};

#[test]
fn a_seed_is_the_same_run_in_every_process() {
    processes::check(0..20, hash);
}

fn hash(seed: u64) -> u64 {
    let mut config = Config::default();
    config.segment_lost_one_in = 20;
    let sim = Sim::with_config(seed, config);
    sim.host("server", echo);
    sim.host("clock", tell_times);
    sim.run(async |sim| {
        sleep(Duration::from_millis(1)).await;
        let callers: Vec<_> = (0..5u8)
            .map(|n| {
                let sim = sim.clone();
                spawn(async move {
                    let mut drawn = [n; 100];
                    entropy(&mut drawn)?;
                    sleep(Duration::from_millis(sim.draw(0..=20))).await;
                    let stream = TcpStream::connect("server:7").await?;
                    stream.write_all(&drawn).await?;
                    blocking(move || n).await.map_err(io::Error::other)?;
                    super::read_to_end(&stream).await
                })
            })
            .collect();
        // A turn each: how many there are is in the hash.
        for _ in 0..10 {
            yield_now().await;
        }
        let yielding = spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        for n in 0..10 {
            socket.send_to(&[n], (sim.addr("clock"), 13).into()).await.unwrap();
        }
        while timeout(Duration::from_millis(50), socket.recv(&mut [0; 8])).await.is_ok() {}
        yielding.await.unwrap();
        sim.restart("server");
        sim.partition_one_way("main", "clock");
        for caller in callers {
            drop(timeout(Duration::from_secs(5), caller).await);
        }
    });
    sim.hash()
}

/// Answers each datagram by the time of day.
async fn tell_times() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:13").await?;
    loop {
        let (_, from) = socket.recv_from(&mut [0; 8]).await?;
        let time = wall_clock().duration_since(std::time::UNIX_EPOCH).map_err(io::Error::other)?;
        socket.send_to(&(time.as_nanos() as u64).to_be_bytes(), from).await?;
    }
}
