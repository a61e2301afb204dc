//! Streams of items over a call, in either direction. An item is a chunk of a body, encoded by itself.
//!
//! ```text
//!   client                                             server
//!     impl Stream ──► Items ──► chunks ──────────────►  Incoming ──► method
//!     Streaming  ◄───────────── chunks ◄── Producer ◄── Sender   ◄── method
//! ```
//!
//! A stream is polled only while the other side has room: it is some way ahead of its reader, and stops when that stops.
//!
//! In reading order: [`Streaming`] is what a client reads, `items` what it sends; `incoming` is what a server reads,
//! `outgoing` what it sends.

mod streaming;
mod items;
pub(crate) mod incoming;
pub(crate) mod outgoing;

pub use incoming::{Guard, Incoming};
pub(crate) use items::Items;
pub use outgoing::Sender;
pub use streaming::Streaming;
