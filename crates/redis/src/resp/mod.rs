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
//! The crate `redis-protocol` 6 decodes RESP too, and is what the tests hold this against. For a client it would have to be
//! wrapped in much: it begins anew at each piece of a reply that comes in pieces, so a long array costs its square; it goes
//! as deep as the peer nests; of a map it makes a hash map, whose order is not that of the wire, and refuses some keys; and
//! of a request it makes a frame of frames, where a server needs a list of arguments. A string of 64 bytes takes it 889
//! instructions in RESP3 and 590 in RESP2, and this 577 in either; an array of a hundred strings of eight bytes 796 for each
//! string, 457, and 411 (callgrind, with dropping them again).
//!
//! # What is refused
//!
//! Every length is checked against [`Limits`] before anything is allocated for it. Streamed strings and aggregates of RESP3 (`$?`, `*?`), which no Redis
//! sends, are an error. Attributes (`|`) are read and left out, as the specification allows a client that knows none.
//!
//! In reading order: [`Limits`] says how much a peer may send; `header` reads lengths and numbers; `reply` is what a client
//! decodes, `request` what a server does, with `words` for people; `encode` is the way back; `error` says what is no RESP.

mod limits;
mod header;
mod reply;
mod words;
mod request;
mod encode;
mod error;

pub use encode::{Version, encode};
pub(crate) use encode::{answer, array_header};
pub use error::RespError;
pub use limits::Limits;
pub use reply::ReplyDecoder;
pub use request::RequestDecoder;

use bytes::{Buf, BytesMut};

/// Takes bytes off the front, at the least cost: a buffer that is emptied is whole again.
fn skip(buf: &mut BytesMut, bytes: usize) {
    if bytes == buf.len() { buf.clear() } else { buf.advance(bytes) }
}
