//! Pipelined dispatch: many requests in flight, replies leave in request order.
//!
//! Slow calls hold back the fast ones behind them; that is the price of a wire format without request ids.

mod order;
mod calls;
mod client;
mod error;

pub use client::{Client, ClientConfig, Connection};
pub use error::{ConnectionError, Error};
pub use order::{Order, Ticket};
