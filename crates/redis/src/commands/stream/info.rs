//! What the server knows of a stream, its groups and their consumers.

use bytes::Bytes;

use crate::commands::table::{commands, options, records};
use crate::commands::{Entry, EntryId};
use crate::{Command, Error, FromValue, ToArg, Value};

commands! { stream_info_methods;
    /// The consumers of a group.
    ///
    /// Redis 5.0.
    Reads "XINFO CONSUMERS" xinfo_consumers(key: impl ToArg, group: impl ToArg) -> Vec<ConsumerInfo>;

    /// The groups of a stream.
    ///
    /// Redis 5.0.
    Reads "XINFO GROUPS" xinfo_groups(key: impl ToArg) -> Vec<GroupInfo>;

    /// A stream. An error if there is none.
    ///
    /// Redis 5.0.
    Reads "XINFO STREAM" xinfo_stream(key: impl ToArg) -> StreamInfo;

    /// A stream with its entries, its groups, their consumers, and what is pending of each; ten of each kind unless
    /// [`XinfoStreamFull`] says how many. An error if there is none.
    ///
    /// Redis 6.0.
    Reads "XINFO STREAM" xinfo_stream_full(key: impl ToArg) -> FullStreamInfo as XinfoStreamFull =
        Command::new("XINFO STREAM").arg(key).arg("FULL");
}

options! {
    /// [`xinfo_stream_full`] with its option.
    XinfoStreamFull -> FullStreamInfo {
        /// No more than so many of each kind; all if 0.
        count(count: u64) = "COUNT", count;
    }
}

records! {
    /// A consumer, of [`xinfo_consumers`].
    ConsumerInfo {
        /// Its name.
        name: Bytes = "name",
        /// How many entries it has pending.
        pending: u64 = "pending",
        /// For how many milliseconds it has asked for nothing.
        idle_milliseconds: u64 = "idle",
    }

    /// A group, of [`xinfo_groups`].
    GroupInfo {
        /// Its name.
        name: Bytes = "name",
        /// How many consumers it has.
        consumers: u64 = "consumers",
        /// How many entries are pending.
        pending: u64 = "pending",
        /// The last entry that was given to anybody.
        last_delivered_id: EntryId = "last-delivered-id",
        /// How many entries were, if the server knows. Redis 7.0.
        entries_read: Option<u64> = "entries-read",
        /// How many entries are left, if the server knows. Below 0 where the group was told to have read more than there were
        /// ([`entriesread`](crate::commands::XgroupSetid::entriesread)). Redis 7.0.
        lag: Option<i64> = "lag",
    }

    /// A stream, of [`xinfo_stream`].
    StreamInfo {
        /// How many entries it has.
        length: u64 = "length",
        /// How many keys the tree has in which it is kept.
        radix_tree_keys: u64 = "radix-tree-keys",
        /// How many nodes that tree has.
        radix_tree_nodes: u64 = "radix-tree-nodes",
        /// How many groups it has.
        groups: u64 = "groups",
        /// The highest id that it ever had.
        last_generated_id: EntryId = "last-generated-id",
        /// The highest id that was taken out. Redis 7.0.
        max_deleted_entry_id: Option<EntryId> = "max-deleted-entry-id",
        /// How many entries were ever added. Redis 7.0.
        entries_added: Option<u64> = "entries-added",
        /// The id of the first entry, as the server keeps it. Redis 7.0.
        recorded_first_entry_id: Option<EntryId> = "recorded-first-entry-id",
        /// The first entry.
        first_entry: Option<Entry> = "first-entry",
        /// The last entry.
        last_entry: Option<Entry> = "last-entry",
    }

    /// A stream with all that belongs to it, of [`xinfo_stream_full`].
    FullStreamInfo {
        /// How many entries it has.
        length: u64 = "length",
        /// How many keys the tree has in which it is kept.
        radix_tree_keys: u64 = "radix-tree-keys",
        /// How many nodes that tree has.
        radix_tree_nodes: u64 = "radix-tree-nodes",
        /// The highest id that it ever had.
        last_generated_id: EntryId = "last-generated-id",
        /// The highest id that was taken out. Redis 7.0.
        max_deleted_entry_id: Option<EntryId> = "max-deleted-entry-id",
        /// How many entries were ever added. Redis 7.0.
        entries_added: Option<u64> = "entries-added",
        /// The id of the first entry, as the server keeps it. Redis 7.0.
        recorded_first_entry_id: Option<EntryId> = "recorded-first-entry-id",
        /// The first entries.
        entries: Vec<Entry> = "entries",
        /// The groups.
        groups: Vec<FullGroupInfo> = "groups",
    }

    /// A group with all that belongs to it.
    FullGroupInfo {
        /// Its name.
        name: Bytes = "name",
        /// The last entry that was given to anybody.
        last_delivered_id: EntryId = "last-delivered-id",
        /// How many entries were, if the server knows. Redis 7.0.
        entries_read: Option<u64> = "entries-read",
        /// How many entries are left, if the server knows. Below 0 where the group was told to have read more than there were
        /// ([`entriesread`](crate::commands::XgroupSetid::entriesread)). Redis 7.0.
        lag: Option<i64> = "lag",
        /// How many entries are pending.
        pel_count: u64 = "pel-count",
        /// The first that are pending.
        pending: Vec<GroupPending> = "pending",
        /// The consumers.
        consumers: Vec<FullConsumerInfo> = "consumers",
    }

    /// A consumer with all that belongs to it.
    FullConsumerInfo {
        /// Its name.
        name: Bytes = "name",
        /// When it last asked for anything, in milliseconds since 1970.
        seen_time: u64 = "seen-time",
        /// How many entries it has pending.
        pel_count: u64 = "pel-count",
        /// The first that it has pending.
        pending: Vec<ConsumerPending> = "pending",
    }
}

/// An entry that is pending in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupPending {
    /// Its id.
    pub id: EntryId,
    /// Who was given it.
    pub consumer: Bytes,
    /// When, in milliseconds since 1970.
    pub delivery_time: u64,
    /// How often it was given to anybody.
    pub times: u64,
}

/// An entry that a consumer has pending.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerPending {
    /// Its id.
    pub id: EntryId,
    /// When it was given it, in milliseconds since 1970.
    pub delivery_time: u64,
    /// How often it was given to anybody.
    pub times: u64,
}

impl FromValue for GroupPending {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (id, consumer, delivery_time, times) = FromValue::from_value(value)?;
        Ok(Self { id, consumer, delivery_time, times })
    }
}

impl FromValue for ConsumerPending {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (id, delivery_time, times) = FromValue::from_value(value)?;
        Ok(Self { id, delivery_time, times })
    }
}
