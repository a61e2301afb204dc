//! Groups of consumers: each entry of a stream is given to one consumer of a group.

use bytes::Bytes;

use crate::commands::record::or_empty;
use crate::commands::table::{commands, options};
use crate::commands::{Entry, Position, Wait};
use crate::{Command, ToArg, ToArgs};

use super::keys_and_positions;

commands! { stream_group_methods;
    /// Acknowledges entries: they are pending no longer. Answers how many were.
    ///
    /// Redis 5.0.
    Writes "XACK" xack(key: impl ToArg, group: impl ToArg, ids: impl ToArgs) -> u64;

    /// Makes a group, which is given what comes behind a position: [`Position::End`] is what is new from now on,
    /// [`Position::Start`] all. An error (`BUSYGROUP`) if there is such a group, and if there is no stream, unless
    /// [`XgroupCreate`] says otherwise.
    ///
    /// Redis 5.0.
    Writes "XGROUP CREATE" xgroup_create(
        key: impl ToArg, group: impl ToArg, position: impl Into<Position>,
    ) -> () as XgroupCreate = Command::new("XGROUP CREATE").arg(key).arg(group).arg(position.into());

    /// Makes a consumer, which else is made when it first reads. Answers whether it is new.
    ///
    /// Redis 6.2.
    Writes "XGROUP CREATECONSUMER" xgroup_createconsumer(
        key: impl ToArg, group: impl ToArg, consumer: impl ToArg,
    ) -> bool;

    /// Takes a consumer away. Answers how many entries it had pending: they are lost, so claim them first.
    ///
    /// Redis 5.0.
    Writes "XGROUP DELCONSUMER" xgroup_delconsumer(
        key: impl ToArg, group: impl ToArg, consumer: impl ToArg,
    ) -> u64;

    /// Takes a group away with all that is pending. Answers whether there was one.
    ///
    /// Redis 5.0.
    Writes "XGROUP DESTROY" xgroup_destroy(key: impl ToArg, group: impl ToArg) -> bool;

    /// Says behind which position the group goes on. [`XgroupSetid`] says how many entries that is.
    ///
    /// Redis 5.0.
    Writes "XGROUP SETID" xgroup_setid(
        key: impl ToArg, group: impl ToArg, position: impl Into<Position>,
    ) -> () as XgroupSetid = Command::new("XGROUP SETID").arg(key).arg(group).arg(position.into());

    /// Reads as a consumer of a group: what nobody of it was given yet, [`Position::New`], which is pending then
    /// until [`xack`]; or, behind a position, what this consumer has pending. Answers the streams that have any.
    /// [`Xreadgroup`] waits for some, and says how many.
    ///
    /// ```no_run
    /// # use ekiden_redis::{Ask, Commands, Error};
    /// # use ekiden_redis::commands::{Position, xreadgroup};
    /// # use std::time::Duration;
    /// # async fn work(client: impl Commands<Error = Error>) -> Result<(), Error> {
    /// let read = xreadgroup("workers", "me", [("jobs", Position::New)]).count(10).block(Duration::from_secs(5));
    /// for (_stream, entries) in client.ask(read).await? {
    ///     for entry in entries {
    ///         println!("{:?}", entry.get::<String>("kind")?);
    ///         client.xack("jobs", "workers", entry.id).await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Redis 5.0.
    Writes "XREADGROUP" xreadgroup(
        group: impl ToArg, consumer: impl ToArg, streams: impl IntoIterator<Item = (impl ToArg, impl Into<Position>)>,
    ) -> Vec<(Bytes, Vec<Entry>)> as Xreadgroup = {
        let reader = Command::new("XREADGROUP").arg("GROUP").arg(group).arg(consumer);
        reader.arg("STREAMS").arg(keys_and_positions(streams))
    };
}

options! {
    /// [`xgroup_create`] with its options.
    XgroupCreate -> () {
        /// Makes a stream without entries if there is none.
        mkstream() = "MKSTREAM";
        /// How many entries that position is behind, for the lag that the server tells. Redis 7.0.
        entriesread(entries: u64) = "ENTRIESREAD", entries;
    }

    /// [`xgroup_setid`] with its option.
    XgroupSetid -> () {
        /// How many entries that position is behind, for the lag that the server tells. Redis 7.0.
        entriesread(entries: u64) = "ENTRIESREAD", entries;
    }

    /// [`xreadgroup`] with its options.
    Xreadgroup at 4 -> Vec<(Bytes, Vec<Entry>)> = or_empty {
        /// No more than so many of each stream.
        count(count: u64) = "COUNT", count;
        /// Waits for entries if there are none, which takes a connection of its own; none if there came none in time.
        block(wait: impl Into<Wait>) = "BLOCK", wait.into().milliseconds();
        /// They count as acknowledged at once, whatever becomes of them.
        noack() = "NOACK";
    }
}
