//! The server itself: its data as a whole, its configuration, what it knows of itself.
//!
//! In reading order: this page has the data as a whole and the configuration; `info` what the server knows of itself;
//! `replication` who follows whom; `slowlog` and `latency` what took long; `memory` what needs how much; `acl` users
//! and what they may; `module` what was added to the server; `command_info` what commands it knows.

pub(super) mod info;
pub(super) mod replication;
pub(super) mod slowlog;
pub(super) mod latency;
pub(super) mod memory;
pub(super) mod acl;
pub(super) mod module;
pub(super) mod command_info;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::commands::Flush;
use crate::commands::table::{commands, options};
use crate::{Command, Error, FromValue, ToArgs, Value};

pub use acl::*;
pub use command_info::*;
pub use info::*;
pub use latency::*;
pub use memory::*;
pub use module::*;
pub use replication::*;
pub use slowlog::*;

commands! { server_methods;
    /// Writes the log of commands anew, shorter, in the background.
    ///
    /// Redis 1.0.
    Writes "BGREWRITEAOF" bgrewriteaof() -> ();

    /// Saves all data to disk in the background. An error if that is being done; [`Bgsave`] has it done later then.
    ///
    /// Redis 1.0.
    Writes "BGSAVE" bgsave() -> () as Bgsave;

    /// The parameters of the configuration that match any of these patterns, with their values.
    ///
    /// Redis 2.0; more than one pattern 7.0.
    Reads "CONFIG GET" config_get(patterns: impl ToArgs) -> BTreeMap<String, String>;

    /// Sets what [`info`](fn@info) counts back to 0.
    ///
    /// Redis 2.0.
    Writes "CONFIG RESETSTAT" config_resetstat() -> ();

    /// Writes the configuration as it is now to its file. An error if there is no file.
    ///
    /// Redis 2.8.
    Writes "CONFIG REWRITE" config_rewrite() -> ();

    /// Sets parameters of the configuration, all or none: `config_set([("maxmemory", "1gb"), ("appendonly",
    /// "yes")])`.
    ///
    /// Redis 2.0; more than one 7.0.
    Writes "CONFIG SET" config_set(pairs: impl ToArgs) -> ();

    /// How many keys there are in the data base.
    ///
    /// Redis 1.0.
    Reads "DBSIZE" dbsize() -> u64;

    /// Takes all keys of all data bases away. [`Flush`] says when their memory is freed.
    ///
    /// Redis 1.0; when memory is freed 4.0 and 6.2.
    Writes "FLUSHALL" flushall() -> () as Flush;

    /// Takes all keys of the data base away. [`Flush`] says when their memory is freed.
    ///
    /// Redis 1.0; when memory is freed 4.0 and 6.2.
    Writes "FLUSHDB" flushdb() -> () as Flush;

    /// When all data was last saved to disk.
    ///
    /// Redis 1.0.
    Reads "LASTSAVE" lastsave() -> SystemTime = Command::new("LASTSAVE").typed_with(unix_seconds);

    /// A picture, and the version of the server. [`Lolwut`] has others.
    ///
    /// Redis 5.0.
    Reads "LOLWUT" lolwut() -> String as Lolwut;

    /// Saves all data to disk, while nobody is served: mostly you want [`bgsave`].
    ///
    /// Redis 1.0.
    Writes "SAVE" save() -> ();

    /// Ends the server: its connections end, and that is the answer, so that this call fails with an error that
    /// [`is_lost`](crate::Error::is_lost); else the server did not end, and says why. [`Shutdown`] says whether it
    /// saves.
    ///
    /// Redis 1.0.
    Writes "SHUTDOWN" shutdown() -> () as Shutdown;

    /// Exchanges two data bases under the hands of all clients.
    ///
    /// Redis 4.0.
    Writes "SWAPDB" swapdb(first: u32, second: u32) -> ();

    /// What time the server has.
    ///
    /// Redis 2.6.
    Reads "TIME" time() -> SystemTime = Command::new("TIME").typed_with(unix_seconds_and_micros);
}

options! {
    /// [`bgsave`] with its option.
    Bgsave -> () {
        /// Later, if the log of commands is being written anew. Redis 3.2.2.
        schedule() = "SCHEDULE";
    }

    /// [`lolwut`] with its options.
    Lolwut -> String {
        /// The picture of a version, which has arguments of its own.
        version(version: u32, arguments: impl ToArgs) = "VERSION", version, arguments;
    }

    /// [`shutdown`] with its options.
    Shutdown -> () {
        /// Does not save, whatever the configuration says.
        nosave() = "NOSAVE";
        /// Saves, whatever the configuration says.
        save() = "SAVE";
        /// Does not wait for replicas that lag behind. Redis 7.0.
        now() = "NOW";
        /// Ends whatever goes wrong. Redis 7.0.
        force() = "FORCE";
        /// Does not end after all: takes back a shutdown that is waiting. Redis 7.0.
        abort() = "ABORT";
    }
}

fn unix_seconds(answer: Value) -> Result<SystemTime, Error> {
    since_1970(Duration::from_secs(FromValue::from_value(answer)?))
}

fn unix_seconds_and_micros(answer: Value) -> Result<SystemTime, Error> {
    let (seconds, micros): (u64, u64) = FromValue::from_value(answer)?;
    since_1970(Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros)))
}

fn since_1970(time: Duration) -> Result<SystemTime, Error> {
    let time = SystemTime::UNIX_EPOCH.checked_add(time);
    time.ok_or_else(|| Error::unfit("a time", "one that is too far away"))
}
