//! One connection of the echo load: it has a request on its way, or none.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// What an event did to the request on its way.
#[derive(PartialEq, Eq)]
pub(crate) enum Progress {
    /// All of it is written, and the reply is awaited.
    Written,
    /// A part waits for room in the socket.
    Stuck,
    /// The whole reply is here.
    Done,
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// When the request on its way was due; none is on its way without it.
    pub(crate) due: Option<Instant>,
    /// Whether the driver asks for room on its behalf.
    pub(crate) is_stuck: bool,
    unwritten: usize,
    unread: usize,
}

impl Connection {
    pub(crate) fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, due: None, is_stuck: false, unwritten: 0, unread: 0 })
    }

    pub(crate) fn begin(&mut self, due: Instant, request: &[u8], reply_bytes: usize) -> Result<Progress> {
        self.due = Some(due);
        (self.unwritten, self.unread) = (request.len(), reply_bytes);
        self.write(request)
    }

    /// Goes on with the request on its way.
    pub(crate) fn turn(&mut self, request: &[u8], buf: &mut [u8]) -> Result<Progress> {
        match self.stream.read(buf) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) if n > self.unread => return Err(ErrorKind::InvalidData.into()),
            Ok(n) => self.unread -= n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        match self.unread {
            0 => Ok(Progress::Done),
            _ => self.write(request),
        }
    }

    fn write(&mut self, request: &[u8]) -> Result<Progress> {
        while self.unwritten > 0 {
            match self.stream.write(&request[request.len() - self.unwritten..]) {
                Ok(n) => self.unwritten -= n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Progress::Stuck),
                Err(e) => return Err(e),
            }
        }
        Ok(Progress::Written)
    }
}
