//! Pipelined dispatch: many requests in flight, replies leave in request order.
//!
//! ```text
//!   caller ─┐                                                                 ┌─ call
//!   caller ─┼─► Client ─ Calls ─► Transport ◄─── wire ───► Transport ─ Order ─┼─ call
//!   caller ─┘                                                                 └─ call
//! ```
//!
//! Slow calls hold back the fast ones behind them; that is the price of a wire format without request ids.
//!
//! What decides is pure and is played by hand in its tests: [`Order`] of the server's replies, `calls` of the client's
//! requests. Around them are the two ends: [`Client`], which is a service, and [`serve_connection`], which takes one. A
//! protocol that has a connection loop of its own, as HTTP has, takes only the [`Order`].
//!
//! In reading order: `config` has the knobs of both ends; `calls`, [`client`](Client) and [`connection`](Connection) are the client's; [`order`](Order),
//! `running`, `session`, `patience` and `server` the server's; `error` says what a caller learns when it has no answer.

mod config;
mod calls;
mod client;
mod connection;
mod order;
mod running;
mod session;
mod patience;
mod server;
mod error;

pub use client::Client;
pub use config::{ClientConfig, ServerConfig};
pub use connection::Connection;
pub use error::{ConnectionError, Error};
pub use order::{Order, Ticket};
pub use server::{ServeError, serve, serve_connection, serve_on_cores};
