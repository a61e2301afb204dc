//! The commands of Redis 7.0, each as a function that makes it and as a method of [`Commands`] that asks it.
//!
//! ```text
//!   client.get("key").await               a method asks it of a client, whatever is around that
//!
//!   get("key")            ─┐
//!   set("key", 1).px(500) ─┴─► ask, pipeline, transaction
//!                                         a function makes it, for options and for several at once
//! ```
//!
//! A method asks the plain command; one with options is made by its function, whose type has a method for each:
//!
//! ```
//! use ekiden_redis::commands::{get, incr, set};
//! use ekiden_redis::{Ask, Commands, Error};
//!
//! # async fn run(client: impl Ask<Error = Error>) -> Result<(), Error> {
//! client.set("greeting", "hello").await?;
//! let greeting: Option<String> = client.get("greeting").await?;
//! let is_mine = client.ask(set("lock", "me").nx().px(500)).await?;
//! let (visits, name) = client.transaction((incr("visits"), get::<String>("name"))).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What they have in common:
//!
//! - Names are Redis's in lower case, in two words where those are two: `config_get`. Where an option changes what is
//!   answered it may be a function of its own: `lpop_count`. What are words of Rust have a longer name: `key_type`,
//!   `move_key`.
//! - A key, value or field is anything that is [one argument](ToArg); where there may be many it is
//!   [any number](crate::ToArgs): one, a slice, an array of pairs. None at all is not many: the server refuses.
//! - What is answered is a type that says so: nothing, a count, whether it was done, an `Option` where there may be
//!   none. Values become what you ask for, by [`FromValue`](crate::FromValue); what only comes along, such as the key
//!   of [`blpop`], is `Bytes`. The answer is the same in both versions of the protocol.
//! - Times are as Redis has them: a number where its name says the unit, such as `px(milliseconds)`, else a
//!   `Duration`.
//! - That a command [blocks](Wait), or changes the connection, is known to [`Client`](crate::Client), which has a
//!   connection of its own for the former, and refuses the latter where others share it.
//! - Whether it may be sent again: [`Command::only_reads`].
//!
//! Whatever is not here, modules' commands for example, is a [`Command`] made by hand, with the same rights.
//!
//! In reading order: `string`, `key`, `hash`, `list`, `set`, `sorted_set`, `stream`, `bitmap`, `hyperloglog` and
//! `geo` have the data; `script` and `pubsub` what is run and said; `transaction`, `connection` and `server` the
//! rest. `shared` is what several of these ask, `pages` how they are scanned, `effect` what may be assumed of them,
//! `table` how they are written down, and `record` how answers with names are read.

mod table;
mod effect;
mod record;
mod shared;
mod pages;
mod string;
mod key;
mod hash;
mod list;
mod set;
mod sorted_set;
mod stream;
mod bitmap;
mod hyperloglog;
mod geo;
mod script;
mod pubsub;
mod transaction;
mod connection;
mod server;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::RangeBounds;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::{Ask, Command, IntoTyped, ToArg, ToArgs, Value};

pub use bitmap::*;
pub use connection::*;
pub use geo::*;
pub use hash::*;
pub use hyperloglog::*;
pub use key::*;
pub use list::*;
pub use pages::*;
pub use pubsub::*;
pub use script::*;
pub use server::*;
pub use set::*;
pub use shared::*;
pub use sorted_set::*;
pub use stream::*;
pub use string::*;
pub use transaction::*;

pub(crate) use effect::Effect;

/// The commands of Redis as methods of whatever takes commands: a [`Client`](crate::Client), with any middleware
/// around it.
///
/// Each is that of the same name in [`commands`](self), asked by [`Ask::ask`]; there stand the options, too.
///
/// # Cancel safety
///
/// That of the service's call: of a client, a command that was not sent yet is taken back, else its answer is passed
/// over.
///
/// # Errors
///
/// Those of the service; what the server says; and an answer of another type than was asked for.
pub trait Commands: Ask {
    /// All pages of a scan of keys, or of what is at one: what `make` makes for each cursor.
    ///
    /// ```no_run
    /// # use ekiden_redis::{Commands, Error, commands::scan};
    /// # async fn all(client: impl Commands<Error = Error>) -> Result<(), Error> {
    /// let mut pages = client.pages(|cursor| scan::<String>(cursor).matching("user:*").count(1000));
    /// while let Some(keys) = pages.next().await? {
    ///     println!("{keys:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn pages<F, R, T>(&self, make: F) -> Pages<'_, Self, F>
    where
        F: FnMut(u64) -> R,
        R: IntoTyped<Answer = Page<T>>,
    {
        Pages::new(self, make)
    }

    string::string_methods!();
    key::key_methods!();
    hash::hash_methods!();
    list::list_methods!();
    set::set_methods!();
    sorted_set::sorted_set_methods!();
    sorted_set::range::sorted_set_range_methods!();
    sorted_set::combine::sorted_set_combine_methods!();
    stream::stream_methods!();
    stream::group::stream_group_methods!();
    stream::pending::stream_pending_methods!();
    stream::info::stream_info_methods!();
    bitmap::bitmap_methods!();
    hyperloglog::hyperloglog_methods!();
    geo::geo_methods!();
    script::script_methods!();
    pubsub::pubsub_methods!();
    transaction::transaction_methods!();
    connection::connection_methods!();
    connection::client::client_methods!();
    server::server_methods!();
    server::info::server_info_methods!();
    server::replication::server_replication_methods!();
    server::slowlog::server_slowlog_methods!();
    server::latency::server_latency_methods!();
    server::memory::server_memory_methods!();
    server::acl::server_acl_methods!();
    server::module::server_module_methods!();
    server::command_info::server_command_methods!();
}

impl<S: Ask + ?Sized> Commands for S {}

/// What each command does apart from its answer, by its words.
pub(crate) const EFFECTS: [&[(&str, Effect)]; 29] = [
    string::EFFECTS,
    key::EFFECTS,
    hash::EFFECTS,
    list::EFFECTS,
    set::EFFECTS,
    sorted_set::EFFECTS,
    sorted_set::range::EFFECTS,
    sorted_set::combine::EFFECTS,
    stream::EFFECTS,
    stream::group::EFFECTS,
    stream::pending::EFFECTS,
    stream::info::EFFECTS,
    bitmap::EFFECTS,
    hyperloglog::EFFECTS,
    geo::EFFECTS,
    script::EFFECTS,
    pubsub::EFFECTS,
    transaction::EFFECTS,
    connection::EFFECTS,
    connection::client::EFFECTS,
    server::EFFECTS,
    server::info::EFFECTS,
    server::replication::EFFECTS,
    server::slowlog::EFFECTS,
    server::latency::EFFECTS,
    server::memory::EFFECTS,
    server::acl::EFFECTS,
    server::module::EFFECTS,
    server::command_info::EFFECTS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use ekiden_service::{ServiceExt, service_fn};

    #[derive(Debug)]
    struct Mine(Error);

    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self(error)
        }
    }

    #[test]
    fn whatever_is_around_a_client_has_its_commands() {
        let client = service_fn(async |_: Command| Ok::<_, Error>(Value::from("text")));
        let client = std::rc::Rc::new(client.map_err(Mine::from));
        ekiden_reactor::run(async {
            assert_eq!(client.get::<String>("key").await.unwrap().as_deref(), Some("text"));
            let Mine(error) = client.get::<i64>("key").await.unwrap_err();
            assert_eq!(error.to_string(), "an integer was wanted, and the answer is a text that is none");
        });
    }

    #[test]
    fn a_command_is_one_allocation_with_its_options_and_a_call_of_it_no_more() {
        let made = |make: &dyn Fn() -> Command| allocation_counter::measure(|| drop(make())).count_total;
        assert_eq!(made(&|| get::<String>("key").into_command()), 1);
        assert_eq!(made(&|| set("key", "value").px(500).nx().into_typed().into_command()), 1);
        let client = service_fn(async |_: Command| Ok::<_, Error>(Value::Nil));
        let mut called = std::pin::pin!(async { client.get::<String>("key").await });
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let counted = allocation_counter::measure(|| assert!(called.as_mut().poll(&mut cx).is_ready()));
        assert_eq!(counted.count_total, 1);
    }
}
