//! The life of a server: it accepts, it has a task for each connection, and it drains.
//!
//! What is spoken on a connection is a function's to say; this is what every protocol's server has in common, so
//! that each is safe in the same way: connections have a maximum, a shortage of files is waited out, a panic harms
//! one connection, and the end is orderly.
//!
//! ```text
//!   Listener ── accept ──► a task for each connection, on its Seat ── Drain: finish what you owe
//!                 │                   │
//!                 └──── Server ◄──────┘   counts them, waits for them, gives up at the deadline
//! ```
//!
//! In reading order: [`Config`] has the knobs; [`Listener`] is where connections come from, [`Server`] the `handle`, `state` what it shares with
//! the connections; [`Drain`] is what a connection is told, [`Seat`] its place at the server; `accept` takes connections in,
//! `connection` is the task of one, and `life` is the whole of it, from there to the end of the drain. `cores` has a server
//! on each core, and one handle of all.
//!
//! A connection that is spoken on in a loop of its own takes from the dispatchers how it closes ([`Linger`]), what its calls
//! may end in ([`Panic`]), and whether others have their turn first ([`REQUEST_COST`]).

mod config;
mod listener;
mod handle;
mod state;
mod drain;
mod seat;
mod accept;
mod connection;
mod life;
mod cores;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use ekiden_reactor::context::Context;
use ekiden_reactor::spawn_named;

pub use config::Config;
pub use drain::Drain;
pub use handle::{Drained, Server};
pub use listener::{Listener, UnixAddr};
pub use seat::{KeptSeat, Seat};

pub use crate::dispatch::linger::{Linger, close_gently};
pub use crate::dispatch::pace::REQUEST_COST;
pub use crate::dispatch::panic::Panic;

use state::State;

impl Config {
    /// Serves a listener: each connection gets a task that runs `serve_connection` with the stream, the peer's
    /// address and a [`Seat`], which tells when to finish.
    ///
    /// The server runs on this thread's reactor until it is drained, by [`Server::drain`] or by the shutdown, or
    /// until the listener fails for good.
    ///
    /// ```
    /// use ekiden_proto::server::{Config, Seat};
    /// use ekiden_reactor::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// # ekiden_reactor::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let addr = listener.local_addr()?;
    /// let server = Config::default().serve(listener, async |stream: TcpStream, _peer, seat: Seat| {
    ///     if stream.write_all(b"hello").await.is_ok() {
    ///         seat.drain().begun().await; // and then the connection is closed
    ///     }
    /// });
    ///
    /// let client = TcpStream::connect(addr).await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(client.read(&mut buf).await?, 5);
    /// assert_eq!(server.drain(Duration::from_secs(1)).await.finished, 1);
    /// assert_eq!(client.read(&mut buf).await?, 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Memory
    ///
    /// Besides its task and its socket, an idle connection holds its future, and 56 bytes here. An async function keeps
    /// its arguments for as long as it runs, beside whatever it makes of them. Where idle connections are many, make a
    /// [`Transport`](crate::Transport) of the stream in a plain function that returns an `async move` block around it:
    /// then the stream is kept once.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve<L, F, C>(self, listener: L, serve_connection: F) -> Server
    where
        L: Listener + 'static,
        F: Fn(L::Io, L::Addr, Seat) -> C + 'static,
        C: Future<Output = ()> + 'static,
    {
        assert!(self.connections_max > 0, "a server that may have no connection could never serve one");
        let state = Rc::new(State::new(Drain::new(), Arc::default()));
        let life = life::run(listener, self, serve_connection, state.clone());
        // It goes on when whoever starts it is over, and its connections and their requests with it.
        let task = Context::none().sync_scope(|| spawn_named("server", life));
        Server::new(task, state)
    }
}
