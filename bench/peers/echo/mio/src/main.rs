//! Echo on mio by hand: a loop for each thread, a slab of connections, one buffer for all of them.
//!
//! Set up after <https://github.com/tokio-rs/mio/blob/master/examples/tcp_server.rs>, with two of the usual steps
//! beyond it: a connection is registered once, for both directions, so that no request pays for a change; and a read
//! that did not fill the buffer ends the turn, as epoll(7) allows and tokio does, so that none pays for a second read.
//! Several threads accept from one socket.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Result, Write};
use std::net::ToSocketAddrs;
use std::thread;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let addr = addr.to_socket_addrs()?.next().expect("ADDR is an address");
    let listener = std::net::TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    println!("listening {}", listener.local_addr()?);
    for _ in 1..threads {
        let listener = listener.try_clone()?;
        thread::spawn(move || run(TcpListener::from_std(listener)).expect("the loop goes on"));
    }
    run(TcpListener::from_std(listener))
}

fn run(mut listener: TcpListener) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut connections = Slab::new();
    let mut buf = vec![0; 64 * 1024];
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, &mut connections)?;
            } else if connections[event.token().0].turn(&mut buf).is_err() {
                connections.remove(event.token().0);
            }
        }
    }
}

fn accept(poll: &Poll, listener: &TcpListener, connections: &mut Slab<Connection>) -> Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _peer)) => stream,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(e),
        };
        stream.set_nodelay(true)?;
        let entry = connections.vacant_entry();
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(entry.key()), both)?;
        entry.insert(Connection { stream, owed: Vec::new() });
    }
}

struct Connection {
    stream: TcpStream,
    /// What was read and not yet written: nothing is read before it is gone.
    owed: Vec<u8>,
}

impl Connection {
    /// Echoes until one of the two directions is at its end for now. Any error ends the connection.
    fn turn(&mut self, buf: &mut [u8]) -> Result<()> {
        let n = write(&mut self.stream, &self.owed)?;
        self.owed.drain(..n);
        while self.owed.is_empty() {
            let n = match self.stream.read(buf) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            };
            let written = write(&mut self.stream, &buf[..n])?;
            self.owed.extend_from_slice(&buf[written..n]);
            if n < buf.len() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Writes as much as goes now.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(n) => written += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => return Err(e),
        }
    }
    Ok(written)
}
