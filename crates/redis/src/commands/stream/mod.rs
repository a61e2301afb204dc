//! Streams: entries with an id each, in the order of their ids, and groups of consumers that share them.
//!
//! ```text
//!   xadd ──► 5-0 6-0 7-0 ──► xread        everybody has each entry
//!                 │
//!                 └────────► xreadgroup   each entry goes to one consumer of the group, and is
//!                            xack         pending until it is acknowledged; what a consumer that
//!                            xautoclaim   died has pending another one claims
//! ```
//!
//! In reading order: `entry` has ids and entries, as they come and as they are asked for; this page has the stream
//! itself; `group` has groups of consumers, `pending` what they have not acknowledged, `info` what the server knows
//! of all that.

mod entry;
pub(super) mod group;
pub(super) mod pending;
pub(super) mod info;

use std::ops::RangeBounds;

use bytes::Bytes;

use crate::commands::Wait;
use crate::commands::record::or_empty;
use crate::commands::table::{commands, options};
use crate::{Command, ToArg, ToArgs};

pub use entry::*;
pub use group::*;
pub use info::*;
pub use pending::*;

commands! { stream_methods;
    /// Adds an entry with these fields, such as `[("name", "ada"), ("born", "1815")]`, under an id of the server's
    /// making. Answers the id. [`Xadd`] trims the stream, and makes none if there is none.
    ///
    /// Redis 5.0.
    Writes "XADD" xadd(key: impl ToArg, fields: impl ToArgs) -> EntryId as Xadd<EntryId> =
        Command::new("XADD").arg(key).arg("*").arg(fields);

    /// As [`xadd`], under an id that you say: an [`EntryId`], higher than any before, or a text such as `5-*`.
    ///
    /// Redis 5.0; `5-*` 7.0.
    Writes "XADD" xadd_id(key: impl ToArg, id: impl ToArg, fields: impl ToArgs) -> EntryId as Xadd<EntryId>;

    /// Takes entries out. Answers how many there were.
    ///
    /// Redis 5.0.
    Writes "XDEL" xdel(key: impl ToArg, ids: impl ToArgs) -> u64;

    /// How many entries there are; 0 if there is no such key.
    ///
    /// Redis 5.0.
    Reads "XLEN" xlen(key: impl ToArg) -> u64;

    /// The entries with an id in a range, from the oldest: `..` is all, `id..` those from one on. [`Xrange`] has how
    /// many.
    ///
    /// Redis 5.0; an end that is out 6.2.
    Reads "XRANGE" xrange(key: impl ToArg, ids: impl RangeBounds<EntryId>) -> Vec<Entry> as Xrange = {
        let (from, to) = id_range(&ids);
        Command::new("XRANGE").arg(key).arg(from).arg(to)
    };

    /// The entries of streams that are newer than a position in each: `xread([("a", Position::End), ("b",
    /// id.into())])`. Answers the streams that have any. [`Xread`] waits for some, and says how many.
    ///
    /// Redis 5.0.
    Reads "XREAD" xread(
        streams: impl IntoIterator<Item = (impl ToArg, impl Into<Position>)>,
    ) -> Vec<(Bytes, Vec<Entry>)> as Xread = Command::new("XREAD").arg("STREAMS").arg(keys_and_positions(streams));

    /// The entries with an id in a range, from the newest. [`Xrange`] has how many.
    ///
    /// Redis 5.0; an end that is out 6.2.
    Reads "XREVRANGE" xrevrange(key: impl ToArg, ids: impl RangeBounds<EntryId>) -> Vec<Entry> as Xrange = {
        let (from, to) = id_range(&ids);
        Command::new("XREVRANGE").arg(key).arg(to).arg(from)
    };

    /// Says what the last id is, from which the next must be higher: for those who copy streams. [`Xsetid`] has more
    /// of that.
    ///
    /// Redis 5.0.
    Writes "XSETID" xsetid(key: impl ToArg, last_id: EntryId) -> () as Xsetid;

    /// Takes out the oldest entries, as `trim` says. Answers how many.
    ///
    /// Redis 5.0.
    Writes "XTRIM" xtrim(key: impl ToArg, trim: Trim) -> u64;
}

options! {
    /// [`xadd`] with its options.
    Xadd<R> at 2 -> R {
        /// Takes out the oldest entries then. A stream that is added to for ever should have this.
        trim(trim: Trim) = trim;
    }

    /// [`xrange`] and [`xrevrange`] with their option.
    Xrange -> Vec<Entry> {
        /// No more than so many.
        count(count: u64) = "COUNT", count;
    }

    /// [`xread`] with its options.
    Xread at 1 -> Vec<(Bytes, Vec<Entry>)> = or_empty {
        /// No more than so many of each stream.
        count(count: u64) = "COUNT", count;
        /// Waits for entries if there are none, which takes a connection of its own; none if there came none in time.
        block(wait: impl Into<Wait>) = "BLOCK", wait.into().milliseconds();
    }

    /// [`xsetid`] with its options. Redis 7.0.
    Xsetid -> () {
        /// How many entries were ever added.
        entriesadded(entries: u64) = "ENTRIESADDED", entries;
        /// The highest id that was taken out.
        maxdeletedid(id: EntryId) = "MAXDELETEDID", id;
    }
}

impl Xadd<EntryId> {
    /// Makes no stream if there is none: the answer is `None` then. Redis 6.2.
    pub fn nomkstream(self) -> Xadd<Option<EntryId>> {
        self.with("NOMKSTREAM").answering()
    }
}

/// Which entries of a stream are too old.
///
/// ```
/// use ekiden_redis::commands::{EntryId, Trim, xadd};
/// use ekiden_redis::{IntoTyped, Typed};
///
/// let add: Typed<EntryId> = xadd("events", ("kind", "start")).trim(Trim::maxlen(1000).about()).into_typed();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    limit: TrimLimit,
    is_about: bool,
    evicted_max: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrimLimit {
    Length(u64),
    Id(EntryId),
}

impl Trim {
    /// All but so many of the newest.
    pub const fn maxlen(entries: u64) -> Self {
        Self { limit: TrimLimit::Length(entries), is_about: false, evicted_max: None }
    }

    /// All with a lower id. Redis 6.2.
    pub const fn minid(id: EntryId) -> Self {
        Self { limit: TrimLimit::Id(id), is_about: false, evicted_max: None }
    }

    /// Leaves some that are too old where that saves work, which is much cheaper.
    pub const fn about(mut self) -> Self {
        self.is_about = true;
        self
    }

    /// No more than about so many at once. Implies [`about`](Self::about), as Redis wants. Redis 6.2.
    pub const fn limit(mut self, evicted_max: u64) -> Self {
        self.evicted_max = Some(evicted_max);
        self.about()
    }
}

impl ToArgs for Trim {
    fn push_to(&self, command: &mut Command) {
        let about = if self.is_about { "~" } else { "=" };
        match self.limit {
            TrimLimit::Length(entries) => ("MAXLEN", (about, entries)).push_to(command),
            TrimLimit::Id(id) => ("MINID", (about, id)).push_to(command),
        }
        self.evicted_max.map(|evicted_max| ("LIMIT", evicted_max)).push_to(command);
    }
}

/// All keys, and then all positions.
fn keys_and_positions(
    streams: impl IntoIterator<Item = (impl ToArg, impl Into<Position>)>,
) -> (Vec<impl ToArg>, Vec<Position>) {
    streams.into_iter().map(|(key, position)| (key, position.into())).unzip()
}
