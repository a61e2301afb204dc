//! What can be an argument, a result or an item: [`Data`].

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What can go over a wire, in both directions: whatever serde can write and read.
///
/// There is nothing to implement: derive `serde::Serialize` and `serde::Deserialize`. That both are asked of arguments and
/// results, where a client needs the one and a server the other, lets a trait be used at either end.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go over a wire",
    label = "this must be data that serde can write and read",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` above it, and above what it is made of"
)]
pub trait Data: Serialize + DeserializeOwned {}

// Or a message would speak of serde's traits, each by itself, where the reader wrote an argument.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Data for T {}
