//! A protocol is a codec and a dispatch rule.
#![forbid(unsafe_code)]

pub mod codec;
mod transport;
mod spare;
mod slots;
#[cfg(test)]
mod wire;
pub mod pipeline;
pub mod server;

pub use transport::{NextFrame, Parts, ReadError, SendError, Transport};
