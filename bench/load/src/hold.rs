//! Opens many connections, asks once on each, and holds them idle until its standard input ends. By each line that comes
//! there it asks once more on each.
//!
//! Of loopback's addresses it takes one after the other as the source, since each has ports for some 28,000.

use std::io::{Result, stdin};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::speech::Speech;

// Fewer than the ports that Linux gives out for one address (`ip_local_port_range`).
const PER_SOURCE: usize = 20_000;

/// Holds the connections, and says `held N SECONDS` when all stand, and `woken N SECONDS` when all have answered again.
pub(crate) fn run(addr: SocketAddr, connections: usize, speech: Speech) -> Result<()> {
    let (_, files_max) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, files_max, files_max)?;
    let (mut held, begun) = (Vec::new(), Instant::now());
    for number in 0..connections {
        let mut stream = connect(addr, number / PER_SOURCE)?;
        speech.ask(&mut stream)?;
        held.push(stream);
    }
    println!("held {} {}", held.len(), begun.elapsed().as_secs_f64());
    for line in stdin().lines() {
        line?;
        let begun = Instant::now();
        for stream in &mut held {
            speech.ask(stream)?;
        }
        println!("woken {} {}", held.len(), begun.elapsed().as_secs_f64());
    }
    Ok(())
}

fn connect(addr: SocketAddr, source: usize) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if source > 0 {
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 1, source as u8));
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect(&addr.into())?;
    Ok(socket.into())
}
