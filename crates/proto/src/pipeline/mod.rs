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
//! Messages are one frame each; or, of a protocol whose codec speaks in [`Frame`]s, a head and a body that streams
//! ([`Client::streamed`], [`ServerConfig::serve_streamed`]).
//!
//! In reading order: `config` has the knobs of both ends; `shape` is what messages are made of, and `streamed` those with
//! bodies; `client` has its `calls` and what drives its `connection`, `server` the [`Order`] of its replies and the
//! `session` of each connection. What it shares with multiplexed dispatch is in `dispatch`, errors among it, and in `body`.

mod config;
mod shape;
mod streamed;
mod client;
mod server;

pub use crate::body::{Body, Message};
pub use crate::dispatch::error::{ConnectionError, Error};
pub use client::{Client, Connection, StreamedConnection};
pub use config::{ClientConfig, ServerConfig};
pub use server::{Order, ServeError, Ticket, serve, serve_connection, serve_on_cores};
pub use streamed::Frame;
