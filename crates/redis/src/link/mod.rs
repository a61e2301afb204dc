//! How a connection to a server comes about: [`connect`].
//!
//! ```text
//!   Address ──► Socket ──► Patient ──► Codec ──► greeting ──► Wire
//!                 Config ────┴───────────┴──────────┘
//! ```
//!
//! What is asked over it is the business of its users: the client and its subscribers, who each make theirs.
//!
//! In reading order: [`Config`] has the knobs, and [`Address`] says where to; a `url` says both; `codec` is what is spoken, over
//! a `socket`, with `patience`, after a `greeting`.

mod address;
mod config;
mod url;
mod codec;
mod socket;
mod patience;
mod greeting;

pub use address::Address;
pub use config::{Config, Protocol, Tracking};

pub(crate) use greeting::{Purpose, Wire, connect, connect_in_time};
