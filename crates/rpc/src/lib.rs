//! Typed calls over a wire: a trait with async functions becomes a client and a server.
//!
//! ```
//! use ekiden_reactor::net::TcpListener;
//! use ekiden_rpc::{self as rpc, Client};
//! use futures_util::stream::{self, Stream, StreamExt};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! pub struct Book {
//!     title: String,
//! }
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! pub struct NotFound;
//!
//! #[ekiden_rpc::rpc(crate = ekiden_rpc)] // `#[ekiden::rpc]` where `ekiden` is what you depend on
//! pub trait Library {
//!     async fn find(&self, title: String) -> Result<Book, NotFound>;
//!     async fn titles(&self, shelf: u32) -> impl Stream<Item = String>; // from server to client
//!     async fn import(&self, books: impl Stream<Item = Book>) -> u64; // from client to server
//! }
//!
//! struct Shelves(Vec<String>);
//!
//! impl Library for Shelves {
//!     async fn find(&self, title: String) -> Result<Book, NotFound> {
//!         if self.0.contains(&title) { Ok(Book { title }) } else { Err(NotFound) }
//!     }
//!
//!     async fn titles(&self, _shelf: u32) -> impl Stream<Item = String> {
//!         stream::iter(&self.0).map(Clone::clone)
//!     }
//!
//!     async fn import(&self, books: impl Stream<Item = Book>) -> u64 {
//!         books.count().await as u64
//!     }
//! }
//!
//! # ekiden_reactor::run(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! let _server = rpc::serve(listener, LibraryServer::new(Shelves(vec!["Emma".to_owned()])));
//!
//! let library = LibraryClient::new(Client::connect(addr).await?);
//! match library.find("Emma".to_owned()).await? {
//!     Ok(book) => assert_eq!(book.title, "Emma"),
//!     Err(NotFound) => panic!("it is on the shelf"),
//! }
//! assert_eq!(library.find("Ulysses".to_owned()).await?.unwrap_err(), NotFound);
//!
//! let mut titles = library.titles(1).await?;
//! assert_eq!(titles.next().await.transpose()?.as_deref(), Some("Emma"));
//!
//! let books = stream::iter(["Ulysses", "Walden"]).map(|title| Book { title: title.to_owned() });
//! assert_eq!(library.import(books).await?, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What the attribute makes
//!
//! The trait stays as it is written, and whoever implements it is a server. Beside it are, for a trait `Library`:
//!
//! - `LibraryServer<T>`, a [`Service`] from [`Request`] to [`Response`] around a `T: Library`. Serve it by
//!   [`serve`]; several at once by a [`Router`]; with any middleware around it.
//! - `LibraryClient<S>`, which has the same methods, over any service `S` from [`Request`] to [`Response`]: a
//!   [`Client`] with whatever is around it, or, in a test, a `LibraryServer` without any wire.
//!
//! Each method of the client returns what the trait's does, in a `Result` with the error of `S`. So an error of the
//! application is apart from one of the call: `library.find(title).await` is an `Ok(Err(NotFound))` if the library has no
//! such book, and an `Err` if nobody knows.
//!
//! A method may take one stream, and return one, or a `Result` of one. A caller reads what is returned as a [`Streaming`].
//!
//! # Bytes
//!
//! To serde a `Vec<u8>` is an array of numbers, and so it is on the wire: in up to two bytes each, one after the other. What
//! carries bytes by the megabyte, such as the items of an upload, had best be a type that says so: a `serde_bytes::ByteBuf`,
//! or a struct with a field of `#[serde(with = "serde_bytes")]`.
//!
//! # What goes along
//!
//! The [context](ekiden_reactor::context) of the caller does: at the server there is a deadline as much later as the
//! caller's is, and the call is dropped when it has passed; and the caller's trace. A call that returns a stream lasts until the
//! end of that: as in gRPC, the reader hears [`Expired`](ErrorKind::Expired) when the time is over, and a stream that is to go
//! on is asked for without a deadline, by a client that has no `Timeout` around it, of a server that has none either. A caller that drops its call has the
//! server drop it as well ([`multiplex::Stats::cancelled`](ekiden_proto::multiplex::Stats::cancelled) counts them).
//!
//! # Old and new peers
//!
//! A method is known by the hash of its name, and a field by its name, so both sides need not be renewed at once. These changes
//! break nobody:
//!
//! - to add a method, or to remove one that nobody calls; a caller of what is not there has an
//!   [`ErrorKind::UnknownMethod`], of which nothing was begun;
//! - to add a field to a struct, if it is an `Option` or has `#[serde(default)]`, or to remove such a one;
//! - to add an argument at the end, if it is an `Option`;
//! - to add a variant to an enum, as long as those who do not know it are not sent it.
//!
//! # The wire
//!
//! Frames are those of multiplexed dispatch, in nine bytes of header; what is in them is [MessagePack](mod@format). They have
//! checksums if both sides ask for them ([`client::Config::checksums`], [`server::Config::checksums`]).
//! `docs/rpc.md` in the repository has all of it on a page, which was enough to write a client in another language.
//!
//! In reading order: [`Method`], `message` and [`Error`] are what all parts speak of; [`format`](mod@format) is how values
//! become bytes, [`stream`] how items do; `short` keeps the bytes; `wire` has the frames, and `handshake` what comes before
//! them; `knobs` is what both ends are configured by, [`client`] and [`server`] are the ends, and a [`Router`] is of several
//! services one; `generated` is what the attribute's code calls.
#![forbid(unsafe_code)]

mod method;
mod message;
mod error;
pub mod format;
pub mod stream;
mod short;
mod wire;
mod handshake;
mod knobs;
pub mod client;
pub mod server;
mod router;
#[doc(hidden)]
pub mod generated;

pub use client::Client;
pub use error::{Error, ErrorKind};
pub use format::{Data, Format, MessagePack};
pub use message::{Request, Response};
pub use method::Method;
pub use router::{NoService, Router, Routes};
pub use server::{serve, serve_on_cores};
pub use stream::Streaming;
pub use wire::hello::HelloError;

#[doc(no_inline)]
pub use ekiden_service::Service;

/// Makes of a trait a client and a server.
///
/// See [the crate](crate) for what it makes.
///
/// The trait has only async methods, each with `&self`, with arguments that serde can write and read, of which one may be an
/// `impl Stream<Item = T>`, and with a result that is data, too, or an `impl Stream<Item = T>`, or a `Result` of one. Its
/// name and theirs are what is called over the wire.
///
/// `#[rpc(crate = path)]` says where this crate is, if it is not `::ekiden::rpc`.
pub use ekiden_rpc_macros::rpc;
