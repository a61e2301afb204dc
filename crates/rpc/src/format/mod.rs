//! How values become bytes: [`Format`], of which [`MessagePack`] is the one that is here.
//!
//! # Why MessagePack, with names
//!
//! Both ends of a wire are seldom renewed at once. So what matters first is that a type can gain a field and lose one
//! while old peers are about, which needs each field to be found by itself. MessagePack has a struct as a map from the
//! names of its fields to their values: an unknown field is passed over, and a missing one is `None` if it is an
//! `Option`, or the default of serde if it has `#[serde(default)]`.
//!
//! | | size | old and new peers | other languages | why not |
//! |---|---|---|---|---|
//! | `postcard` | the smallest | no: fields are found by their order alone | few | an added optional field breaks every old peer |
//! | `bincode` | small | no, as above | few | as above |
//! | `minicbor-serde`, `ciborium` (CBOR) | as MessagePack | by name | most | as good a format; `ciborium` is some times slower, `minicbor-serde` has few users |
//! | JSON | large | by name | all | bytes as text, numbers as text; several times the cost |
//! | protobuf | small | by number | all | needs a schema and a compiler of its own, where the trait is the schema here |
//!
//! `rmp-serde` is what most who use MessagePack in Rust use, is self-delimiting, and checks lengths against what is there
//! before it allocates. What names cost, in bytes, a trait that is called a million times a second can save by short
//! ones (`#[serde(rename = "t")]`).
//!
//! A `Vec<u8>` is an array of numbers, as serde has it, and bytes are bytes only for types that say so, as those of
//! `serde_bytes` do.
//!
//! Arguments are an array in their order, and not a map, since they have no other way to be told apart in a trait that is
//! renamed: see `arguments`.
//!
//! In reading order: [`Data`] is what can go over a wire, `arguments` are those of a method, `bounded` is how values are
//! read within limits, [`MessagePack`] is the format.

mod data;
mod arguments;
mod bounded;
mod message_pack;

use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use arguments::{ArgumentList, Arguments};
pub use data::Data;
pub use message_pack::MessagePack;

/// How values become bytes, and bytes values.
///
/// The clients and servers that `#[ekiden::rpc]` makes have it as their last type parameter, and both ends of a connection
/// must have the same: the handshake compares [`CODE`](Self::CODE).
///
/// ```
/// use ekiden_rpc::Format;
/// use serde::{Serialize, de::DeserializeOwned};
/// use std::error::Error;
///
/// /// MessagePack with structs as arrays: smaller, for peers that are always renewed at once.
/// #[derive(Clone, Debug)]
/// struct Compact;
///
/// impl Format for Compact {
///     const CODE: u32 = 0x1_0000;
///
///     fn encode<T: Serialize>(value: &T, buf: &mut Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
///         Ok(rmp_serde::encode::write(buf, value)?)
///     }
///
///     fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, Box<dyn Error + Send + Sync>> {
///         let value = rmp_serde::from_read(&mut bytes)?;
///         if bytes.is_empty() { Ok(value) } else { Err("there is more behind the value".into()) }
///     }
/// }
/// ```
pub trait Format: Clone + fmt::Debug + 'static {
    /// Its number in the handshake. 1 is [`MessagePack`]; what is below 65,536 is for this crate to give, and the rest for
    /// everybody.
    const CODE: u32;

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// If the value has no form in this format. What was appended is not sent then.
    fn encode<T: Serialize>(value: &T, buf: &mut Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// Reads a value that takes all of the bytes. They come from a peer, so it must neither panic, nor recurse without
    /// a limit, nor allocate by what a length says before the bytes are there.
    ///
    /// # Errors
    ///
    /// If the bytes are no such value.
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Box<dyn Error + Send + Sync>>;
}
