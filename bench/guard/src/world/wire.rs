//! Connections in memory. Whatever an end does is done at once, and told to whoever reads the other.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ekiden::driver::{OtherTcpListener, OtherTcpStream, Readiness, TcpStream, Token};

use super::Events;

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Stream {
    from_peer: Arc<Mutex<Half>>,
    to_peer: Arc<Mutex<Half>>,
    events: Events,
}

/// One direction of a connection: it takes whatever is written.
#[derive(Debug, Default)]
struct Half {
    bytes: Vec<u8>,
    /// How many of them were read.
    taken: usize,
    /// Told when there is more; a hand needs no telling.
    reader: Option<Token>,
    is_ended: bool,
}

/// Connections that were not accepted yet, and who is to accept them.
#[derive(Clone, Debug, Default)]
pub(super) struct Backlog(Arc<Mutex<(Option<Token>, VecDeque<Stream>)>>);

#[derive(Debug)]
pub(super) struct Listener(pub(super) Backlog);

/// Both ends of a new connection.
pub(super) fn pair(events: &Events) -> (Stream, Stream) {
    let (one, other) = (Arc::<Mutex<Half>>::default(), Arc::<Mutex<Half>>::default());
    let here = Stream { from_peer: one.clone(), to_peer: other.clone(), events: events.clone() };
    (here, Stream { from_peer: other, to_peer: one, events: events.clone() })
}

/// Says that a source is ready, for both directions, as an edge-triggered selector does whenever anything arrives.
pub(super) fn ready(events: &Events, token: Token) {
    lock(events).push((token, Readiness::new(true, true)));
}

impl Stream {
    pub(super) fn set_reader(&mut self, token: Token) {
        lock(&self.from_peer).reader = Some(token);
    }

    /// Sends bytes to the other end.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut half = lock(&self.to_peer);
        half.bytes.extend_from_slice(bytes);
        self.tell(&half);
    }

    /// Takes everything that has come.
    pub(crate) fn take<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let mut half = lock(&self.from_peer);
        let looked = look(&half.bytes[half.taken..]);
        half.clear();
        looked
    }

    fn end(&self) {
        let mut half = lock(&self.to_peer);
        half.is_ended = true;
        self.tell(&half);
    }

    fn tell(&self, half: &Half) {
        if let Some(reader) = half.reader {
            let readiness = Readiness::new(true, true);
            let readiness = if half.is_ended { readiness.read_on() } else { readiness };
            lock(&self.events).push((reader, readiness));
        }
    }
}

impl Half {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.taken..];
        if rest.is_empty() {
            return if self.is_ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        if self.taken == self.bytes.len() {
            self.clear();
        }
        Ok(count)
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end();
    }
}

impl OtherTcpStream for Stream {
    fn register(&mut self, token: Token) -> io::Result<()> {
        self.set_reader(token);
        Ok(())
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        lock(&self.from_peer).read(buf)
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.send(buf);
        Ok(buf.len())
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut half = lock(&self.to_peer);
        bufs.iter().for_each(|buf| half.bytes.extend_from_slice(buf));
        self.tell(&half);
        Ok(bufs.iter().map(|buf| buf.len()).sum())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.end();
        }
        Ok(())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(SOMEWHERE)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SOMEWHERE)
    }

    fn set_nodelay(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn nodelay(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }
}

impl Backlog {
    pub(super) fn offer(&self, stream: Stream, events: &Events) {
        let (listener, waiting) = &mut *lock(&self.0);
        waiting.push_back(stream);
        let listener = listener.expect("a scenario listens before it connects");
        ready(events, listener);
    }

    pub(super) fn set_listener(&self, token: Token) {
        lock(&self.0).0 = Some(token);
    }
}

impl OtherTcpListener for Listener {
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let next = lock(&self.0.0).1.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        Ok((TcpStream::Other(Box::new(next)), SOMEWHERE))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SOMEWHERE)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where everybody is. Nobody looks at the number.
pub(super) const SOMEWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
