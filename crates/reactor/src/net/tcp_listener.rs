//! A listening TCP socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::accepting::Accepting;
use super::addrs::first_of;
use super::incoming::Incoming;
use super::{TcpStream, ToAddrs};
use crate::about::About;
use crate::driver::{self, ListenOptions};
use crate::registration::Registration;

/// Accepts TCP connections, and lives through what accepting can meet besides.
///
/// A client that is gone before it is accepted is passed over. When files or memory run out, nobody is accepted for a
/// moment: until a socket of this reactor is closed, or for 10 ms at first and up to a second while it lasts. The
/// operator is told when that begins and when it has ended. [`Setbacks`](super::Setbacks) has the details. To whoever waits it looks as
/// if nobody came, so a loop that accepts needs no care of its own.
///
/// At most eight connections are accepted by a task in one turn of the loop, then the others come first: a storm of new
/// clients should not hold up those that are being served.
///
/// ```
/// use ekiden_reactor::{net, run};
///
/// run(async {
///     let listener = net::TcpListener::bind("127.0.0.1:0").await?;
///     let client = net::TcpStream::connect(listener.local_addr()?).await?;
///     let (server, peer) = listener.accept().await?;
///     assert_eq!(peer, client.local_addr()?);
///     assert_eq!(server.peer_addr()?, peer);
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct TcpListener {
    // First, so that the socket is closed before its place in the table is given to another.
    pub(super) socket: driver::TcpListener,
    pub(super) accepting: Accepting,
}

impl TcpListener {
    /// Listens on an address, or on the first that can be bound of those a name stands for.
    ///
    /// Port 0 lets the system choose; [`local_addr`](Self::local_addr) tells.
    ///
    /// # Errors
    ///
    /// As the system's, naming the address: it is in use, is not this machine's, or needs a privilege.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn bind(addrs: impl ToAddrs) -> io::Result<Self> {
        first_of(addrs, |addr| Self::listen(addr, &ListenOptions::default())).await
    }

    /// Listens on an address, with options, at once.
    ///
    /// ```
    /// use ekiden_reactor::{driver::ListenOptions, net::TcpListener};
    ///
    /// # ekiden_reactor::run(async {
    /// let mut options = ListenOptions::default();
    /// options.reuse_port = true;
    /// let listener = TcpListener::listen(([127, 0, 0, 1], 0).into(), &options)?;
    /// // Another program, or a new version of this one, shares its clients.
    /// TcpListener::listen(listener.local_addr()?, &options)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn listen(addr: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        let opened = Registration::new(|core, token| core.driver.tcp_listen(addr, options, token));
        match opened {
            Ok((registration, socket)) => {
                registration
                    .describe(About::listener(format_args!("tcp {}", socket.local_addr().unwrap_or(addr))));
                Ok(Self { socket, accepting: Accepting::new(registration) })
            }
            Err(error) => Err(io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"))),
        }
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// As the system's, and only those by which the listener has ended: there will be no connection any more. What
    /// passes, and what concerns only one connection, is no error here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection: one leaves the queue only in the poll that returns it.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accepting.accept(|| self.accept_one()).await
    }

    /// Accepts a connection if there is one; inside a tick, `Ok(None)` registers interest in the next.
    ///
    /// ```
    /// use ekiden_reactor::{Task, Tick, net::TcpListener, schedule};
    /// use std::io;
    /// # use ekiden_reactor::net::TcpStream;
    /// # struct Connection;
    /// # impl Connection { fn new(_: TcpStream) -> Self { Self } }
    /// # impl Task for Connection { fn tick(&mut self) -> io::Result<Tick> { Ok(Tick::Final) } }
    ///
    /// struct Listener {
    ///     socket: TcpListener,
    /// }
    ///
    /// impl Task for Listener {
    ///     fn tick(&mut self) -> io::Result<Tick> {
    ///         while let Some((stream, _peer)) = self.socket.try_accept()? {
    ///             schedule(Connection::new(stream));
    ///         }
    ///         Ok(Tick::WouldBlock)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn try_accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        self.accepting.try_accept(|| self.accept_one())
    }

    /// The next connection, or the task is woken when there is one, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.accepting.poll_accept(cx, || self.accept_one())
    }

    /// The connections to come, as a [`Stream`](futures_core::Stream) of what [`accept`](Self::accept) returns.
    ///
    /// It ends behind an error, as there is no connection after that. To drop it loses none, and several may share the
    /// listener.
    ///
    /// ```
    /// use ekiden_reactor::net;
    /// use futures_util::StreamExt;
    ///
    /// # ekiden_reactor::run(async {
    /// let listener = net::TcpListener::bind("127.0.0.1:0").await?;
    /// let clients = [(); 2].map(|()| net::TcpStream::connect(listener.local_addr().unwrap()));
    /// # let _clients = futures_util::future::join_all(clients).await;
    ///
    /// let mut incoming = listener.incoming().take(2);
    /// while let Some(accepted) = incoming.next().await {
    ///     let (stream, peer) = accepted?;
    ///     assert_eq!(stream.peer_addr()?, peer);
    /// }
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn incoming(&self) -> Incoming<'_, (TcpStream, SocketAddr)> {
        self.accepting.incoming(|| self.accept_one())
    }

    fn accept_one(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = self.socket.accept()?;
        Ok((TcpStream::from_accepted(socket, peer)?, peer))
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

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpListener").field(&self.socket).finish()
    }
}
