//! The connection: who speaks, in which version of the protocol, with which data base.
//!
//! What changes the connection itself is for one of your own ([`dedicated`](crate::Client::dedicated)): one that is
//! shared gets its user, its name and its data base by the configuration of its client.
//!
//! In reading order: this page has this connection; `client` all connections of the server, and `client_info` what it
//! knows of each.

pub(super) mod client;
mod client_info;

use std::collections::BTreeMap;

use crate::commands::table::{commands, options, records};
use crate::{ToArg, Value};

pub use client::*;
pub use client_info::*;

commands! { connection_methods;
    /// Says who speaks, by the password of the default user.
    ///
    /// Redis 1.0.
    Configures "AUTH" auth(password: impl ToArg) -> ();

    /// Says who speaks.
    ///
    /// Redis 6.0.
    Configures "AUTH" auth_user(user: impl ToArg, password: impl ToArg) -> ();

    /// What was said.
    ///
    /// Redis 1.0.
    Reads "ECHO" echo<V>(message: impl ToArg) -> V;

    /// Changes to a version of the protocol: 2 or 3. Answers what the server is. [`Hello`] says who speaks, too.
    ///
    /// Redis 6.0.
    Configures "HELLO" hello(version: u32) -> ServerInfo as Hello;

    /// Nothing, if the server is there.
    ///
    /// Redis 1.0.
    Reads "PING" ping() -> ();

    /// What was said, if the server is there.
    ///
    /// Redis 2.8.
    Reads "PING" ping_message<V>(message: impl ToArg) -> V;

    /// Ends the connection, when what was asked before is answered.
    ///
    /// Redis 1.0.
    Ends "QUIT" quit() -> ();

    /// Makes the connection as it was when it was new.
    ///
    /// Redis 6.2.
    Ends "RESET" reset() -> ();

    /// Changes to another data base.
    ///
    /// Redis 1.0.
    Configures "SELECT" select(db: u32) -> ();
}

options! {
    /// [`hello`] with its options.
    Hello -> ServerInfo {
        /// Says who speaks.
        auth(user: impl ToArg, password: impl ToArg) = "AUTH", user, password;
        /// Gives the connection a name.
        setname(name: impl ToArg) = "SETNAME", name;
    }
}

records! {
    /// What the server is, of [`hello`].
    ServerInfo {
        /// `redis`, or what takes its place.
        server: String = "server",
        /// Its version.
        version: String = "version",
        /// The version of the protocol that is spoken now.
        protocol: u32 = "proto",
        /// The number of this connection.
        id: u64 = "id",
        /// `standalone`, `sentinel` or `cluster`.
        mode: String = "mode",
        /// `master` or `replica`.
        role: String = "role",
        /// The modules that are loaded.
        modules: Vec<BTreeMap<String, Value>> = "modules",
    }
}
