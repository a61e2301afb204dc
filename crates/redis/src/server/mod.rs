//! Servers that speak RESP: [`serve`], for a service that takes commands and answers values.
//!
//! ```text
//!   connection ── Codec ── command ──► Session ── command ──► service
//!                   ▲                     │ HELLO, QUIT: here
//!                   └────── Reply ────────┘
//! ```
//!
//! The service is of the same kind as a client, so whatever goes around one goes around the other, and a client served is a
//! proxy. Which version of RESP a client wants is its connection's business and not the service's: `HELLO` is answered here,
//! and a type that RESP2 does not have is said in another: a map as an array of keys and values, a double as a string.
//!
//! Redis changes more than types: a few commands answer in another shape in version 3, as `ZRANGE` with `WITHSCORES`, whose
//! pairs are then arrays of their own, and `XREAD`, whose answer is a map; and what is nil there is a null string or a null
//! array in RESP2. So a service had best answer as in RESP3, as a client that is served does by default: what it answers goes
//! to peers of RESP2 as Redis itself would say it, by the command that was asked.
//!
//! # What is not translated
//!
//! The answers within that of `EXEC`, whose commands are not known any more: their types are, and their shapes stay. An answer
//! in the shape of RESP2 stays so for peers of RESP3, too; a proxy whose own client speaks RESP2
//! ([`client::Config::protocol`](crate::client::Config::protocol)) is for such peers. A double has as few digits as it
//! needs, as Redis has it since version 7.2.
//!
//! # A peer that leaves
//!
//! A peer that has ended what it sends may still read, so what it is owed is made and written, as for a script that is piped
//! into a socket. But while a command waits on purpose (`BLPOP`, `XREAD` with `BLOCK`, `WAIT`), one that does so has left, as
//! Redis has it: the call is dropped at once, so that a proxy takes no element for nobody, and the connection ends behind
//! what was owed before. That needs a listener that [knows of it](Listener::hangup), as those of sockets do, or a
//! [seat](Seat::with_hangup) that does; others find out when they write. A peer that is reset is noticed at any time.
//!
//! In reading order: [`Config`] has the knobs; `codec` is what is spoken, `shape` how an answer looks in RESP2, `session` what is
//! answered here.

mod config;
mod codec;
mod shape;
mod session;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::io;

use ekiden_proto::pipeline::{ConnectionError, ServeError};
use ekiden_proto::server::{Listener, Seat, Server, close_gently};
use ekiden_reactor::net::Spread;
use ekiden_service::Service;
use futures_io::{AsyncRead, AsyncWrite};

pub use config::Config;

use crate::command::Command;
use crate::value::Value;
use codec::Codec;
use session::Session;

/// Serves a listener with the [default configuration](Config).
///
/// ```
/// use ekiden_reactor::net::TcpListener;
/// use ekiden_redis::{Client, Command, Error, Value, server};
/// use ekiden_service::{Service, service_fn};
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let echo = service_fn(async |command: Command| match command.name() {
///     b"ECHO" => Ok::<_, Error>(Value::Bulk(command.args().nth(1).unwrap_or_default().to_vec().into())),
///     _ => Ok(Value::error("ERR unknown command")),
/// });
/// let _server = server::serve(listener, echo);
///
/// let client = Client::new(addr);
/// let answer = client.call(Command::new("ECHO").arg("hello")).await?;
/// assert_eq!(answer, Value::from("hello"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// If no reactor runs on this thread.
pub fn serve<L, S>(listener: L, service: S) -> Server
where
    L: Listener + 'static,
    S: Service<Req = Command, Resp = Value, Error: Into<Value>> + 'static,
{
    Config::default().serve(listener, service)
}

impl Config {
    /// Serves every connection of a listener with `service`, each in a task of its own.
    ///
    /// An error of the service is answered as an error of RESP; a panic ends its connection, with the other calls under way
    /// on it, and [counts](Server::panics). The server runs on this thread's reactor until it is drained,
    /// by its handle or by the shutdown, or until the listener fails for good.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve<L, S>(self, listener: L, service: S) -> Server
    where
        L: Listener + 'static,
        S: Service<Req = Command, Resp = Value, Error: Into<Value>> + 'static,
    {
        let service = std::rc::Rc::new(service);
        self.serve_each(listener, move |_peer| std::rc::Rc::clone(&service))
    }

    /// Serves every connection of a listener with a service of its own, which `make` makes for the peer at that address: for
    /// servers that keep something of each connection, such as its data base.
    ///
    /// # Panics
    ///
    /// As for [`serve`](Self::serve).
    pub fn serve_each<L, S>(self, listener: L, make: impl Fn(&L::Addr) -> S + 'static) -> Server
    where
        L: Listener + 'static,
        S: Service<Req = Command, Resp = Value, Error: Into<Value>> + 'static,
    {
        self.dispatch.accept.clone().serve(listener, move |io, peer, seat| {
            let serving = self.clone().serve_connection(io, make(&peer), seat);
            async move {
                // It harms no other, and what is wrong was said to the peer if there was a way.
                drop(serving.await);
            }
        })
    }

    /// Serves a listener on all cores of the runtime: each connection on the core that has the fewest, by the service that
    /// `make` made there.
    ///
    /// ```
    /// use ekiden_reactor::net::TcpListener;
    /// use ekiden_redis::{Client, Command, Error, Value, server};
    /// use ekiden_service::{Service, service_fn};
    ///
    /// # ekiden_reactor::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let addr = listener.local_addr()?;
    /// let _server = server::Config::default().serve_on_cores(listener, || {
    ///     service_fn(async |_: Command| Ok::<_, Error>(Value::from("PONG")))
    /// })?;
    ///
    /// assert_eq!(Client::new(addr).call(Command::new("PING")).await?, Value::from("PONG"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// As for [`serve`](Self::serve).
    pub fn serve_on_cores<L, Make, S>(self, listener: L, make: Make) -> io::Result<Server>
    where
        L: Spread<Stream: AsyncRead + AsyncWrite + Unpin, Addr: fmt::Display>,
        Make: Fn() -> S + Send + Sync + 'static,
        S: Service<Req = Command, Resp = Value, Error: Into<Value>> + 'static,
    {
        self.dispatch.accept.clone().serve_on_cores(listener, move || {
            let (config, service) = (self.clone(), std::rc::Rc::new(make()));
            move |io, _peer, seat: Seat| {
                let service = std::rc::Rc::clone(&service);
                let serving = config.clone().serve_connection(io, service, seat);
                async move { drop(serving.await) }
            }
        })
    }

    /// Serves one connection with `service`, until the peer ends it or its drain begins: for a stream that comes from
    /// elsewhere, such as one with TLS. Give it the [`Seat`] of a server, or a [`Drain`](ekiden_proto::server::Drain).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the calls under way and closes the connection.
    ///
    /// # Errors
    ///
    /// If the connection breaks. What is no RESP is answered with an error and ends it, which is none here.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn serve_connection<Io, S>(
        self,
        io: Io,
        service: S,
        seat: impl Into<Seat>,
    ) -> impl Future<Output = Result<(), ConnectionError>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
        S: Service<Req = Command, Resp = Value, Error: Into<Value>>,
    {
        let seat = seat.into();
        let session = Session::new(service, seat.hangup().cloned());
        let serving = self.dispatch.serve_connection(io, Codec::new(self.limits), session, seat);
        async move {
            let mut parts = match serving.await {
                Ok(parts) => parts,
                Err(ServeError::Connection(error)) => return Err(error),
                // The peer has left, as it may: nothing else fails, since every value can be encoded.
                Err(_) => return Ok(()),
            };
            if parts.codec.is_over {
                Box::pin(close_gently(&mut parts.io)).await;
            }
            Ok(())
        }
    }
}
