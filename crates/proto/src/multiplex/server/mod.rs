//! The server's end of a multiplexed connection: requests go to a service as they come, replies leave as they are done.
//!
//! ```text
//!   Transport ── Open ───►┌─────────┐── call ──►┌─────────┐
//!             ── Cancel ─►│ Session │── drop ──►│ Running │── service
//!   Transport ◄─ Reply ───│(Streams)│◄─ done ───└─────────┘
//!             ◄─ Chunk ───└─────────┘◄─ Outlet ◄─ Pump ◄─ the body of a reply
//! ```
//!
//! All requests that one read brought are begun, and all replies that are ready leave by one write. This file says how
//! a connection begins and how it is closed; what happens between is the [`Session`]'s,
//! and `streams` decides which calls are open and how each ends.

mod streams;
mod session;

use std::fmt;
use std::future::Future;
use std::io;
use std::rc::Rc;

use ekiden_reactor::net::Spread;
use ekiden_service::{Failure, Service};
use futures_io::{AsyncRead, AsyncWrite};

use crate::body::Message;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, ConnectionError};
use crate::multiplex::config::ServerConfig;
use crate::multiplex::frame::Frame;
use crate::server::{Drain, Listener, Seat, Server};
use session::Session;

/// Serves a listener with the [default configuration](ServerConfig), in the language of `codec`.
///
/// The example is that of the [module](super).
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve<L, Codec, S, Asked, Head>(listener: L, codec: Codec, service: S) -> Server
where
    L: Listener + 'static,
    S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure> + 'static,
    Codec: Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
    Codec: Clone + 'static,
    Asked: 'static,
    Head: 'static,
{
    ServerConfig::default().serve(listener, codec, service)
}

/// Serves a listener on all cores of the runtime with the [default configuration](ServerConfig), each connection on the core
/// that has the fewest.
///
/// `make` makes the service of each core, on that core, so that it need not be `Send`. As
/// [of pipelines](crate::pipeline::serve_on_cores), whose example is of this too.
///
/// # Errors
///
/// As the system's: too many open files.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve_on_cores<L, Codec, Make, S, Asked, Head>(
    listener: L,
    codec: Codec,
    make: Make,
) -> io::Result<Server>
where
    L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
    Make: Fn() -> S + Send + Sync + 'static,
    S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure> + 'static,
    Codec: Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
    Codec: Clone + Send + Sync + 'static,
    Asked: 'static,
    Head: 'static,
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
pub fn serve_connection<Io, Codec, S, Asked, Head>(
    io: Io,
    codec: Codec,
    service: S,
) -> impl Future<Output = Result<(), ConnectionError>>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure>,
    Codec: Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
{
    ServerConfig::default().serve_connection(io, codec, service, Drain::new())
}

impl ServerConfig {
    /// Serves every connection of a listener with `service`, each in a task of its own, in the language of `codec`.
    ///
    /// The server runs on this thread's reactor until it is drained, by its handle or by the shutdown, or until the
    /// listener fails for good. While it drains it refuses new calls, and serves those that are open to their end; then a
    /// peer has the [`ping_timeout`](ServerConfig::ping_timeout) to say that it has read that, by answering a ping, a second
    /// to close the connection, and two more to do so when this end has.
    ///
    /// A connection that breaks, or whose peer does not speak the language, ends and harms no other. An error of the
    /// service, and a panic of it, concern their call alone, which the caller is told as a [`Reset`](super::Reset): as what
    /// the error says of itself. A panic is told to the operator, and counted.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve<L, Codec, S, Asked, Head>(self, listener: L, codec: Codec, service: S) -> Server
    where
        L: Listener + 'static,
        S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure> + 'static,
        Codec:
            Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
        Codec: Clone + 'static,
        Asked: 'static,
        Head: 'static,
    {
        let service = Rc::new(service);
        self.accept.clone().serve(listener, move |io, _peer, seat| {
            serve_seated(Session::new(io, codec.clone(), &self), service.clone(), seat)
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
    pub fn serve_on_cores<L, Codec, Make, S, Asked, Head>(
        self,
        listener: L,
        codec: Codec,
        make: Make,
    ) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> S + Send + Sync + 'static,
        S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure> + 'static,
        Codec:
            Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
        Codec: Clone + Send + Sync + 'static,
        Asked: 'static,
        Head: 'static,
    {
        self.accept.clone().serve_on_cores(listener, move || {
            let (config, codec, service) = (self.clone(), codec.clone(), Rc::new(make()));
            move |io, _peer, seat| {
                serve_seated(Session::new(io, codec.clone(), &config), service.clone(), seat)
            }
        })
    }

    /// Serves one connection with `service`, until the peer ends it or `drain` begins, and closes it.
    ///
    /// Give it the [`Seat`] of a server, or a [`Drain`]. At the end of what the peer sends the calls that are open are served
    /// to their end, unless it turns out to be gone: it is asked for a sign of life, which the network answers for one
    /// that is not there. When the drain begins the peer is told, further calls are refused, and those that are open are
    /// served to their end; then the peer has the [`ping_timeout`](ServerConfig::ping_timeout) to say that it has read that,
    /// by answering a ping, a second to close the connection, and two more to do so when this end has.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the calls under way and closes the connection.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or the peer sends what is no frame or what the protocol does not allow, takes nothing of
    /// what it is sent, or gives no sign of life. Its calls are dropped; what had been answered before is written, if it can
    /// be.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn serve_connection<Io, Codec, S, Asked, Head>(
        self,
        io: Io,
        codec: Codec,
        service: S,
        seat: impl Into<Seat>,
    ) -> impl Future<Output = Result<(), ConnectionError>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
        S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure>,
        Codec:
            Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
    {
        // No async function: that would keep the memory of its arguments beside what they have become.
        let mut session = Session::new(io, codec, &self);
        let seat = seat.into();
        let mut drain = seat.drain().begun();
        async move { session.serve(&service, &seat, &mut drain).await }
    }
}

/// One connection, on its seat.
fn serve_seated<Io, Codec, S, Asked, Head>(
    mut session: Session<Io, Codec, Head, Asked>,
    service: Rc<S>,
    seat: Seat,
) -> impl Future<Output = ()> + use<Io, Codec, S, Asked, Head>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    S: Service<Req = Message<Asked>, Resp = Message<Head>, Error: Failure> + 'static,
    Codec: Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
{
    let mut drain = seat.drain().begun();
    async move {
        // Why it ended is the peer's business.
        drop(session.serve(&*service, &seat, &mut drain).await);
    }
}
