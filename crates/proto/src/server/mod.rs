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
//! In reading order: [`Listener`] is where connections come from, [`Server`] the `handle`, `state` what it shares with
//! the connections; [`Drain`] is what a connection is told, [`Seat`] its place at the server, `linger` how one is closed
//! so that its peer gets what was written; `accept` is the loop.

mod listener;
mod handle;
mod state;
mod drain;
mod seat;
mod linger;
mod accept;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::spawn_named;

pub use drain::Drain;
pub use handle::{Drained, Server};
pub use linger::{Linger, close_gently};
pub use listener::Listener;
pub use seat::{KeptSeat, Seat};

use state::State;

/// How a server accepts, and how it ends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How many connections may be open at once, those included that were [given away](Seat::keep); beyond it new ones
    /// wait in the kernel's queue until one closes, and the operator is told.
    /// 16,384: more than a busy core serves, and few enough that idle ones fit into some megabytes. The limit on
    /// open files is often lower, and is met with patience too.
    pub connections_max: usize,
    /// Whether the server drains by itself when the [shutdown](ekiden_reactor::shutdown) begins. On: a program then
    /// ends well on ctrl-c and on `SIGTERM` with no further line.
    pub drain_on_shutdown: bool,
    /// How long such a drain may take before what is left is dropped, as far as that is the server's to drop. 30 s, as
    /// long as service managers wait before they kill.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { connections_max: 16_384, drain_on_shutdown: true, drain_timeout: Duration::from_secs(30) }
    }
}

impl Config {
    /// Serves a listener: each connection gets a task that runs `serve_connection` with the stream, the peer's
    /// address and a [`Seat`], which tells when to finish.
    ///
    /// The server runs on this thread's reactor until it is drained, by [`Server::drain`] or by the shutdown, or
    /// until the listener fails for good.
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
        let state = Rc::new(State::new(Drain::new()));
        let task = spawn_named("server", accept::run(listener, self, serve_connection, state.clone()));
        Server::new(task, state)
    }
}
