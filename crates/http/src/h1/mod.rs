//! HTTP/1.1 on the wire: bytes to messages and back, without a socket or a clock.
//!
//! - [`framing`]: where a body ends, decided in one way only;
//! - [`chunked`]: bodies in chunks;
//! - [`content`]: a body as it comes in, however it is framed;
//! - [`encode`]: heads as bytes, and how a body goes out;
//! - [`outbox`]: what is to be written, without copying what is large;
//! - [`server`]: requests and replies of one connection, from the side that answers;
//! - [`client`]: one request and its response, from the side that asks.

pub(crate) mod framing;
pub(crate) mod chunked;
pub(crate) mod content;
pub(crate) mod encode;
pub(crate) mod outbox;
pub(crate) mod server;
pub(crate) mod client;
