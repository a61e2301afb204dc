//! A protocol is a codec and a dispatch rule.
#![forbid(unsafe_code)]

pub mod codec;
pub mod pipeline;
