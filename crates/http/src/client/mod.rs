//! HTTP/1.1 clients: one connection each, a [`Service`] from request to response.
//!
//! ```text
//!   Client ──► Queue ──► Connection (a task) ──► Exchange (no socket, no clock) ──► stream
//!   Client ──►
//! ```
//!
//! A [`Client`] is a handle: cheap to clone, and all clones call over the same connection, one request at a time, in
//! the order of the calls. A task of its own moves the bytes, so that a response's body streams while its caller does
//! something else, and a connection that the server has closed is known to be closed before anybody calls.
//!
//! It opens no second connection, follows no redirects and retries nothing: those are services around this one.
//!
//! In reading order: [`Config`] has the knobs; `queue` has the calls that wait, and the one that is on the connection;
//! `connection` is the task, `current` the exchange on the wire, with its caller and the reader of its body; `request`
//! makes bytes of a request, `patience` has every time-out. What HTTP demands of an exchange is decided in `h1::client`.

mod config;
mod queue;
mod connection;
mod current;
mod request;
mod patience;

use std::fmt;
use std::rc::Rc;

use ekiden_reactor::net::{TcpStream, ToAddrs};
use ekiden_reactor::{context, spawn_named, timeout};
use ekiden_service::{Begun, Expired, Service, Status};
use futures_io::{AsyncRead, AsyncWrite};
use http::uri::{Authority, Scheme};
use http::{Request, Response};

pub use config::{Config, TargetForm};

use crate::body::Body;
use crate::error::{Error, Role};
use connection::Connection;
use queue::Entrance;

/// A connection to an HTTP/1.1 server, as a service.
///
/// ```
/// use ekiden_http::{Body, client::Client};
/// use ekiden_service::Service;
/// # use ekiden_reactor::{net::TcpListener, spawn};
///
/// # ekiden_reactor::run(async {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// # spawn(async move {
/// #     let (stream, _) = listener.accept().await?;
/// #     stream.read(&mut [0; 1024]).await?;
/// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await
/// # });
/// let client = Client::connect(addr).await?;
/// let response = client.call(http::Request::get("/").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.into_body().collect(1024).await?, "hello");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # The connection's life
///
/// [`status`](Service::status) is `Open` while the next call would be on the wire at once, `Busy` while it would
/// wait, and `Closed` when the connection is gone: the peer closed it, a response said that it was the last, or
/// something broke. A closed client stays so; make another. When the last clone is dropped the connection ends,
/// after the response that is still being read.
///
/// For one that connects again there is `Reconnect` of ekiden-middleware, around a function that connects. It sends no
/// request twice: one that was given to a connection has the outcome that it has there.
///
/// ```
/// use ekiden_http::{Body, client::Client};
/// use ekiden_middleware::MiddlewareExt;
/// use ekiden_service::{Service, service_fn};
/// # use ekiden_reactor::net::TcpListener;
///
/// # ekiden_reactor::run(async {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// # let closes = service_fn(async |_req: http::Request<Body>| {
/// #     Ok::<_, ekiden_http::Error>(http::Response::builder().header("connection", "close").body(Body::empty())?)
/// # });
/// # let _server = ekiden_http::serve(listener, closes);
/// let client = service_fn(async move |()| Client::connect(addr).await).reconnect();
/// for _ in 0..2 {
///     // The server closes the connection each time.
///     let response = client.call(http::Request::get("/").body(Body::empty())?).await?;
///     assert_eq!(response.headers()["connection"], "close");
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Errors of a call
///
/// They say how far the request got, by [`Failure::begun`](ekiden_service::Failure::begun):
/// - `No`: not one byte of it left. It was refused because the queue is full or the connection is closed, the
///   connection broke while it waited, the caller's time had run out, or the request could not be sent at all.
/// - `Unknown`: some of it was written, and not one byte of an answer came.
/// - `Yes`: the server had begun to answer.
#[derive(Clone)]
pub struct Client {
    // Shared, since the connection should end with the last of them.
    entrance: Rc<Entrance>,
    wire: Wire,
}

/// What is known of the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    /// It is TCP, and everybody on the way can read what is on it.
    Plain,
    /// The caller's, who knows better than we do.
    Given,
}

impl Client {
    /// Connects to a server.
    ///
    /// The address, as it is written here, is also the host that requests are for which name none.
    ///
    /// The connection is TCP without TLS, so a request for an `https` URI is an error, and not one byte of it is
    /// sent: for those bring a stream of your own, to [`handshake`](Self::handshake).
    ///
    /// # Errors
    ///
    /// The name is unknown, nobody answers within [`Config::connect_timeout`], or the server refuses. None of it has
    /// begun anything.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect(addr: impl ToAddrs + ToString) -> Result<Self, Error> {
        Self::connect_with(Config::default(), addr).await
    }

    /// Connects to a server, with a configuration.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect_with(mut config: Config, addr: impl ToAddrs + ToString) -> Result<Self, Error> {
        const DOING: &str = "connecting";
        if config.authority.is_none() {
            config.authority = authority_of(&addr.to_string());
        }
        let failed = match timeout(config.connect_timeout, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => return Ok(Self { wire: Wire::Plain, ..Self::handshake_with(config, stream) }),
            Ok(Err(error)) => Error::io(Role::Client, DOING, error),
            Err(_elapsed) => Error::stalled(Role::Client, DOING, config.connect_timeout),
        };
        Err(failed.with_begun(Begun::No))
    }

    /// Speaks HTTP over a stream that is connected already: one with TLS, a Unix socket, a pipe of a test.
    ///
    /// Requests must name their host, by their URI or by a `Host` field: a stream has no name. Those for `https` URIs
    /// are sent like any other: that there is TLS on the stream is for you to see to.
    ///
    /// ```
    /// # use ekiden_http::{Body, client::Client};
    /// # use ekiden_service::{Service, Status};
    /// # ekiden_reactor::run(async {
    /// # let io = futures_util::io::Cursor::new(vec![]);
    /// let client = Client::handshake(io);
    /// let response = client.call(http::Request::get("http://example.com/").body(Body::empty())?).await;
    /// # assert!(response.is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn handshake<Io>(io: Io) -> Self
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        Self::handshake_with(Config::default(), io)
    }

    /// Speaks HTTP over a stream that is connected already, with a configuration.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn handshake_with<Io>(config: Config, io: Io) -> Self
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (entrance, exit) = queue::new(config.queue_max);
        let connection = Connection::new(Rc::new(config), exit, io);
        // Detached, also from its maker's context: it serves whoever calls later, too, and ends with the last client, or
        // with the connection.
        context::Context::none().sync_scope(|| drop(spawn_named("http client", connection)));
        Self { entrance: Rc::new(entrance), wire: Wire::Given }
    }
}

impl Service for Client {
    type Req = Request<Body>;
    type Resp = Response<Body>;
    type Error = Error;

    /// Sends a request and waits for the head of its response; the body streams behind it.
    ///
    /// If the [deadline](context::deadline) of the caller has passed, nothing is sent; that it may pass while the call is
    /// under way is for a `Timeout` around the client to see.
    ///
    /// Always HTTP/1.1, whatever version the request names. The body of the response must be read or dropped before
    /// the next call gets the wire.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before the request has the wire takes it back: nothing was sent. Dropping it later closes
    /// the connection, because the answer would still come; those who wait behind it get errors that say that they
    /// were not begun. Dropping a response's body reads on to its end if that is near
    /// ([`Config::unread_bytes_max`]), and closes the connection otherwise.
    async fn call(&self, req: Request<Body>) -> Result<Response<Body>, Error> {
        if self.wire == Wire::Plain && req.uri().scheme() == Some(&Scheme::HTTPS) {
            return Err(Error::invalid("sending this request", NO_TLS));
        }
        if context::is_expired() {
            return Err(Expired::unbegun().into());
        }
        self.entrance.join(req)?.await
    }

    fn status(&self) -> Status {
        self.entrance.status()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("status", &self.status()).finish_non_exhaustive()
    }
}

const NO_TLS: &str = "https needs a stream with TLS, and this connection has none";

/// What an address looks like in a `Host` field: without the usual port.
fn authority_of(addr: &str) -> Option<Authority> {
    addr.strip_suffix(":80").unwrap_or(addr).parse().ok()
}
