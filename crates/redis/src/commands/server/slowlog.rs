//! Commands that took long.

use std::time::Duration;

use bytes::Bytes;

use crate::commands::table::commands;
use crate::{Error, FromValue, Value};

commands! { server_slowlog_methods;
    /// The last so many commands that took longer than the parameter `slowlog-log-slower-than`, the newest first; all
    /// if -1.
    ///
    /// Redis 2.2.12; all by -1 7.0.
    Reads "SLOWLOG GET" slowlog_get(count: i64) -> Vec<SlowCommand>;

    /// How many of them the server keeps now.
    ///
    /// Redis 2.2.12.
    Reads "SLOWLOG LEN" slowlog_len() -> u64;

    /// Forgets them.
    ///
    /// Redis 2.2.12.
    Writes "SLOWLOG RESET" slowlog_reset() -> ();
}

/// A command that took long, of [`slowlog_get`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowCommand {
    /// Its number; no other has it.
    pub id: u64,
    /// When, in seconds since 1970.
    pub unix_seconds: u64,
    /// How long it took.
    pub took: Duration,
    /// What it was; long ones are shortened.
    pub command: Vec<Bytes>,
    /// From where it came. Redis 4.0.
    pub client_addr: String,
    /// Whose it was, if the connection had a name. Redis 4.0.
    pub client_name: String,
}

impl FromValue for SlowCommand {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (id, unix_seconds, micros, command, client_addr, client_name) = FromValue::from_value(value)?;
        Ok(Self { id, unix_seconds, took: Duration::from_micros(micros), command, client_addr, client_name })
    }
}
