//! RPC clients: one connection each, a [`Service`] from request to response, and what stands on it.
//!
//! ```text
//!   LibraryClient ──► (middlewares) ──► Client ──► multiplexed dispatch ──► stream
//!   its method's                         deadline and trace
//!   arguments                            from the context
//! ```
//!
//! In reading order: [`Config`] has the knobs, [`Connector`] makes clients, this file has the [`Client`], and a `leaving`
//! request is told how much time it has.

mod config;
mod connector;
mod leaving;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use ekiden_proto::multiplex::{self, Message};
use ekiden_reactor::net::{TcpStream, ToAddrs, UnixStream};
use ekiden_reactor::{context, spawn_named, timeout};
use ekiden_service::{Expired, Service, Status as ServiceStatus};
use futures_io::{AsyncRead, AsyncWrite};

pub use config::Config;
pub use connector::Connector;

use crate::error::{Error, ErrorKind, Remote};
use crate::handshake;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::wire::{ClientCodec, ReplyHead, RequestHead, Settings, Status, TraceContext};
use leaving::{Leaving, Unsent};

/// A connection to a server, as a service: what the clients that `#[ekiden::rpc]` makes are built on.
///
/// Clones are cheap and share the connection; any number of calls may be under way, and what is called in one turn of the
/// loop leaves by one write.
///
/// The [context] of a caller goes along: what is left until its deadline, and a child of its trace. A caller
/// that drops its call has the server drop it, too.
///
/// ```
/// # #[ekiden_rpc::rpc(crate = ekiden_rpc)]
/// # trait Greeter { async fn greet(&self, name: String) -> String; }
/// # struct Polite;
/// # impl Greeter for Polite { async fn greet(&self, name: String) -> String { format!("good evening, {name}") } }
/// use ekiden_middleware::MiddlewareExt;
/// use ekiden_rpc::Client;
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// # let listener = ekiden_reactor::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// # let _server = ekiden_rpc::serve(listener, GreeterServer::new(Polite));
/// let client = Client::connect(addr).await?.timeout(Duration::from_secs(2));
/// let greeter = GreeterClient::new(client);
/// assert_eq!(greeter.greet("Ada".to_owned()).await?, "good evening, Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # The connection's life
///
/// [`status`](Service::status) is `Open` while the next call would be sent at once, `Busy` while it would wait, and
/// `Closed` when the connection is lost or its server drains. A closed client stays so. For one that connects again there is
/// `Reconnect` of ekiden-middleware, around a [`Connector`]. When the last clone is dropped, and the last stream, the
/// connection ends.
#[derive(Clone)]
pub struct Client {
    calls: multiplex::Client<Unsent, ReplyHead>,
    format: u32,
}

impl Client {
    /// Connects to a server over TCP.
    ///
    /// # Errors
    ///
    /// The name is unknown, nobody answers within [`Config::connect_timeout`], the server refuses, or it speaks something
    /// else ([`ErrorKind::Hello`]). None of it has begun anything.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect(addr: impl ToAddrs) -> Result<Self, Error> {
        Self::connect_with(Config::default(), addr).await
    }

    /// Connects to a server over TCP, with a configuration.
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
    /// If no reactor runs on this thread, or if no server would speak by the configuration: an `in_flight_max` or
    /// `window_bytes` of 0, or a `frame_bytes_max` below 1 KiB.
    pub async fn connect_with(config: Config, addr: impl ToAddrs) -> Result<Self, Error> {
        config.assert_sound();
        let stream = in_time(config.connect_timeout, TcpStream::connect(addr)).await?;
        Self::handshake_with(config, stream).await
    }

    /// Connects to a server over a Unix socket.
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
    pub async fn connect_unix(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::connect_unix_with(Config::default(), path).await
    }

    /// Connects to a server over a Unix socket, with a configuration.
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
    /// As for [`connect_with`](Self::connect_with).
    pub async fn connect_unix_with(config: Config, path: impl AsRef<Path>) -> Result<Self, Error> {
        config.assert_sound();
        let stream = in_time(config.connect_timeout, UnixStream::connect(path)).await?;
        Self::handshake_with(config, stream).await
    }

    /// Speaks over a stream that is connected already: one with TLS, a pipe of a test.
    ///
    /// # Errors
    ///
    /// If the server does not answer in time, or speaks something else.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn handshake<Io>(io: Io) -> Result<Self, Error>
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        Self::handshake_with(Config::default(), io).await
    }

    /// Speaks over a stream that is connected already, with a configuration.
    ///
    /// # Errors
    ///
    /// As for [`handshake`](Self::handshake).
    ///
    /// # Cancel safety
    ///
    /// As for [`handshake`](Self::handshake).
    ///
    /// # Panics
    ///
    /// As for [`connect_with`](Self::connect_with).
    pub async fn handshake_with<Io>(config: Config, mut io: Io) -> Result<Self, Error>
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        config.assert_sound();
        let agreed = handshake::ask(&mut io, &config.settings(), config.handshake_timeout).await?;
        let codec = Leaving(ClientCodec::agreed(config.frame_bytes_max, &agreed));
        let Settings { in_flight_max, window_bytes, format, .. } = agreed;
        let mut dispatch = config.dispatch;
        dispatch.in_flight_max = in_flight_max as usize;
        dispatch.window_bytes = window_bytes;
        let (calls, connection) = multiplex::Client::with_config(io, codec, dispatch);
        // It serves whoever calls later, too. Its end concerns the callers, and each of them is told.
        context::Context::none().sync_scope(|| drop(spawn_named("rpc client", connection)));
        Ok(Self { calls, format })
    }
}

impl Service for Client {
    type Req = Request;
    type Resp = Response;
    type Error = Error;

    /// Sends a request and waits for its response; the items of a stream follow.
    ///
    /// If the [deadline](context::deadline) of the caller has passed, nothing is sent. The server is told how much is left
    /// when the request leaves, after others if it has to wait, and drops the call then; that it passes while the call is under way is for a `Timeout` around the client to see.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the request back if no byte of it was encoded yet, else the server is told to drop the
    /// call. Other calls do not notice.
    async fn call(&self, request: Request) -> Result<Response, Error> {
        let Request { method, format, arguments, items } = request;
        if format != self.format {
            let source = format!("it is in format {format}, and the connection speaks {}", self.format);
            return Err(Error::of_method(ErrorKind::Unsendable, method, Some(source.into())));
        }
        let (deadline, trace) = (context::deadline(), context::trace());
        if context::is_expired() {
            return Err(Expired::unbegun().into());
        }
        let trace = trace.map(|trace| {
            let child = trace.child();
            TraceContext::new(child.trace_id(), child.span_id(), child.is_sampled().into())
        });
        let head = RequestHead { method: method.id(), deadline_ms: None, trace, arguments };
        let unsent = Unsent { head, deadline };
        let Message { head, body } = self
            .calls
            .call(Message::with_body(unsent, items))
            .await
            .map_err(|error| Error::dispatch(error, method))?;
        let kind = match head.status {
            Status::Done => return Ok(Response { result: head.result, items: body }),
            Status::UnknownMethod => ErrorKind::UnknownMethod,
            Status::BadArguments => ErrorKind::BadArguments,
            Status::BadItem => ErrorKind::BadItem,
            Status::BadResult => ErrorKind::BadResult,
            Status::Late => return Err(Expired::unbegun().into()),
        };
        Err(remote(kind, method, &head.result))
    }

    fn status(&self) -> ServiceStatus {
        self.calls.status()
    }
}

/// An error that the server tells of, with its own words.
fn remote(kind: ErrorKind, method: Method, text: &[u8]) -> Error {
    let text = String::from_utf8_lossy(text);
    let source = (!text.is_empty()).then(|| Remote(text.into_owned()).into());
    Error::of_method(kind, method, source)
}

async fn in_time<Io>(
    within: Duration,
    connecting: impl Future<Output = std::io::Result<Io>>,
) -> Result<Io, Error> {
    match timeout(within, connecting).await {
        Ok(connected) => connected.map_err(Error::connect),
        Err(_elapsed) => Err(Error::connect_timeout(within)),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("status", &self.status()).finish_non_exhaustive()
    }
}
