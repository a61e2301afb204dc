//! The loop of the limits of HTTP/1.1: what a responder by hand on epoll needs, and nothing else.
//!
//! Level-triggered, so a read that emptied the socket needs no second one to learn that; two buffers for all; one
//! write for all requests that came at once. It knows `GET` without a body; how the end of a head is found is its
//! user's business. It has no time-outs and few limits, so it is no server for anybody.
#![forbid(unsafe_code)]

mod answer;

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::thread;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use answer::Answer;

/// The head of a request.
pub struct Head {
    /// Its bytes, with the empty line.
    pub len: usize,
    /// The client will ask no more.
    pub close: bool,
}

/// Serves as the arguments ADDR and THREADS say. `head` says where the first head of some bytes ends, if it does.
pub fn serve(head: impl Fn(&[u8]) -> Result<Option<Head>> + Copy + Send + 'static) -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let threads: usize = args.next().map_or(1, |n| n.parse().expect("THREADS is a number"));

    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    println!("listening {}", listener.local_addr()?);
    for _ in 1..threads {
        let listener = listener.try_clone()?;
        thread::spawn(move || Loop::new(listener, head)?.run());
    }
    Loop::new(listener, head)?.run()
}

struct Loop<F> {
    epoll: Epoll,
    listener: TcpListener,
    head: F,
    answer: Answer,
    /// By file descriptor: the kernel gives out the smallest, so the table has few holes.
    connections: Vec<Option<Connection>>,
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// What came of a head that is not complete yet.
    begun: Vec<u8>,
    /// What is not written yet: nothing is read before it is gone.
    owed: Vec<u8>,
    /// It ends as soon as nothing is owed.
    last: bool,
}

impl<F: Fn(&[u8]) -> Result<Option<Head>>> Loop<F> {
    fn new(listener: TcpListener, head: F) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, event(EpollFlags::EPOLLIN, listener.as_raw_fd()))?;
        let (input, output) = (vec![0; 64 * 1024], Vec::with_capacity(64 * 1024));
        Ok(Self { epoll, listener, head, answer: Answer::new(), connections: Vec::new(), input, output })
    }

    fn run(mut self) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        loop {
            let count = self.epoll.wait(&mut events, EpollTimeout::NONE)?;
            self.answer.refresh();
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
        let (begun, owed) = (Vec::new(), Vec::new());
        self.connections[fd as usize] = Some(Connection { stream, begun, owed, last: false });
        Ok(())
    }

    /// Answers what is there, or goes on writing. Any error ends the connection, and so does its last answer.
    fn turn(&mut self, fd: RawFd) -> Result<()> {
        let Some(connection) = &mut self.connections[fd as usize] else { return Ok(()) };
        if !connection.owed.is_empty() {
            let written = write(&mut connection.stream, &connection.owed)?;
            connection.owed.drain(..written);
            if connection.owed.is_empty() {
                self.epoll.modify(&connection.stream, &mut event(EpollFlags::EPOLLIN, fd))?;
            }
            return connection.go_on();
        }
        let n = match connection.stream.read(&mut self.input)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => n,
        };
        self.output.clear();
        if connection.begun.is_empty() {
            let used =
                answer(&self.head, &self.answer, &self.input[..n], &mut self.output, &mut connection.last)?;
            connection.begun.extend_from_slice(&self.input[used..n]);
        } else {
            connection.begun.extend_from_slice(&self.input[..n]);
            let used =
                answer(&self.head, &self.answer, &connection.begun, &mut self.output, &mut connection.last)?;
            connection.begun.drain(..used);
        }
        if connection.begun.len() > self.input.len() {
            return Err(ErrorKind::InvalidData.into());
        }
        if self.output.is_empty() {
            return Ok(());
        }
        let written = write(&mut connection.stream, &self.output)?;
        if written < self.output.len() {
            connection.owed.extend_from_slice(&self.output[written..]);
            self.epoll.modify(&connection.stream, &mut event(EpollFlags::EPOLLOUT, fd))?;
        }
        connection.go_on()
    }
}

impl Connection {
    fn go_on(&self) -> Result<()> {
        if self.last && self.owed.is_empty() { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// Answers all requests in `input` that are complete, and says how many bytes they had.
fn answer(
    head: impl Fn(&[u8]) -> Result<Option<Head>>,
    answer: &Answer,
    input: &[u8],
    output: &mut Vec<u8>,
    last: &mut bool,
) -> Result<usize> {
    let mut used = 0;
    while !*last && used < input.len() {
        let Some(head) = head(&input[used..])? else { break };
        used += head.len;
        *last = head.close;
        output.extend_from_slice(answer.bytes(head.close));
    }
    Ok(used)
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
