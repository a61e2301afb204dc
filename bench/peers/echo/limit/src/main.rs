//! The limit of echo: what a loop by hand on epoll needs, and nothing else.
//!
//! Level-triggered, so a read that emptied the socket needs no second one to learn that; one buffer for all; a
//! connection is registered once, and again only when the peer does not take what it is owed. Several threads have
//! a loop each and share the listening socket.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::thread;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    println!("listening {}", listener.local_addr()?);
    for _ in 1..threads {
        let listener = listener.try_clone()?;
        thread::spawn(move || Loop::new(listener)?.run());
    }
    Loop::new(listener)?.run()
}

struct Loop {
    epoll: Epoll,
    listener: TcpListener,
    /// By file descriptor: the kernel gives out the smallest, so the table has few holes.
    connections: Vec<Option<Connection>>,
    buf: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// What was read and not yet written: nothing is read before it is gone.
    owed: Vec<u8>,
}

impl Loop {
    fn new(listener: TcpListener) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, event(EpollFlags::EPOLLIN, listener.as_raw_fd()))?;
        Ok(Self { epoll, listener, connections: Vec::new(), buf: vec![0; 64 * 1024] })
    }

    fn run(mut self) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        loop {
            let count = self.epoll.wait(&mut events, EpollTimeout::NONE)?;
            for event in &events[..count] {
                let fd = event.data() as RawFd;
                if fd == self.listener.as_raw_fd() {
                    self.accept()?;
                } else if self.turn(fd).is_err() {
                    // Closing the socket takes it out of epoll.
                    self.connections[fd as usize] = None;
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        let stream = match self.listener.accept() {
            Ok((stream, _peer)) => stream,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(e),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let fd = stream.as_raw_fd();
        self.epoll.add(&stream, event(EpollFlags::EPOLLIN, fd))?;
        if self.connections.len() <= fd as usize {
            self.connections.resize_with(fd as usize + 1, || None);
        }
        self.connections[fd as usize] = Some(Connection { stream, owed: Vec::new() });
        Ok(())
    }

    /// Echoes what is there. Any error ends the connection.
    fn turn(&mut self, fd: RawFd) -> Result<()> {
        let Some(connection) = &mut self.connections[fd as usize] else { return Ok(()) };
        if !connection.owed.is_empty() {
            let written = write(&mut connection.stream, &connection.owed)?;
            connection.owed.drain(..written);
            if connection.owed.is_empty() {
                self.epoll.modify(&connection.stream, &mut event(EpollFlags::EPOLLIN, fd))?;
            }
            return Ok(());
        }
        let n = match connection.stream.read(&mut self.buf)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => n,
        };
        let written = write(&mut connection.stream, &self.buf[..n])?;
        if written < n {
            connection.owed.extend_from_slice(&self.buf[written..n]);
            self.epoll.modify(&connection.stream, &mut event(EpollFlags::EPOLLOUT, fd))?;
        }
        Ok(())
    }
}

fn event(flags: EpollFlags, fd: RawFd) -> EpollEvent {
    EpollEvent::new(flags, fd as u64)
}

/// Writes as much as goes now.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    match stream.write(bytes) {
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
