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
//! a connection begins and how it is closed; what happens between is the [`Session`]'s.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::notice;
use ekiden_reactor::notice::Level;
use ekiden_service::Service;
use futures_io::{AsyncRead, AsyncWrite};

use super::error::{BoxError, ConnectionError};
use super::session::Session;
use crate::codec::{Decoder, Encoder};
use crate::server::{self, Drain, Listener, Server};
use crate::transport::Parts;

/// How the server's end of a pipelined connection behaves.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Most requests of one connection that are begun and whose replies have not left. Beyond it nothing is read, and
    /// the peer feels it. 64: plenty to keep a core busy, and one peer cannot have all of a service to itself. With
    /// 1, requests are served strictly one after the other.
    pub in_flight_max: usize,
    /// Most bytes of replies that wait for the peer to take them; beyond it, further replies wait in their order and
    /// soon nothing is read. 64 KiB, about what one write can hand to a socket. One reply may go beyond it.
    pub write_bytes_max: usize,
    /// Longest that the peer may take nothing of what waits for it. 30 s: a network that recovers does so by then,
    /// and who has stopped reading does not hold a connection for ever.
    pub stall_timeout: Duration,
    /// Longest from the first byte of a request to its last, while we wait for it. 30 s, as for the other direction: a
    /// request is made before it is sent, so it takes as long as the network does. Raise it for frames of many
    /// megabytes over slow lines.
    pub frame_timeout: Duration,
    /// Longest that a connection may have nothing under way and bring no request. `None`, for ever: peers of such
    /// protocols are mostly programs that keep their connections, and the number of connections has a limit of its
    /// own. Set it where strangers connect.
    pub idle_timeout: Option<Duration>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            in_flight_max: 64,
            write_bytes_max: 64 * 1024,
            stall_timeout: Duration::from_secs(30),
            frame_timeout: Duration::from_secs(30),
            idle_timeout: None,
        }
    }
}

/// Serves every connection of a listener with `service`, each in a task of its own, in the language of `codec`.
///
/// A connection that breaks, or whose peer does not speak the language, ends and harms no other. An error of the
/// service ends its connection too, and is told to the operator, as is a reply that cannot be encoded: a protocol
/// with a reply for errors has them turned into replies by the service. To decide otherwise, use
/// [`serve_connection`].
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
    let service = Rc::new(service);
    server::Config::default().serve(listener, move |io, peer, seat| {
        let service = Rc::clone(&service);
        let mut session = Session::new(io, codec.clone(), ServerConfig::default());
        let mut drain = seat.drain().begun();
        async move {
            let served = session.serve(&*service, &mut drain).await;
            if let Err(error @ (ServeError::Service(_) | ServeError::Encode(_))) = served {
                let why = error.source().map(ToString::to_string).unwrap_or_default();
                notice(Level::Warning, "connection", format_args!("of {peer}: {error}: {why}"));
            }
        }
    })
}

/// Serves one connection with `service`, until the peer ends it or `drain` begins.
///
/// Returns the byte stream. If the decoder [held](crate::codec::Decoded::Hold) after a frame, the replies up to that
/// frame's have been written, and the byte stream goes on with another protocol; what was read of that is with it.
/// Otherwise it has been closed.
///
/// At the end of what the peer sends, and when `drain` begins, the replies that are owed are written first: to every
/// request that has been read by then.
///
/// # Cancel safety
///
/// Dropping the future drops the calls under way and closes the connection.
///
/// # Errors
///
/// If the connection breaks or the peer sends what is no frame; if the service fails; if a reply cannot be encoded.
/// Replies that were owed before the error are written, if they can be.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve_connection<Io, Codec, S>(
    io: Io,
    codec: Codec,
    service: S,
    config: ServerConfig,
    drain: Drain,
) -> impl Future<Output = Result<Parts<Io, Codec>, ServeError<S::Error>>>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    S: Service,
    Codec: Decoder<Item = S::Req, Error: Into<BoxError>> + Encoder<S::Resp, Error: Into<BoxError>>,
{
    // No async function: that would keep the memory of its arguments beside what they have become.
    let mut session = Session::new(io, codec, config);
    let mut drain = drain.begun();
    async move {
        session.serve(&service, &mut drain).await?;
        Ok(session.into_parts())
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
            Self::Service(_) => f.write_str("the service failed"),
        }
    }
}

impl<E: StdError + 'static> StdError for ServeError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Encode(error) => Some(&**error),
            Self::Service(error) => Some(error),
        }
    }
}
