//! A listening Unix socket.

use std::fmt;
use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use super::UnixStream;
use super::accepting::Accepting;
use super::incoming::Incoming;
use crate::about::About;
use crate::driver;
use crate::registration::Registration;

/// Accepts Unix streams, and lives through what accepting can meet besides, as a [`TcpListener`](super::TcpListener)
/// does: what is said there of errors that pass, and of eight in one turn, is true here.
///
/// The file of its path is made when it is bound, and stays when it is dropped, as everywhere: another program may have
/// put its own there meanwhile. Who owns the path removes it, before binding or after serving.
///
/// ```
/// use ekiden_reactor::{net, run};
///
/// # let path = std::env::temp_dir().join(format!("ekiden-doc-{}.sock", std::process::id()));
/// run(async {
///     // One that a crash left behind would be in the way.
///     let _ = std::fs::remove_file(&path);
///     let listener = net::UnixListener::bind(&path)?;
///     let client = net::UnixStream::connect(&path).await?;
///     let (server, _peer) = listener.accept().await?;
///     client.write_all(b"hello").await?;
///     assert_eq!(server.read(&mut [0; 64]).await?, 5);
///     std::fs::remove_file(&path)
/// })
/// # .unwrap();
/// ```
pub struct UnixListener {
    // First, so that the socket is closed before its place in the table is given to another.
    pub(super) socket: driver::UnixListener,
    pub(super) accepting: Accepting,
}

impl UnixListener {
    /// Listens on a path, which must not exist.
    ///
    /// # Errors
    ///
    /// As the system's, naming the path: there is a file already
    /// ([`AddrInUse`](io::ErrorKind::AddrInUse), also if nobody listens on it), the path is too long (107 bytes on
    /// Linux), or it is not permitted. [`Unsupported`](io::ErrorKind::Unsupported) in a world without Unix sockets.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let bound = SocketAddr::from_pathname(path).and_then(|addr| Self::bind_addr(&addr));
        bound.map_err(|error| named("listen on", path, &error))
    }

    /// Listens on an address, which may be an abstract one where the system has such.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind), without the name.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        let (registration, socket) = Registration::new(|core, token| core.driver.unix_listen(addr, token))?;
        registration.describe(About::listener(format_args!("unix {addr:?}")));
        Ok(Self { socket, accepting: Accepting::new(registration) })
    }

    /// Waits for the next stream. The peer's address is seldom one: clients have no path unless they bind to one.
    ///
    /// # Errors
    ///
    /// As the system's, and only those by which the listener has ended: there will be no stream any more. What passes,
    /// and what concerns only one of them, is no error here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no stream: one leaves the queue only in the poll that returns it.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.accepting.accept(|| self.accept_one()).await
    }

    /// Accepts a stream if there is one; inside a tick, `Ok(None)` registers interest in the next.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn try_accept(&self) -> io::Result<Option<(UnixStream, SocketAddr)>> {
        self.accepting.try_accept(|| self.accept_one())
    }

    /// The next stream, or the task is woken when there is one, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.accepting.poll_accept(cx, || self.accept_one())
    }

    /// The streams to come, as a [`Stream`](futures_core::Stream) of what [`accept`](Self::accept) returns.
    /// As a [`TcpListener`](super::TcpListener::incoming)'s.
    pub fn incoming(&self) -> Incoming<'_, (UnixStream, SocketAddr)> {
        self.accepting.incoming(|| self.accept_one())
    }

    fn accept_one(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (socket, peer) = self.socket.accept()?;
        Ok((UnixStream::take_up(socket)?, peer))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// The error, saying what was tried and where.
pub(super) fn named(tried: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {tried} {}: {error}", path.display()))
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnixListener").field(&self.socket).finish()
    }
}
