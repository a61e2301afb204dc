//! Streams of items over a call, in either direction. An item is a chunk of a body, encoded by itself.
//!
//! ```text
//!   client                                             server
//!     impl Stream ──► Items ──► chunks ──────────────►  Incoming ──► method
//!     Streaming  ◄───────────── chunks ◄── Producer ◄── Sender   ◄── method
//! ```
//!
//! What a reader does not take its writer does not make: a stream is polled only while the other side has room.
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

use bytes::Bytes;

use crate::format::Format;

/// A value, in bytes of its own.
pub(crate) fn encode<F: Format, T: serde::Serialize>(
    value: &T,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    // Most values are short, and then this is all that is allocated for one.
    let mut buf = Vec::with_capacity(64);
    F::encode(value, &mut buf)?;
    Ok(buf.into())
}
