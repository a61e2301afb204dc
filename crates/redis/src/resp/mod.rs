//! RESP, the wire format of Redis, versions 2 and 3: bytes to values and commands, and back.
//!
//! ```text
//!   a client:   Command ── encode ──► wire       wire ──► ReplyDecoder ──► Value
//!   a server:   Value ──── encode ──► wire       wire ──► RequestDecoder ──► Command
//! ```
//!
//! No socket and no clock: told bytes, it says frames. The specification is
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
//!
//! # Why it is our own
//!
//! The crate `redis-protocol` decodes RESP too, and is what the tests hold this against. For a client it would have to be
//! wrapped in much: it begins anew at each piece of a reply that comes in pieces, so a long array costs its square; it
//! goes as deep as the peer nests; it makes a table of places before it makes a reply, and of a map a hash map, whose order
//! is not that of the wire; and requests it makes frames of frames, where a server needs a list of arguments.
//!
//! # What is refused
//!
//! Every length is checked against [`Limits`] before anything is allocated for it. Streamed strings and aggregates of RESP3 (`$?`, `*?`), which no Redis
//! sends, are an error. Attributes (`|`) are read and left out, as the specification allows a client that knows none.
//!
//! In reading order: [`Limits`] says how much a peer may send; `header` reads lengths and numbers; `reply` is what a client
//! decodes, `request` what a server does; `encode` is the way back, with numbers as `digits`; `error` says what is no RESP.

mod limits;
mod header;
mod reply;
mod request;
mod encode;
pub(crate) mod digits;
mod error;

pub use encode::{Version, encode};
pub use error::RespError;
pub use limits::Limits;
pub use reply::ReplyDecoder;
pub use request::RequestDecoder;

use bytes::{Buf, BytesMut};

/// Takes bytes off the front, at the least cost: a buffer that is emptied is whole again.
fn skip(buf: &mut BytesMut, bytes: usize) {
    if bytes == buf.len() { buf.clear() } else { buf.advance(bytes) }
}
