//! RPC servers: a listener and a service, which is what `#[ekiden::rpc]` makes of whoever implements the trait.
//!
//! ```text
//!   Listener ── a connection ──► handshake ──► multiplexed dispatch ──► Reception ──► LibraryServer ──► your Library
//!                                                                   a call            its method
//! ```
//!
//! Accepting, the number of connections and the drain are those of every protocol
//! ([`ekiden_proto::server`]); many calls at once, cancelling, credit and time-outs those of every protocol with ids
//! ([`ekiden_proto::multiplex`]).
//!
//! In reading order: [`Config`] has the knobs; [`Answers`] is what can be served; this file says how a connection begins; `reception` is what a call passes on
//! its way to the service and back, and a `calling` is one that is there.

mod config;
mod answers;
mod reception;
mod calling;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use ekiden_proto::server::{Drain, Listener, Seat, Server};
use ekiden_reactor::net::Spread;
use futures_io::{AsyncRead, AsyncWrite};

pub use answers::Answers;
pub use config::Config;

use crate::error::Error;
use crate::handshake;
use crate::wire::{ServerCodec, Settings};
use reception::Reception;

/// Serves a listener with the [default configuration](Config).
///
/// ```
/// use ekiden_reactor::net::TcpListener;
/// use ekiden_rpc::{self as rpc, Client};
/// use std::time::Duration;
///
/// #[ekiden_rpc::rpc(crate = ekiden_rpc)]
/// trait Greeter {
///     async fn greet(&self, name: String) -> String;
/// }
///
/// struct Polite;
///
/// impl Greeter for Polite {
///     async fn greet(&self, name: String) -> String {
///         format!("good evening, {name}")
///     }
/// }
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let server = rpc::serve(listener, GreeterServer::new(Polite));
///
/// let greeter = GreeterClient::new(Client::connect(addr).await?);
/// assert_eq!(greeter.greet("Ada".to_owned()).await?, "good evening, Ada");
///
/// server.drain(Duration::from_secs(1)).await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve<L, S>(listener: L, service: S) -> Server
where
    L: Listener + 'static,
    S: Answers + 'static,
{
    Config::default().serve(listener, service)
}

/// Serves a listener on all cores of the runtime with the [default configuration](Config), each connection on the core that
/// has the fewest. `make` makes the service of each core, on that core, so that it need not be `Send`.
///
/// ```
/// use ekiden_reactor::net::TcpListener;
/// use ekiden_rpc::{self as rpc, Client};
/// use std::cell::Cell;
///
/// #[ekiden_rpc::rpc(crate = ekiden_rpc)]
/// trait Counter {
///     async fn count(&self) -> u64;
/// }
///
/// #[derive(Default)]
/// struct Calls(Cell<u64>);
///
/// impl Counter for Calls {
///     async fn count(&self) -> u64 {
///         self.0.set(self.0.get() + 1);
///         self.0.get()
///     }
/// }
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let _server = rpc::serve_on_cores(listener, || CounterServer::new(Calls::default()))?;
///
/// let counter = CounterClient::new(Client::connect(addr).await?);
/// assert_eq!(counter.count().await?, 1); // on that core
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
pub fn serve_on_cores<L, Make, S>(listener: L, make: Make) -> io::Result<Server>
where
    L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: std::fmt::Display>,
    Make: Fn() -> S + Send + Sync + 'static,
    S: Answers + 'static,
{
    Config::default().serve_on_cores(listener, make)
}

impl Config {
    /// Serves every connection of a listener with `service`, each in a task of its own.
    ///
    /// The server runs on this thread's reactor until it is drained, by its handle or by the shutdown, or until the
    /// listener fails for good. A drain tells clients to begin no more calls, and finishes those that are open.
    ///
    /// What a service fails with is told to the caller and ends its call alone; so does a panic, of which the operator is
    /// told. A connection that breaks the protocol ends, and harms no other.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, if `connections_max` is 0, or if no client could speak with it: an `in_flight_max` or
    /// `window_bytes` of 0, or a `frame_bytes_max` below 1 KiB.
    pub fn serve<L, S>(self, listener: L, service: S) -> Server
    where
        L: Listener + 'static,
        S: Answers + 'static,
    {
        self.assert_sound();
        let service = Rc::new(service);
        self.dispatch.accept.clone().serve(listener, move |io, _peer, seat| {
            let served = self.clone().serve_shared(io, service.clone(), seat);
            async move { drop(served.await) }
        })
    }

    /// Serves a listener on all cores of the runtime: each connection on the core that has the fewest, by the service that
    /// `make` made there. Everything else is as for [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, if `connections_max` is 0, or if no client could speak with it: an `in_flight_max` or
    /// `window_bytes` of 0, or a `frame_bytes_max` below 1 KiB.
    pub fn serve_on_cores<L, Make, S>(self, listener: L, make: Make) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: std::fmt::Display>,
        Make: Fn() -> S + Send + Sync + 'static,
        S: Answers + 'static,
    {
        self.assert_sound();
        self.dispatch.accept.clone().serve_on_cores(listener, move || {
            let (config, service) = (self.clone(), Rc::new(make()));
            move |io, _peer, seat| {
                let served = config.clone().serve_shared(io, service.clone(), seat);
                async move { drop(served.await) }
            }
        })
    }

    /// Serves one connection with `service`, until the peer ends it or its drain begins: for a stream that comes from
    /// elsewhere, such as one with TLS. Give it the [`Seat`] of a server, or a [`Drain`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the calls under way and closes the connection.
    ///
    /// # Errors
    ///
    /// If the handshake fails, the connection breaks, or the peer breaks the protocol.
    ///
    /// # Panics
    ///
    /// If no client could speak with it, as [`serve`](Self::serve). The future does if no reactor runs on this thread.
    pub fn serve_connection<Io, S>(
        self,
        io: Io,
        service: S,
        seat: impl Into<Seat>,
    ) -> impl Future<Output = Result<(), Error>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
        S: Answers,
    {
        self.assert_sound();
        self.serve_shared(io, Rc::new(service), seat.into())
    }

    async fn serve_shared<Io, S>(self, mut io: Io, service: Rc<S>, seat: Seat) -> Result<(), Error>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
        S: Answers,
    {
        let ours = self.settings();
        let hello = handshake::answer(&mut io, &ours, self.handshake_timeout);
        let Some(agreed) = unless_drained(hello, seat.drain()).await else { return Ok(()) };
        let agreed = agreed?;
        let codec = ServerCodec::agreed(self.frame_bytes_max, &agreed);
        let Settings { window_bytes, format, .. } = agreed;
        let reception = Reception::new(service, format, codec.head_bytes_max());
        let mut dispatch = self.dispatch;
        dispatch.window_bytes = window_bytes;
        dispatch.serve_connection(io, codec, reception, seat).await.map_err(Error::from)
    }
}

/// Waits for a future, unless a drain begins: whoever has not said hello yet is owed nothing.
async fn unless_drained<F: Future>(future: F, drain: &Drain) -> Option<F::Output> {
    let (mut future, mut begun) = (pin!(future), drain.begun());
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut begun).poll(cx).map(|()| None),
    })
    .await
}
