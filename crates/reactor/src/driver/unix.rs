//! The Unix sockets of a driver: the system's, or a boxed other.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::{Driver, Token, absent, os, os_of};

/// A Unix stream as the driver gives it: none of its methods waits.
///
/// It is `Send` until it is registered with a reactor.
#[derive(Debug)]
pub enum UnixStream {
    /// The system's.
    Os(os::UnixStream),
    /// Another driver's.
    Other(Box<dyn OtherUnixStream>),
}

/// A Unix stream of a driver other than the system's. Each method answers at once, and
/// [`WouldBlock`](io::ErrorKind::WouldBlock) where it would have to wait.
#[expect(missing_docs, reason = "each other method is the one of the same name of std's")]
pub trait OtherUnixStream: Send + fmt::Debug {
    /// Takes the stream up: from now on its readiness is told under `token`.
    fn register(&mut self, token: Token) -> io::Result<()>;
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    fn peer_addr(&self) -> io::Result<SocketAddr>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A Unix listener as the driver gives it.
#[derive(Debug)]
pub enum UnixListener {
    /// The system's.
    Os(os::UnixListener),
    /// Another driver's.
    Other(Box<dyn OtherUnixListener>),
}

/// A Unix listener of a driver other than the system's; see [`OtherUnixStream`].
#[expect(missing_docs, reason = "each method is the one of the same name of std's")]
pub trait OtherUnixListener: Send + fmt::Debug {
    fn accept(&self) -> io::Result<(UnixStream, SocketAddr)>;
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Another end of the same queue of streams, for another core to take up. By default there is none.
    fn share(&self) -> io::Result<Box<dyn OtherUnixListener>> {
        Err(absent("listeners that several cores share"))
    }

    /// Takes up a listener that was shared, on the core that calls: from now on it is told under `token` that there may be
    /// a stream.
    fn register(&mut self, token: Token) -> io::Result<()> {
        let _ = token;
        Err(absent("listeners that several cores share"))
    }
}

/// A Unix datagram socket as the driver gives it.
#[derive(Debug)]
pub enum UnixDatagram {
    /// The system's.
    Os(os::UnixDatagram),
    /// Another driver's.
    Other(Box<dyn OtherUnixDatagram>),
}

/// A Unix datagram socket of a driver other than the system's; see [`OtherUnixStream`].
#[expect(missing_docs, reason = "each other method is the one of the same name of std's")]
pub trait OtherUnixDatagram: Send + fmt::Debug {
    /// Takes the socket up: from now on its readiness is told under `token`.
    fn register(&mut self, token: Token) -> io::Result<()>;
    fn connect(&self, path: &Path) -> io::Result<()>;
    fn recv(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    fn send(&self, buf: &[u8]) -> io::Result<usize>;
    fn send_to(&self, buf: &[u8], path: &Path) -> io::Result<usize>;
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    fn peer_addr(&self) -> io::Result<SocketAddr>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

impl UnixStream {
    /// Takes the stream up: from now on its readiness is told under `token`.
    pub(crate) fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        match self {
            Self::Os(stream) => os_of(driver)?.register_unix(stream, token),
            Self::Other(stream) => stream.register(token),
        }
    }

    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Os(stream) => stream.read(buf),
            Self::Other(stream) => stream.read(buf),
        }
    }

    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Os(stream) => stream.write(buf),
            Self::Other(stream) => stream.write(buf),
        }
    }

    pub(crate) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Os(stream) => stream.write_vectored(bufs),
            Self::Other(stream) => stream.write_vectored(bufs),
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Os(stream) => stream.shutdown(how),
            Self::Other(stream) => stream.shutdown(how),
        }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Os(stream) => stream.peer_addr(),
            Self::Other(stream) => stream.peer_addr(),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Os(stream) => stream.local_addr(),
            Self::Other(stream) => stream.local_addr(),
        }
    }
}

impl UnixListener {
    /// Another listener of the same queue of streams, which is not registered.
    pub(crate) fn share(&self) -> io::Result<Self> {
        match self {
            Self::Os(listener) => listener.share().map(Self::Os),
            Self::Other(listener) => listener.share().map(Self::Other),
        }
    }

    /// Takes up a listener that was shared: from now on it is told under `token` that there may be a stream.
    pub(crate) fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        match self {
            Self::Os(listener) => os_of(driver)?.register_unix_listener(listener, token),
            Self::Other(listener) => listener.register(token),
        }
    }

    /// Ends the registration, before the listener is dropped: the system would forget it only with the last one of its
    /// queue.
    pub(crate) fn deregister(&mut self, driver: &dyn Driver) {
        if let (Self::Os(listener), Some(os)) = (self, driver.os()) {
            os.deregister_unix_listener(listener);
        }
    }

    pub(crate) fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        match self {
            Self::Os(listener) => listener.accept(),
            Self::Other(listener) => listener.accept(),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Os(listener) => listener.local_addr(),
            Self::Other(listener) => listener.local_addr(),
        }
    }
}

impl UnixDatagram {
    /// Takes the socket up: from now on its readiness is told under `token`.
    pub(crate) fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        match self {
            Self::Os(socket) => os_of(driver)?.register_unix_datagram(socket, token),
            Self::Other(socket) => socket.register(token),
        }
    }

    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Os(socket) => socket.recv(buf),
            Self::Other(socket) => socket.recv(buf),
        }
    }

    pub(crate) fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self {
            Self::Os(socket) => socket.recv_from(buf),
            Self::Other(socket) => socket.recv_from(buf),
        }
    }

    pub(crate) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Os(socket) => socket.send(buf),
            Self::Other(socket) => socket.send(buf),
        }
    }

    pub(crate) fn send_to(&self, buf: &[u8], path: &Path) -> io::Result<usize> {
        match self {
            Self::Os(socket) => socket.send_to(buf, path),
            Self::Other(socket) => socket.send_to(buf, path),
        }
    }

    pub(crate) fn connect(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Os(socket) => socket.connect(path),
            Self::Other(socket) => socket.connect(path),
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Os(socket) => socket.shutdown(how),
            Self::Other(socket) => socket.shutdown(how),
        }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Os(socket) => socket.peer_addr(),
            Self::Other(socket) => socket.peer_addr(),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Os(socket) => socket.local_addr(),
            Self::Other(socket) => socket.local_addr(),
        }
    }
}
