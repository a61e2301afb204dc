//! A seed is the same run in every process: whatever its environment, and however it was compiled.
//!
//! `./test` holds the hashes of a debug build against those of a release.

use std::env;
use std::io;
use std::process::Command;
use std::time::Duration;

use ekiden_reactor::net::{TcpStream, UdpSocket};
use ekiden_reactor::{blocking, entropy, sleep, spawn, timeout, wall_clock};
use ekiden_sim::{Config, Sim};

use super::echo;

#[test]
fn a_seed_is_the_same_run_in_every_process() {
    let hashes: String = (0..20).map(|seed| format!("hash {:016x}\n", hash(seed))).collect();
    if env::var_os(ANOTHER).is_some() {
        return print!("{hashes}");
    }
    // Its memory is elsewhere in any case.
    for is_bare in [true, false] {
        let mut other = Command::new(env::current_exe().unwrap());
        other.args(["same::a_seed_is_the_same_run_in_every_process", "--exact", "--nocapture"]);
        other.current_dir("/");
        if is_bare {
            other.env_clear();
        } else {
            other.args(["--test-threads", "1"]).env("TZ", "Pacific/Auckland").env("LANG", "de_DE.UTF-8");
        }
        let output = other.env(ANOTHER, "yes").output().unwrap();
        let says = String::from_utf8_lossy(&output.stdout);
        assert!(says.contains(&hashes), "here\n{hashes}and elsewhere\n{says}");
    }
}

/// Said to a process of this test by another, or by `./test`.
const ANOTHER: &str = "ANOTHER_PROCESS";

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
        let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        for n in 0..10 {
            socket.send_to(&[n], (sim.addr("clock"), 13).into()).await.unwrap();
        }
        while timeout(Duration::from_millis(50), socket.recv(&mut [0; 8])).await.is_ok() {}
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
