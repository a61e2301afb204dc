//! A listening TCP socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use super::{TcpStream, ToAddrs, lookup_host};
use crate::driver::{self, ListenOptions};
use crate::interest::{Registration, Way};
use crate::task::budget::ACCEPT_COST;

/// Accepts TCP connections.
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
    socket: driver::TcpListener,
    registration: Registration,
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
        let mut failure = None;
        for addr in lookup_host(addrs).await? {
            match Self::listen(addr, &ListenOptions::default()) {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Listens on an address, with options, at once.
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
            Ok((registration, socket)) => Ok(Self { socket, registration }),
            Err(error) => Err(io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"))),
        }
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// As the system's. Some concern only one connection (`ECONNABORTED`), some pass (too many open files): the
    /// listener can be used again after any of them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection: one leaves the queue only in the poll that returns it.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) =
            self.registration.use_by(Way::Read, ACCEPT_COST, || self.socket.accept()).await?;
        Ok((TcpStream::from_accepted(socket)?, peer))
    }

    /// Accepts a connection if there is one; inside a tick, `Ok(None)` registers interest in the next.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn try_accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match self.registration.try_use(Way::Read, ACCEPT_COST, || self.socket.accept())? {
            Some((socket, peer)) => Ok(Some((TcpStream::from_accepted(socket)?, peer))),
            None => Ok(None),
        }
    }

    /// The next connection, or the task is woken when there is one, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (socket, peer) =
            ready!(self.registration.poll_use(Way::Read, ACCEPT_COST, cx, || self.socket.accept()))?;
        Poll::Ready(TcpStream::from_accepted(socket).map(|stream| (stream, peer)))
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
