//! The wire: what the bytes are that client and server exchange. No socket, no clock, no types of the application.
//!
//! ```text
//!   client ── Hello ──►            magic · version · settings
//!          ◄── Hello ── server
//!
//!          ── frame, frame ──►     length · kind · id · payload
//!          ◄── frame, frame ──
//! ```
//!
//! It is written down for others in `docs/rpc.md`; whoever changes one changes the other. What frames mean, and in which
//! order they come, is multiplexed dispatch of ekiden-proto; here they only become bytes.
//!
//! In reading order: [`hello`] is what a connection begins with, [`codec`] makes bytes of frames and frames of bytes,
//! [`head`] is what requests and replies say of themselves, [`checksum`] is what frames end with if both sides like.

pub(crate) mod hello;
pub(crate) mod codec;
pub(crate) mod head;
mod checksum;
#[cfg(test)]
mod tests;

pub(crate) use codec::{ClientCodec, ServerCodec, WireError};
pub(crate) use head::{Head, ReplyHead, RequestHead, Status, TraceContext};
pub(crate) use hello::Settings;
