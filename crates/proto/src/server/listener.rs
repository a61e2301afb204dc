//! Where connections come from.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixSocketAddr;

use ekiden_reactor::net::{
    Hangup, Placed, Spread, SpreadListener, TcpListener, TcpStream, UnixListener, UnixStream,
};
use futures_io::{AsyncRead, AsyncWrite};

/// Accepts byte streams: a socket, or a socket with something around it, such as TLS.
///
/// A listener that does more than accept (a handshake) should do it within the stream it returns, not before:
/// whatever [`accept`](Self::accept) waits for holds up all connections behind it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a listener",
    note = "use `ekiden::net::TcpListener`, or implement `Listener` for what accepts streams of `AsyncRead + AsyncWrite`"
)]
pub trait Listener {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + 'static;
    /// An address, of a peer or of the listener, as the operator would write it.
    type Addr: fmt::Display + 'static;

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// As they come, from the system or of a handshake: what each is about,
    /// [`Setbacks`](ekiden_reactor::net::Setbacks) says. A server passes over errors of one connection, for which it
    /// takes all that it does not know; it waits for up to a second when files or memory have run out, or when errors
    /// follow on one another without an end; and it ends by those that say that this is no listener: `EBADF`, `EINVAL`
    /// and `ENOTSOCK` of the system, and [`Unsupported`](io::ErrorKind::Unsupported) for who has no number.
    ///
    /// A [`TcpListener`] passes over and waits by itself, and whatever is made around one need only pass on its errors.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future must lose no connection.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Self::Addr)>>;

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// As the system's.
    fn local_addr(&self) -> io::Result<Self::Addr>;

    /// What tells that a connection is gone, if anything can without reading it: the server then drops its task as
    /// soon as that no longer reads. A listener around a socket's passes on what that says.
    ///
    /// `None` by default: such a connection finds its end when it reads or writes, and a time limit on calls is wise.
    fn hangup(&self, _io: &Self::Io) -> Option<Hangup> {
        None
    }
}

impl<L: Spread> Listener for SpreadListener<L>
where
    L::Stream: AsyncRead + AsyncWrite + Unpin,
    L::Addr: fmt::Display,
{
    type Io = Placed<L::Stream>;
    type Addr = L::Addr;

    async fn accept(&self) -> io::Result<(Self::Io, Self::Addr)> {
        Self::accept(self).await
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Self::local_addr(self))
    }

    fn hangup(&self, io: &Self::Io) -> Option<Hangup> {
        Some(L::hangup(io))
    }
}

impl Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn hangup(&self, io: &TcpStream) -> Option<Hangup> {
        Some(io.hangup())
    }
}

impl Listener for UnixListener {
    type Io = UnixStream;
    type Addr = UnixAddr;

    async fn accept(&self) -> io::Result<(UnixStream, UnixAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        Ok((stream, UnixAddr(peer)))
    }

    fn local_addr(&self) -> io::Result<UnixAddr> {
        Self::local_addr(self).map(UnixAddr)
    }

    fn hangup(&self, io: &UnixStream) -> Option<Hangup> {
        Some(io.hangup())
    }
}

/// The address of a Unix socket, as the operator would write it: its path, if it has one.
#[derive(Clone, Debug)]
pub struct UnixAddr(pub UnixSocketAddr);

impl fmt::Display for UnixAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_pathname() {
            Some(path) => path.display().fmt(f),
            None => f.write_str("a unix socket without a path"),
        }
    }
}
