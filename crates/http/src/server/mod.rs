//! Servers: a service, and the connections whose requests it answers.
//!
//! ```text
//!   Listener ──► a task for each Connection ── polled: a Turn ── over a Talk, which only a busy one has
//!                  │
//!                  │   bytes ──► Conversation ──► RawRequest ──► Running ──► [ Convert ] ──► your service
//!                  │                                                                            │
//!                  └── bytes ◄── Conversation ◄── Sending ◄──── http::Response ◄────────────────┘
//! ```
//!
//! [`serve`] takes a service of `http`'s types. Beneath is a service of [`RawRequest`]s, with the head as it was
//! parsed, for those who count instructions: [`Config::serve_raw`]. Between the two stands [`Convert`], a middleware
//! like any other. A service that knows its peer is made for each connection: [`Config::serve_each`].
//!
//! A connection is one task, and the service's calls run in it. It owns no buffer and no call while it is idle. It is
//! safe without a proxy in front: each phase has a time limit and each queue a maximum, both in the [`Config`];
//! what cannot be understood in exactly one way is refused; a handler that panics harms one connection.
//!
//! # What a client can rely on
//!
//! - Every request that was received as a whole is answered, also if the client ends its direction behind it
//!   (a half-close): as nginx does, and unlike hyper, an end of input is no end of interest. When the connection
//!   breaks, its calls are dropped at the next `.await`.
//! - Whoever is refused is told why by a status and a line of text, and sees it: the connection is closed for
//!   writing first, and what still comes is passed over for a moment.
//!
//! # What a service can rely on
//!
//! - Whatever framing a response's fields claim, what is sent is what its body is: a `content-length` that
//!   disagrees is answered by 500, `transfer-encoding: chunked` and `connection` are ours to say, and any other
//!   coding is refused. `HEAD` is answered without a body, by what the service says to it.
//! - A response with `connection: close` is the last one on its connection.
//! - An error becomes the status that [`Error::status`] says; 503 asks to come again in a second. A panic becomes
//!   500 if nothing was sent; otherwise the client sees a response that is cut short. Either is counted by
//!   [`Server::panics`].
//! - What an upgrade or a `CONNECT` made of a connection is a connection of the server until it is dropped: it counts
//!   towards their maximum, is told of a [drain](crate::Upgraded::drain) and waited for. The deadline ends it only if
//!   its owner does.
//!
//! # What the operator is told
//!
//! By [`notice`](fn@ekiden_reactor::notice), on the topic `http`: a service failed or panicked, a response cannot be sent, or was
//! cut short. Accepting and draining have topics of their own, which are [ekiden-proto's](ekiden_proto).
//!
//! # In reading order
//!
//! [`Config`] has the knobs. `raw` is the request as it was parsed, and its conversion. `connection` is the task from
//! the first byte to the last: closing politely and handing over are there. `turn` is everything that can be done each
//! time that the task is polled; it works on `talk`, what a connection has on its mind while it is busy. `running` are
//! the calls and what becomes of their panics, `sending` is a response whose body comes in pieces, `patience` has every
//! time-out. `answer` is what is said in place of the service and what the operator is told; `date` is one line of
//! every response. What HTTP itself demands, such as the order of replies, keep-alive and upgrades, is decided in
//! `h1::server`, by the `Conversation`.

mod config;
mod raw;
mod connection;
mod turn;
mod talk;
mod running;
mod sending;
mod patience;
mod answer;
mod date;

use std::fmt;
use std::io;
use std::rc::Rc;

use ekiden_proto::server::{Drain, Listener, Seat, Server};
use ekiden_reactor::net::Spread;
use ekiden_service::Service;
use futures_io::{AsyncRead, AsyncWrite};
use http::{Request, Response};

use crate::body::Body;
use crate::error::Error;
use connection::Connection;
use date::Date;
use talk::SpareTalk;

pub use config::Config;
pub use raw::{Convert, RawRequest};

/// Serves a listener with the [default configuration](Config).
///
/// ```
/// use ekiden_http::{Body, Error, server};
/// use ekiden_reactor::net::TcpListener;
/// use ekiden_service::service_fn;
/// use http::{Request, Response};
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let hello = service_fn(async |req: Request<Body>| {
///     Ok::<_, Error>(Response::new(Body::from(format!("hello from {}\n", req.uri().path()))))
/// });
/// let server = server::serve(listener, hello);
///
/// server.drain(Duration::from_secs(30)).await;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve<L, S>(listener: L, service: S) -> Server
where
    L: Listener + 'static,
    S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>> + 'static,
{
    Config::default().serve(listener, service)
}

/// Serves a listener on all cores of the runtime with the [default configuration](Config): each connection on the core that
/// has the fewest, by the service that `make` made there.
///
/// ```
/// use ekiden_http::{Body, Error, Request, Response, serve_on_cores};
/// use ekiden_reactor::net::TcpListener;
/// use ekiden_service::service_fn;
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let server = serve_on_cores(listener, || {
///     let calls = Rc::new(Cell::new(0)); // of this core
///     service_fn(async move |_: Request<Body>| {
///         calls.set(calls.get() + 1);
///         Ok::<_, Error>(Response::new(Body::from(format!("call {}\n", calls.get()))))
///     })
/// })?;
///
/// server.drain(Duration::from_secs(30)).await;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// Choose [`serve`] for a small service, or one whose requests share much: on one core nothing is shared, and a core
/// answers some hundred thousand requests a second. Choose this where that is not enough, or where one slow request should
/// not hold up all others.
///
/// # Errors
///
/// As the system's: too many open files.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve_on_cores<L, Make, S>(listener: L, make: Make) -> io::Result<Server>
where
    L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
    Make: Fn() -> S + Send + Sync + 'static,
    S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>> + 'static,
{
    Config::default().serve_on_cores(listener, make)
}

/// Serves one connection to its end, with the [default configuration](Config).
///
/// # Cancel safety
///
/// Dropping the future closes the connection, and drops the calls that run.
///
/// # Errors
///
/// The connection broke, or its peer took nothing of what we wrote for too long. That a peer breaks the rules is no
/// error here: it was told.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn serve_connection<Io, S>(io: Io, service: S) -> Result<(), Error>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>>,
{
    Config::default().serve_connection(io, service, Drain::new()).await
}

impl Config {
    /// Serves a listener: a task for each connection, in which the service's calls run.
    ///
    /// The server runs on this thread's reactor until it is drained, by its handle or by the shutdown, or until the
    /// listener fails for good. When it drains, idle connections are closed, and the others once they have answered
    /// what they were asked, saying `connection: close`.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn serve<L, S>(self, listener: L, service: S) -> Server
    where
        L: Listener + 'static,
        S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        self.serve_raw(listener, Convert::new(service))
    }

    /// Serves each connection of a listener by a service of its own, which `make` makes from the address of its peer.
    ///
    /// For what depends on who asks: a log, a limit for each client, a state for each connection. What the connections
    /// share is cloned into their services, most often from an [`Rc`]:
    ///
    /// ```
    /// use ekiden_http::server::Config;
    /// use ekiden_http::{Body, Error};
    /// use ekiden_reactor::net::TcpListener;
    /// use ekiden_service::service_fn;
    /// use http::{Request, Response};
    /// use std::net::SocketAddr;
    ///
    /// # use ekiden_http::client::Client;
    /// # use ekiden_service::Service;
    /// # ekiden_reactor::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let addr = listener.local_addr()?;
    /// let server = Config::default().serve_each(listener, |peer: SocketAddr| {
    ///     service_fn(async move |_: Request<Body>| {
    ///         Ok::<_, Error>(Response::new(Body::from(format!("you are {}\n", peer.ip()))))
    ///     })
    /// });
    /// # let client = Client::connect(addr).await?;
    /// # let response = client.call(Request::get("/").body(Body::empty())?).await?;
    /// # assert_eq!(response.into_body().collect(1024).await?, "you are 127.0.0.1\n");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// A service that is the same for all, and looks for the address in its request, gets it from there. That costs
    /// each request some allocations, so nobody has it who does not ask for it:
    ///
    /// ```
    /// use ekiden_http::server::Config;
    /// use ekiden_http::{Body, Error};
    /// use ekiden_reactor::net::TcpListener;
    /// use ekiden_service::{ServiceExt, service_fn};
    /// use http::{Request, Response};
    /// use std::net::SocketAddr;
    /// use std::rc::Rc;
    ///
    /// async fn greet(req: Request<Body>) -> Result<Response<Body>, Error> {
    ///     let peer = req.extensions().get::<SocketAddr>();
    ///     Ok(Response::new(Body::from(format!("hello, {peer:?}\n"))))
    /// }
    ///
    /// # use ekiden_http::client::Client;
    /// # use ekiden_service::Service;
    /// # ekiden_reactor::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let addr = listener.local_addr()?;
    /// let greet = Rc::new(service_fn(greet));
    /// let server = Config::default().serve_each(listener, move |peer: SocketAddr| {
    ///     greet.clone().map_req(move |mut req: Request<Body>| {
    ///         req.extensions_mut().insert(peer);
    ///         req
    ///     })
    /// });
    /// # let client = Client::connect(addr).await?;
    /// # let response = client.call(Request::get("/").body(Body::empty())?).await?;
    /// # assert!(response.into_body().collect(1024).await?.starts_with(b"hello, Some(127.0.0.1:"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// Behind a proxy the peer is the proxy; whom it speaks for is in a field that it sets, and that anybody else can
    /// set too. If `make` panics, that is the end of its connection, and no other feels it.
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_each<L, Make, S>(self, listener: L, make: Make) -> Server
    where
        L: Listener + 'static,
        Make: Fn(L::Addr) -> S + 'static,
        S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        self.serve_raw_each(listener, move |peer| Convert::new(make(peer)))
    }

    /// [`serve`](Self::serve) for a service that takes the head of a request as it was parsed.
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_raw<L, S>(self, listener: L, service: S) -> Server
    where
        L: Listener + 'static,
        S: Service<Req = RawRequest, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        let service = Rc::new(service);
        self.serve_raw_each(listener, move |_peer| service.clone())
    }

    /// [`serve_each`](Self::serve_each) for services that take the head of a request as it was parsed: what all the
    /// others are made of.
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_raw_each<L, Make, S>(self, listener: L, make: Make) -> Server
    where
        L: Listener + 'static,
        Make: Fn(L::Addr) -> S + 'static,
        S: Service<Req = RawRequest, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        let accept = self.accept.clone();
        let shared = Rc::new(Shared::new(self));
        accept.serve(listener, move |io, peer, seat| serve_seated(&shared, make(peer), io, seat))
    }

    /// Serves a listener on all cores of the runtime: each connection on the core that has the fewest, by the service that
    /// `make` made there.
    ///
    /// `make` is all that is shared between cores, so that the services need be neither `Send` nor cloned. What they do
    /// share, `make` clones into them from an [`Arc`](std::sync::Arc). Everything else is as for [`serve`](Self::serve);
    /// the returned server stands for all cores, and `connections_max` holds for all together.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_on_cores<L, Make, S>(self, listener: L, make: Make) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> S + Send + Sync + 'static,
        S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        self.serve_raw_on_cores(listener, move || Convert::new(make()))
    }

    /// [`serve_on_cores`](Self::serve_on_cores) for services that take the head of a request as it was parsed.
    ///
    /// # Errors
    ///
    /// As [`serve_on_cores`](Self::serve_on_cores).
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_raw_on_cores<L, Make, S>(self, listener: L, make: Make) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> S + Send + Sync + 'static,
        S: Service<Req = RawRequest, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        self.serve_raw_each_on_cores(listener, move || {
            let service = Rc::new(make());
            move |_peer| service.clone()
        })
    }

    /// [`serve_on_cores`](Self::serve_on_cores), with a service for each connection, as for
    /// [`serve_each`](Self::serve_each): `make` makes, on each core, what makes them.
    ///
    /// ```
    /// use ekiden_http::server::Config;
    /// use ekiden_http::{Body, Error, Request, Response};
    /// use ekiden_reactor::CoreId;
    /// use ekiden_reactor::net::TcpListener;
    /// use ekiden_service::service_fn;
    /// use std::net::SocketAddr;
    ///
    /// # use ekiden_http::client::Client;
    /// # use ekiden_service::Service;
    /// # ekiden_reactor::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let addr = listener.local_addr()?;
    /// let server = Config::default().serve_each_on_cores(listener, || {
    ///     let here = CoreId::current();
    ///     move |peer: SocketAddr| {
    ///         service_fn(async move |_: Request<Body>| {
    ///             Ok::<_, Error>(Response::new(Body::from(format!("{} is served by {here}\n", peer.ip()))))
    ///         })
    ///     }
    /// })?;
    /// # let client = Client::connect(addr).await?;
    /// # let response = client.call(Request::get("/").body(Body::empty())?).await?;
    /// # assert!(response.into_body().collect(1024).await?.starts_with(b"127.0.0.1 is served by core "));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`serve_on_cores`](Self::serve_on_cores).
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_each_on_cores<L, Make, Each, S>(self, listener: L, make: Make) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> Each + Send + Sync + 'static,
        Each: Fn(L::Addr) -> S + 'static,
        S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        self.serve_raw_each_on_cores(listener, move || {
            let each = make();
            move |peer| Convert::new(each(peer))
        })
    }

    /// [`serve_each_on_cores`](Self::serve_each_on_cores) for services that take the head of a request as it was parsed:
    /// what all the others are made of.
    ///
    /// # Errors
    ///
    /// As [`serve_on_cores`](Self::serve_on_cores).
    ///
    /// # Panics
    ///
    /// As [`serve`](Self::serve).
    pub fn serve_raw_each_on_cores<L, Make, Each, S>(self, listener: L, make: Make) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> Each + Send + Sync + 'static,
        Each: Fn(L::Addr) -> S + 'static,
        S: Service<Req = RawRequest, Resp = Response<Body>, Error: Into<Error>> + 'static,
    {
        self.accept.clone().serve_on_cores(listener, move || {
            let (shared, each) = (Rc::new(Shared::new(self.clone())), make());
            move |io, peer, seat| serve_seated(&shared, each(peer), io, seat)
        })
    }

    /// Serves one connection to its end: on the [`Seat`] that its server gave it, or with a [`Drain`] if it has none. It
    /// ends politely when the drain begins.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection, and drops the calls that run.
    ///
    /// # Errors
    ///
    /// As [`serve_connection`].
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn serve_connection<Io, S>(self, io: Io, service: S, seat: impl Into<Seat>) -> Result<(), Error>
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<Req = Request<Body>, Resp = Response<Body>, Error: Into<Error>>,
    {
        run(&Shared::new(self), &Convert::new(service), &mut Some(io), &seat.into()).await
    }

    /// The same for a service that takes the head of a request as it was parsed.
    ///
    /// ```
    /// use ekiden_http::server::{Config, RawRequest};
    /// use ekiden_http::{Body, Client, Error, Request, Response};
    /// use ekiden_proto::server::Drain;
    /// use ekiden_reactor::net::{TcpListener, TcpStream};
    /// use ekiden_service::{Service, service_fn};
    ///
    /// # ekiden_reactor::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = Client::connect(listener.local_addr()?).await?;
    /// let (stream, _peer) = listener.accept().await?;
    ///
    /// let method = service_fn(async |request: RawRequest| {
    ///     Ok::<_, Error>(Response::new(Body::from(request.head.method().to_string())))
    /// });
    /// ekiden_reactor::spawn(Config::default().serve_raw_connection(stream, method, Drain::new()));
    ///
    /// let response = client.call(Request::put("/").body(Body::empty())?).await?;
    /// assert_eq!(response.into_body().collect(1024).await?, "PUT");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`serve_connection`](Self::serve_connection).
    ///
    /// # Errors
    ///
    /// As [`serve_connection`].
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn serve_raw_connection<Io, S>(
        self,
        io: Io,
        service: S,
        seat: impl Into<Seat>,
    ) -> Result<(), Error>
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<Req = RawRequest, Resp = Response<Body>, Error: Into<Error>>,
    {
        run(&Shared::new(self), &service, &mut Some(io), &seat.into()).await
    }
}

/// What the connections of a server share.
struct Shared {
    config: Config,
    date: Date,
    spare: SpareTalk,
}

impl Shared {
    fn new(config: Config) -> Self {
        Self { config, date: Date::new(), spare: SpareTalk::default() }
    }
}

/// One connection, on its seat.
fn serve_seated<Io, S>(
    shared: &Rc<Shared>,
    service: S,
    io: Io,
    seat: Seat,
) -> impl Future<Output = ()> + use<Io, S>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Req = RawRequest, Resp = Response<Body>, Error: Into<Error>> + 'static,
{
    let (shared, mut io) = (shared.clone(), Some(io));
    async move {
        // That a connection breaks is its peer's daily life, and not worth a line.
        drop(run(&shared, &service, &mut io, &seat).await);
    }
}

/// The calls borrow the service, so none of them needs a reference of its own.
fn run<'a, Io, S>(
    shared: &'a Shared,
    service: &'a S,
    io: &'a mut Option<Io>,
    seat: &'a Seat,
) -> impl Future<Output = Result<(), Error>> + use<'a, Io, S>
where
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Req = RawRequest, Resp = Response<Body>, Error: Into<Error>>,
{
    Connection::new(shared, io, seat, seat.drain().begun(), |request| service.call(request))
}
