//! A client that may do what no honest client does: it has the socket in its hands.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// No server of ours on loopback takes this long for anything: only a test that fails meets it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nor does any say as much as this at once.
const HEARD_MAX: usize = 1 << 20;

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: Socket,
}

/// How the other side ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Closed,
    /// By a reset.
    Reset,
}

impl Peer {
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::connect_as(addr, |_| ())
    }

    /// One whose kernel keeps only a few kilobytes that it has not read.
    #[track_caller]
    pub(crate) fn connect_with_little_room(addr: SocketAddr) -> Self {
        Self::connect_as(addr, |socket| socket.set_recv_buffer_size(4096).expect("any size will do"))
    }

    #[track_caller]
    fn connect_as(addr: SocketAddr, prepare: impl FnOnce(&Socket)) -> Self {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None);
        let socket = socket.unwrap_or_else(|error| panic!("no socket for a client: {error}"));
        prepare(&socket);
        let connected = socket.connect_timeout(&addr.into(), PATIENCE);
        connected.unwrap_or_else(|error| panic!("cannot connect to {addr}: {error}"));
        socket.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
        socket.set_tcp_nodelay(true).expect("it is TCP");
        Self { socket }
    }

    /// Sends all of it.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.socket.write_all(bytes.as_ref());
        sent.unwrap_or_else(|error| panic!("the server takes no more: {error}"));
    }

    /// Sends as much as is taken at once: how much, or how the connection has ended.
    #[track_caller]
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> Result<usize, End> {
        let sent = self.at_once(|socket| socket.write(bytes));
        sent.map_or_else(failed, |sent| Ok(sent.unwrap_or(0)))
    }

    /// The port that the other side knows it by.
    pub(crate) fn port(&self) -> u16 {
        let addr = self.socket.local_addr().ok().and_then(|addr| addr.as_socket());
        addr.expect("it is connected").port()
    }

    /// Says that it sends no more, and goes on listening.
    pub(crate) fn end(&self) {
        self.socket.shutdown(Shutdown::Write).expect("it is connected");
    }

    /// Breaks the connection off.
    pub(crate) fn reset(self) {
        self.socket.set_linger(Some(Duration::ZERO)).expect("it is a socket");
    }

    /// Waits for bytes until there are enough.
    #[track_caller]
    pub(crate) fn read_until(&mut self, is_enough: impl Fn(&str) -> bool) -> String {
        let mut received = String::new();
        while !is_enough(&received) {
            assert!(received.len() < HEARD_MAX, "the server says more and more, last {}", last(&received));
            match self.read() {
                Ok(more) if !more.is_empty() => received.push_str(&more),
                end => panic!("the connection ended ({end:?}) behind: {received}"),
            }
        }
        received
    }

    /// Everything that comes, and how it ends.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> (String, End) {
        let mut received = String::new();
        loop {
            assert!(received.len() < HEARD_MAX, "the server says more and more, last {}", last(&received));
            match self.read() {
                Ok(more) if more.is_empty() => return (received, End::Closed),
                Ok(more) => received.push_str(&more),
                Err(end) => return (received, end),
            }
        }
    }

    /// Whether the connection is open and nothing has come that was not read.
    #[track_caller]
    pub(crate) fn hears_nothing(&mut self) -> bool {
        self.at_once(|socket| socket.peek(&mut [std::mem::MaybeUninit::uninit()]))
            .is_ok_and(|peeked| peeked.is_none())
    }

    #[track_caller]
    fn read(&mut self) -> Result<String, End> {
        let mut buf = [0; 16 * 1024];
        match self.socket.read(&mut buf) {
            Ok(n) => Ok(String::from_utf8_lossy(&buf[..n]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the server says nothing"),
            Err(error) => failed(error),
        }
    }

    /// `None` if it would block.
    fn at_once<T>(&mut self, act: impl FnOnce(&mut Socket) -> io::Result<T>) -> io::Result<Option<T>> {
        self.socket.set_nonblocking(true).expect("it is a socket");
        let done = match act(&mut self.socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            done => done.map(Some),
        };
        self.socket.set_nonblocking(false).expect("it is a socket");
        done
    }
}

#[track_caller]
fn failed<T>(error: io::Error) -> Result<T, End> {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Err(End::Reset),
        _ => panic!("the socket failed: {error}"),
    }
}

fn last(text: &str) -> &str {
    text.char_indices().nth_back(100).map_or(text, |(at, _)| &text[at..])
}
