//! Redis as services: a client that pipelines whatever is asked at the same time, and servers that speak RESP.
//!
//! A [`Client`] is a [`Service`](ekiden_service::Service) that takes a [`Command`] and answers a [`Value`]. One
//! connection serves all callers. Around it goes whatever middleware goes around any service, and
//! [`Commands`] gives all of them the commands of Redis as typed methods:
//!
//! ```
//! use std::time::Duration;
//!
//! use ekiden_middleware::MiddlewareExt;
//! use ekiden_redis::commands::{del, incr, set};
//! use ekiden_redis::{Ask, Client, Command, Commands};
//! # use ekiden_redis::{Error, Value, server};
//!
//! # ekiden_reactor::run(async {
//! # let listener = ekiden_reactor::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let addr = listener.local_addr()?;
//! # let visits = std::cell::Cell::new(0);
//! # let _server = server::serve(listener, ekiden_service::service_fn(async move |command: Command| {
//! #     visits.set(visits.get() + i64::from(command.name() == b"INCR"));
//! #     Ok::<_, Error>(match command.name() {
//! #         b"INCR" => Value::from(visits.get()),
//! #         b"GET" => Value::from("ada"),
//! #         b"STRLEN" => Value::from(3),
//! #         b"EXEC" => Value::from(vec![visits.get(), 0]),
//! #         _ => Value::ok(),
//! #     })
//! # }));
//! let client = Client::new(addr).timeout(Duration::from_secs(5));
//!
//! client.set("name", "ada").await?;
//! let name: Option<String> = client.get("name").await?;
//! assert_eq!(name.as_deref(), Some("ada"));
//!
//! // With options, and several as one: the same commands as values.
//! let is_mine = client.ask(set("lock", "ada").nx().px(500)).await?;
//! let (visits, _) = client.transaction((incr("visits"), del("name"))).await?;
//! assert!(is_mine && visits == 1);
//!
//! // Whatever has no method, of a module for example.
//! let length = client.ask(Command::new("STRLEN").arg("name").typed::<u64>()).await?;
//! assert_eq!(length, 3);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What is where
//!
//! | wanted | found |
//! |---|---|
//! | a password, a data base, limits, RESP2; a URL | [`client::Config`] |
//! | the commands of Redis, by their groups | [`commands`]: as methods, and as functions with options |
//! | commands that block | the same methods: each has a connection of its own while it waits |
//! | `MULTI` and `EXEC` | [`Ask::transaction`]; with `WATCH`, [`client::Dedicated`] |
//! | scripts | [`Script`] |
//! | pub/sub | [`Client::subscriber`], a stream |
//! | keys that others have changed | [`Client::invalidations`], a stream |
//! | any other command | [`Command::new`] |
//! | a server, or a proxy | [`server`] |
//!
//! A server of a cluster that is not the one to ask answers with a redirect; it is an error that says where to
//! ([`Error::redirect`]), and not followed.
//!
//! In reading order: [`Value`] is what is answered and [`Command`] what is asked, with numbers as `digits`; to `convert` the one into what a
//! program wants is [`FromValue`]'s business, [`Typed`] knows it of the other, and [`Ask`] puts the two together;
//! `collections` are those of std, as both. [`commands`] has all that are known, and of each `nature` says what it does to its connection. [`resp`] is the wire format.
//! `link` makes connections, on which `pubsub` listens to messages; [`client`] and [`server`] are the two ends, [`Script`] calls scripts by their
//! `sha1`, and [`Error`] says why there is no answer, by its `verdict` on
//! what the server said.
#![forbid(unsafe_code)]

mod value;
mod digits;
mod command;
mod convert;
mod collections;
mod typed;
mod ask;
pub mod commands;
mod nature;
pub mod resp;
mod link;
mod pubsub;
pub mod client;
mod script;
mod sha1;
pub mod server;
mod verdict;
mod error;

pub use ask::Ask;
pub use client::{Client, Dedicated, Invalidation, Invalidations};
pub use command::{Args, Command, ToArg, ToArgs};
pub use commands::Commands;
pub use convert::FromValue;
pub use error::{Error, Mismatch, Redirect};
pub use pubsub::{Event, Message, Subscriber};
pub use script::Script;
pub use typed::{Convert, IntoTyped, Together, Typed};
pub use value::{ServerError, Value};
