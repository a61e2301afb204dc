//! What the kinds of listeners differ in, for one that is spread.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;

use super::super::{Hangup, TcpListener, TcpStream, UnixListener, UnixStream};
use super::Share;
use crate::driver::{self, Driver, Token};

/// A listener that can be spread over the cores: TCP's or Unix'.
///
/// What it has is between it and the reactor; it is named where a function takes both kinds.
///
/// ```
/// use ekiden_reactor::net::{Spread, TcpListener, TcpStream};
/// use ekiden_reactor::{CoreId, Runtime, spawn_on};
/// use std::num::NonZero;
///
/// let mut runtime = Runtime::default();
/// runtime.threads = NonZero::new(2);
/// runtime.run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let addr = listener.local_addr()?;
///     let shares = listener.spread(10_000)?;
///     let connections = shares[0].connections();
///     for share in shares {
///         // The share is what travels; nothing that is made of it need be `Send`.
///         drop(spawn_on(share.core(), || async move {
///             let (listener, mut streams) = (share.open()?, Vec::new());
///             loop {
///                 let (stream, _peer) = listener.accept().await?;
///                 stream.write_all(&[CoreId::current().index() as u8]).await?;
///                 streams.push(stream);
///             }
/// #           #[expect(unreachable_code, reason = "for its type")]
/// #           std::io::Result::Ok(())
///         }));
///     }
///     let (mut clients, mut served) = (Vec::new(), [0, 0]);
///     for _ in 0..8 {
///         let (client, mut core) = (TcpStream::connect(addr).await?, [0]);
///         client.read(&mut core).await?;
///         served[usize::from(core[0])] += 1;
///         clients.push(client);
///     }
///     // Four each, unless something holds one of the cores just now.
///     println!("core 0 has {}, core 1 has {}", served[0], served[1]);
///     assert_eq!(connections.open(), 8);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub trait Spread: Sized + 'static {
    /// A connection.
    type Stream: 'static;
    /// An address.
    type Addr: Clone + fmt::Debug + Send + Sync + 'static;
    #[doc(hidden)]
    type Socket: Send + 'static;
    #[doc(hidden)]
    type Accepted: Send + 'static;

    /// Spreads the listener over all cores of the runtime, which begin. Of its connections at most so many are open at
    /// once; beyond that new ones wait in the kernel's queue until one closes.
    ///
    /// Returns the part of each core, in the order of the cores: send each to [its own](Share::core).
    ///
    /// # Errors
    ///
    /// As the system's: too many open files; and [`Unsupported`](io::ErrorKind::Unsupported) in a world whose listeners
    /// cannot be shared.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if it is not that of the listener.
    fn spread(self, connections_max: usize) -> io::Result<Vec<Share<Self>>> {
        let (socket, local_addr) = self.into_socket()?;
        Ok(super::spread(socket, local_addr, connections_max))
    }

    /// What tells that a connection is gone.
    fn hangup(stream: &Self::Stream) -> Hangup;

    #[doc(hidden)]
    fn into_socket(self) -> io::Result<(Self::Socket, Self::Addr)>;
    #[doc(hidden)]
    fn share(socket: &Self::Socket) -> io::Result<Self::Socket>;
    #[doc(hidden)]
    fn register(socket: &mut Self::Socket, driver: &dyn Driver, token: Token) -> io::Result<()>;
    #[doc(hidden)]
    fn deregister(socket: &mut Self::Socket, driver: &dyn Driver);
    #[doc(hidden)]
    fn accept(socket: &Self::Socket) -> io::Result<(Self::Accepted, Self::Addr)>;
    #[doc(hidden)]
    fn take_up(accepted: Self::Accepted, peer: &Self::Addr) -> io::Result<Self::Stream>;
    /// The address for a list of who waits for what.
    #[doc(hidden)]
    fn describe(addr: &Self::Addr) -> String;
}

impl Spread for TcpListener {
    type Stream = TcpStream;
    type Addr = SocketAddr;
    type Socket = driver::TcpListener;
    type Accepted = driver::TcpStream;

    fn hangup(stream: &TcpStream) -> Hangup {
        stream.hangup()
    }

    fn into_socket(self) -> io::Result<(driver::TcpListener, SocketAddr)> {
        let Self { mut socket, accepting } = self;
        let (shared, local_addr) = (socket.share()?, socket.local_addr()?);
        socket.deregister(&*accepting.registration().core().driver);
        Ok((shared, local_addr))
    }

    fn share(socket: &driver::TcpListener) -> io::Result<driver::TcpListener> {
        socket.share()
    }

    fn register(socket: &mut driver::TcpListener, driver: &dyn Driver, token: Token) -> io::Result<()> {
        socket.register(driver, token)
    }

    fn deregister(socket: &mut driver::TcpListener, driver: &dyn Driver) {
        socket.deregister(driver);
    }

    fn accept(socket: &driver::TcpListener) -> io::Result<(driver::TcpStream, SocketAddr)> {
        socket.accept()
    }

    fn take_up(accepted: driver::TcpStream, peer: &SocketAddr) -> io::Result<TcpStream> {
        TcpStream::from_accepted(accepted, *peer)
    }

    fn describe(addr: &SocketAddr) -> String {
        format!("tcp {addr}")
    }
}

impl Spread for UnixListener {
    type Stream = UnixStream;
    type Addr = UnixAddr;
    type Socket = driver::UnixListener;
    type Accepted = driver::UnixStream;

    fn hangup(stream: &UnixStream) -> Hangup {
        stream.hangup()
    }

    fn into_socket(self) -> io::Result<(driver::UnixListener, UnixAddr)> {
        let Self { mut socket, accepting } = self;
        let (shared, local_addr) = (socket.share()?, socket.local_addr()?);
        socket.deregister(&*accepting.registration().core().driver);
        Ok((shared, local_addr))
    }

    fn share(socket: &driver::UnixListener) -> io::Result<driver::UnixListener> {
        socket.share()
    }

    fn register(socket: &mut driver::UnixListener, driver: &dyn Driver, token: Token) -> io::Result<()> {
        socket.register(driver, token)
    }

    fn deregister(socket: &mut driver::UnixListener, driver: &dyn Driver) {
        socket.deregister(driver);
    }

    fn accept(socket: &driver::UnixListener) -> io::Result<(driver::UnixStream, UnixAddr)> {
        socket.accept()
    }

    fn take_up(accepted: driver::UnixStream, _peer: &UnixAddr) -> io::Result<UnixStream> {
        UnixStream::take_up(accepted)
    }

    fn describe(addr: &UnixAddr) -> String {
        format!("unix {addr:?}")
    }
}
