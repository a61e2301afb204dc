//! The world's own promises: what its network, its hosts and its clock do, and what is found when a run is wrong.
//!
//! Each is checked for some seeds, as the world draws what it leaves open. Time is `ekiden_sim`'s, so to sleep waits for
//! nobody.

mod tcp;
mod udp;
mod ports;
mod linux;
mod killed;
mod unix;
mod links;
mod losses;
mod traffic;
mod hosts;
mod pauses;
mod time;
mod clocks;
mod cores;
mod ends;
mod absent;
mod discipline;
mod same;
mod processes;
mod faults;
mod oracles;

use std::io;
use std::net::Shutdown;
use std::rc::Rc;

use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::spawn;

/// Answers with what it hears, until it hears no more.
async fn echo() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        drop(spawn(async move {
            let mut buf = [0; 1024];
            loop {
                match stream.read(&mut buf).await? {
                    0 => return io::Result::Ok(()),
                    n => stream.write_all(&buf[..n]).await?,
                }
            }
        }));
    }
}

/// Everything until the end.
async fn read_to_end(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0; 700]);
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

/// Says much and then no more, and hears it all from who echoes.
async fn hears_itself(stream: &Rc<TcpStream>) {
    let sent: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8).collect();
    let (writer, data) = (stream.clone(), sent.clone());
    drop(spawn(async move {
        writer.write_all(&data).await?;
        writer.shutdown(Shutdown::Write)
    }));
    assert!(read_to_end(stream).await.unwrap() == sent);
}
