//! The server's end of a pipelined connection: requests go to a service as they come, replies leave in their order.
//!
//! ```text
//!   Transport ── request ──►┌─────────┐── call ──►┌─────────┐
//!                           │ Session │           │ Running │── service
//!   Transport ◄── reply ────│ (Order) │◄─ done ───└─────────┘
//!                           └─────────┘
//! ```
//!
//! All requests that one read brought are begun, and all replies that are ready leave by one write. This file says how
//! a connection begins and how it is closed; what happens between is the [`Session`]'s,
//! and `order` decides which reply is the next.

mod order;
mod session;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::rc::Rc;

use ekiden_reactor::net::Spread;
use ekiden_reactor::notice;
use ekiden_reactor::notice::{Causes, Level};
use ekiden_service::Service;
use futures_io::{AsyncRead, AsyncWrite};

use crate::body::Message;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, ConnectionError};
use crate::pipeline::config::ServerConfig;
use crate::pipeline::shape::{Shape, Whole};
use crate::pipeline::streamed::{Frame, Streamed};
use crate::server::{Drain, Listener, Seat, Server};
use crate::transport::Parts;
use session::Session;

pub use order::{Order, Ticket};

/// Serves a listener with the [default configuration](ServerConfig), in the language of `codec`.
///
/// ```
/// use ekiden_proto::codec::Lines;
/// use ekiden_proto::pipeline::{self, Client};
/// use ekiden_reactor::net::{TcpListener, TcpStream};
/// use ekiden_service::{Service, service_fn};
/// use std::convert::Infallible;
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let shout = service_fn(async |line: String| Ok::<_, Infallible>(line.to_uppercase()));
/// let server = pipeline::serve(listener, Lines::default(), shout);
///
/// let client = Client::<_, String>::new(TcpStream::connect(addr).await?, Lines::default());
/// assert_eq!(client.call("hello").await?, "HELLO");
///
/// server.drain(Duration::from_secs(1)).await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve<L, Codec, S>(listener: L, codec: Codec, service: S) -> Server
where
    L: Listener + 'static,
    S: Service<Error: StdError> + 'static,
    Codec: Decoder<Item = S::Req, Error: Into<BoxError>> + Encoder<S::Resp, Error: Into<BoxError>>,
    Codec: Clone + 'static,
{
    ServerConfig::default().serve(listener, codec, service)
}

/// Serves a listener on all cores of the runtime with the [default configuration](ServerConfig), each connection on the core
/// that has the fewest.
///
/// `make` makes the service of each core, on that core, so that it need not be `Send`:
///
/// ```
/// use ekiden_proto::codec::Lines;
/// use ekiden_proto::pipeline::{self, Client};
/// use ekiden_reactor::net::{TcpListener, TcpStream};
/// use ekiden_service::{Service, service_fn};
/// use std::cell::Cell;
/// use std::convert::Infallible;
/// use std::rc::Rc;
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let _server = pipeline::serve_on_cores(listener, Lines::default(), || {
///     let calls = Rc::new(Cell::new(0));
///     service_fn(async move |_line: String| {
///         calls.set(calls.get() + 1);
///         Ok::<_, Infallible>(format!("call {} on this core", calls.get()))
///     })
/// })?;
///
/// let client = Client::<_, String>::new(TcpStream::connect(addr).await?, Lines::default());
/// assert_eq!(client.call("hello").await?, "call 1 on this core");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// As the system's: too many open files.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve_on_cores<L, Codec, Make, S>(listener: L, codec: Codec, make: Make) -> io::Result<Server>
where
    L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
    Make: Fn() -> S + Send + Sync + 'static,
    S: Service<Error: StdError> + 'static,
    Codec: Decoder<Item = S::Req, Error: Into<BoxError>> + Encoder<S::Resp, Error: Into<BoxError>>,
    Codec: Clone + Send + Sync + 'static,
{
    ServerConfig::default().serve_on_cores(listener, codec, make)
}

/// Serves one connection with the [default configuration](ServerConfig), until the peer ends it.
///
/// # Cancel safety
///
/// Dropping the future drops the calls under way and closes the connection.
///
/// # Errors
///
/// As [`ServerConfig::serve_connection`].
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve_connection<Io, Codec, S>(
    io: Io,
    codec: Codec,
    service: S,
) -> impl Future<Output = Result<Parts<Io, Codec>, ServeError<S::Error>>>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    S: Service,
    Codec: Decoder<Item = S::Req, Error: Into<BoxError>> + Encoder<S::Resp, Error: Into<BoxError>>,
{
    ServerConfig::default().serve_connection(io, codec, service, Drain::new())
}

impl ServerConfig {
    /// Serves every connection of a listener with `service`, each in a task of its own, in the language of `codec`.
    ///
    /// The server runs on this thread's reactor until it is drained, by its handle or by the shutdown, or until the
    /// listener fails for good. While it drains it reads nothing more, and writes the replies that are owed; then a peer has two
    /// seconds to read them and close.
    ///
    /// A connection that breaks, or whose peer does not speak the language, ends and harms no other. An error of the
    /// service ends its connection too, and is told to the operator, as is a reply that cannot be encoded: a protocol
    /// with a reply for errors has them turned into replies by the service. To decide otherwise, use
    /// [`serve_connection`](Self::serve_connection). A panic of the service ends its connection as well, with the other
    /// calls under way on it, and [counts](Server::panics).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve<L, Codec, S>(self, listener: L, codec: Codec, service: S) -> Server
    where
        L: Listener + 'static,
        S: Service<Error: StdError> + 'static,
        Codec: Decoder<Item = S::Req, Error: Into<BoxError>> + Encoder<S::Resp, Error: Into<BoxError>>,
        Codec: Clone + 'static,
    {
        let service = Rc::new(service);
        self.accept.clone().serve(listener, move |io, peer, seat| {
            serve_seated(Session::new(io, codec.clone(), Whole::new(), &self), service.clone(), peer, &seat)
        })
    }

    /// Serves a listener on all cores of the runtime: each connection on the core that has the fewest, by the service that
    /// `make` made there.
    ///
    /// `make` and the codec are all that is shared between cores. The returned server stands for all of them, and
    /// `connections_max` holds for all together. Everything else is as for [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve_on_cores<L, Codec, Make, S>(
        self,
        listener: L,
        codec: Codec,
        make: Make,
    ) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> S + Send + Sync + 'static,
        S: Service<Error: StdError> + 'static,
        Codec: Decoder<Item = S::Req, Error: Into<BoxError>> + Encoder<S::Resp, Error: Into<BoxError>>,
        Codec: Clone + Send + Sync + 'static,
    {
        self.accept.clone().serve_on_cores(listener, move || {
            let (config, codec, service) = (self.clone(), codec.clone(), Rc::new(make()));
            move |io, peer, seat| {
                serve_seated(
                    Session::new(io, codec.clone(), Whole::new(), &config),
                    service.clone(),
                    peer,
                    &seat,
                )
            }
        })
    }

    /// Serves one connection with `service`, until the peer ends it or its drain begins: that of the [`Seat`] that a server
    /// gave it, or a [`Drain`] if it has none.
    ///
    /// Returns the byte stream. If the decoder [held](crate::codec::Decoded::Hold) after a frame, the replies up to
    /// that frame's have been written, and the byte stream goes on with another protocol; what was read of that is with
    /// it. Otherwise it has been closed.
    ///
    /// At the end of what the peer sends, and when the drain begins, the replies that are owed are written first: to
    /// every request that has been read by then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the calls under way and closes the connection.
    ///
    /// # Errors
    ///
    /// If the connection breaks or the peer sends what is no frame; if the service fails; if a reply cannot be
    /// encoded. Replies that were owed before the error are written, if they can be.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn serve_connection<Io, Codec, S>(
        self,
        io: Io,
        codec: Codec,
        service: S,
        seat: impl Into<Seat>,
    ) -> impl Future<Output = Result<Parts<Io, Codec>, ServeError<S::Error>>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
        S: Service,
        Codec: Decoder<Item = S::Req, Error: Into<BoxError>> + Encoder<S::Resp, Error: Into<BoxError>>,
    {
        // No async function: that would keep the memory of its arguments beside what they have become.
        let mut session = Session::new(io, codec, Whole::new(), &self);
        let mut drain = seat.into().drain().begun();
        async move {
            session.serve(&service, &mut drain).await?;
            Ok(session.into_parts())
        }
    }
}

/// The same for protocols whose messages have [bodies](Frame): each is a head, and what follows it in pieces.
///
/// A request is begun when its head is there, and its reply begins to leave when it is its turn, so a service may read and
/// write at once. A body that the service reads slowly holds back its own connection, and no other. So does one that it
/// makes slowly, and the replies behind it. One that it drops is read and thrown away.
///
/// If the body of a reply cannot be made to its end the connection ends, since nothing behind it could be told from it.
impl ServerConfig {
    /// As [`serve`](Self::serve), of messages with bodies.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve_streamed<L, Codec, S, Asked, Head>(self, listener: L, codec: Codec, service: S) -> Server
    where
        L: Listener + 'static,
        S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: StdError> + 'static,
        Codec:
            Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
        Codec: Clone + 'static,
        Asked: 'static,
        Head: 'static,
    {
        let service = Rc::new(service);
        self.accept.clone().serve(listener, move |io, peer, seat| {
            let shape = Streamed::new(self.body_bytes_max.max(1));
            serve_seated(Session::new(io, codec.clone(), shape, &self), service.clone(), peer, &seat)
        })
    }

    /// As [`serve_on_cores`](Self::serve_on_cores), of messages with bodies.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve_streamed_on_cores<L, Codec, Make, S, Asked, Head>(
        self,
        listener: L,
        codec: Codec,
        make: Make,
    ) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> S + Send + Sync + 'static,
        S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: StdError> + 'static,
        Codec:
            Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
        Codec: Clone + Send + Sync + 'static,
        Asked: 'static,
        Head: 'static,
    {
        self.accept.clone().serve_on_cores(listener, move || {
            let (config, codec, service) = (self.clone(), codec.clone(), Rc::new(make()));
            move |io, peer, seat| {
                let shape = Streamed::new(config.body_bytes_max.max(1));
                serve_seated(Session::new(io, codec.clone(), shape, &config), service.clone(), peer, &seat)
            }
        })
    }

    /// As [`serve_connection`](Self::serve_connection), of messages with bodies.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the calls under way and closes the connection.
    ///
    /// # Errors
    ///
    /// As [`serve_connection`](Self::serve_connection); and if a body cannot be made.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn serve_streamed_connection<Io, Codec, S, Asked, Head>(
        self,
        io: Io,
        codec: Codec,
        service: S,
        seat: impl Into<Seat>,
    ) -> impl Future<Output = Result<Parts<Io, Codec>, ServeError<S::Error>>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
        S: Service<Req = Message<Asked>, Resp = Message<Head>>,
        Codec:
            Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
    {
        let mut session = Session::new(io, codec, Streamed::new(self.body_bytes_max.max(1)), &self);
        let mut drain = seat.into().drain().begun();
        async move {
            session.serve(&service, &mut drain).await?;
            Ok(session.into_parts())
        }
    }
}

/// One connection, on its seat.
fn serve_seated<Io, Codec, Shaped, S, Addr>(
    mut session: Session<Io, Codec, Shaped, S::Error>,
    service: Rc<S>,
    peer: Addr,
    seat: &Seat,
) -> impl Future<Output = ()> + use<Io, Codec, Shaped, S, Addr>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Shaped: Shape,
    S: Service<Req = Shaped::In, Resp = Shaped::Out, Error: StdError> + 'static,
    Codec: Decoder<Item = Shaped::FrameIn, Error: Into<BoxError>>
        + Encoder<Shaped::FrameOut, Error: Into<BoxError>>,
    Addr: fmt::Display,
{
    let mut drain = seat.drain().begun();
    async move {
        let served = session.serve(&*service, &mut drain).await;
        if let Err(error @ (ServeError::Service(_) | ServeError::Encode(_) | ServeError::Body(_))) = served {
            let causes = Causes(&error);
            notice(Level::Warning, "pipeline", format_args!("the connection of {peer} ended: {causes}"));
        }
    }
}

/// Why a connection ended before it was done.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError<E> {
    /// The connection broke, or the peer sent what is no frame, or half of one, or does not take its replies.
    Connection(ConnectionError),
    /// A reply cannot be encoded.
    Encode(BoxError),
    /// The rest of a reply's body cannot be made.
    Body(BoxError),
    /// The service failed.
    Service(E),
}

impl<E> From<ConnectionError> for ServeError<E> {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

impl<E> fmt::Display for ServeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(_) => f.write_str("the connection ended early"),
            Self::Encode(_) => f.write_str("a reply cannot be encoded"),
            Self::Body(_) => f.write_str("the body of a reply cannot be made"),
            Self::Service(_) => f.write_str("the service failed"),
        }
    }
}

impl<E: StdError + 'static> StdError for ServeError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Encode(error) | Self::Body(error) => Some(&**error),
            Self::Service(error) => Some(error),
        }
    }
}
