//! The TCP sockets of a driver: the system's, or a boxed other.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};

use super::options::NoOptions;
use super::{Driver, TcpOptions, Token, absent, os, os_of};

/// A TCP connection as the driver gives it: none of its methods waits.
///
/// It is `Send` until it is registered with a reactor, so that an accepted connection can be placed on any core.
#[derive(Debug)]
pub enum TcpStream {
    /// The system's.
    Os(os::TcpStream),
    /// Another driver's.
    Other(Box<dyn OtherTcpStream>),
}

/// A TCP connection of a driver other than the system's. Each method answers at once, and
/// [`WouldBlock`](io::ErrorKind::WouldBlock) where it would have to wait.
#[expect(missing_docs, reason = "each other method is the one of the same name of std::net::TcpStream")]
pub trait OtherTcpStream: Send + fmt::Debug {
    /// Takes the connection up, after it was accepted: from now on its readiness is told under `token`.
    fn register(&mut self, token: Token) -> io::Result<()>;
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    fn peer_addr(&self) -> io::Result<SocketAddr>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
    fn set_nodelay(&self, nodelay: bool) -> io::Result<()>;
    fn nodelay(&self) -> io::Result<bool>;
    fn take_error(&self) -> io::Result<Option<io::Error>>;

    /// What else can be set; nothing by default.
    fn options(&self) -> &dyn TcpOptions {
        &NoOptions
    }
}

/// A TCP listener as the driver gives it.
#[derive(Debug)]
pub enum TcpListener {
    /// The system's.
    Os(os::TcpListener),
    /// Another driver's.
    Other(Box<dyn OtherTcpListener>),
}

/// A TCP listener of a driver other than the system's; see [`OtherTcpStream`].
#[expect(missing_docs, reason = "each method is the one of the same name of std::net::TcpListener")]
pub trait OtherTcpListener: Send + fmt::Debug {
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)>;
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Another end of the same queue of connections, for another core to take up. By default there is none.
    fn share(&self) -> io::Result<Box<dyn OtherTcpListener>> {
        Err(absent("listeners that several cores share"))
    }

    /// Takes up a listener that was shared, on the core that calls: from now on it is told under `token` that there may be
    /// a connection.
    fn register(&mut self, token: Token) -> io::Result<()> {
        let _ = token;
        Err(absent("listeners that several cores share"))
    }
}

impl TcpStream {
    /// Takes up an accepted connection: from now on its readiness is told under `token`.
    pub(crate) fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        match self {
            Self::Os(stream) => os_of(driver)?.register_tcp(stream, token),
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

    pub(crate) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match self {
            Self::Os(stream) => stream.set_nodelay(nodelay),
            Self::Other(stream) => stream.set_nodelay(nodelay),
        }
    }

    pub(crate) fn nodelay(&self) -> io::Result<bool> {
        match self {
            Self::Os(stream) => stream.nodelay(),
            Self::Other(stream) => stream.nodelay(),
        }
    }

    /// Why connecting failed, once; `None` if it did not.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Os(stream) => stream.take_error(),
            Self::Other(stream) => stream.take_error(),
        }
    }

    pub(crate) fn options(&self) -> &dyn TcpOptions {
        match self {
            Self::Os(stream) => stream,
            Self::Other(stream) => stream.options(),
        }
    }
}

impl TcpListener {
    /// Another listener of the same queue of connections, which is not registered.
    pub(crate) fn share(&self) -> io::Result<Self> {
        match self {
            Self::Os(listener) => listener.share().map(Self::Os),
            Self::Other(listener) => listener.share().map(Self::Other),
        }
    }

    /// Takes up a listener that was shared: from now on it is told under `token` that there may be a connection.
    pub(crate) fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        match self {
            Self::Os(listener) => os_of(driver)?.register_tcp_listener(listener, token),
            Self::Other(listener) => listener.register(token),
        }
    }

    /// Ends the registration, before the listener is dropped: the system would forget it only with the last one of its
    /// queue.
    pub(crate) fn deregister(&mut self, driver: &dyn Driver) {
        if let (Self::Os(listener), Some(os)) = (self, driver.os()) {
            os.deregister_tcp_listener(listener);
        }
    }

    pub(crate) fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
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
