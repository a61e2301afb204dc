//! What consumers were given and have not acknowledged, and how others claim it.

use std::ops::RangeBounds;
use std::time::Duration;

use bytes::Bytes;

use crate::commands::table::{commands, options};
use crate::commands::{Entry, EntryId};
use crate::{Command, Error, FromValue, ToArg, ToArgs, Value};

use super::entry::id_range;

commands! { stream_pending_methods;
    /// Claims entries that have been pending for at least so long, from an id on, which is `EntryId::default()` at
    /// first. Answers them, and where to go on. [`Xautoclaim`] has how many, and ids alone.
    ///
    /// Redis 6.2.
    Writes "XAUTOCLAIM" xautoclaim(
        key: impl ToArg, group: impl ToArg, consumer: impl ToArg, min_idle: Duration, start: EntryId,
    ) -> Claimed<Entry> as Xautoclaim<Claimed<Entry>> = {
        let to = Command::new("XAUTOCLAIM").arg(key).arg(group).arg(consumer);
        to.arg(milliseconds(min_idle)).arg(start)
    };

    /// Claims these entries, as far as they have been pending for at least so long. Answers them. [`Xclaim`] has ids
    /// alone, and what is told of them from now on.
    ///
    /// Redis 5.0.
    Writes "XCLAIM" xclaim(
        key: impl ToArg, group: impl ToArg, consumer: impl ToArg, min_idle: Duration, ids: impl ToArgs,
    ) -> Vec<Entry> as Xclaim<Vec<Entry>> = {
        let to = Command::new("XCLAIM").arg(key).arg(group).arg(consumer);
        to.arg(milliseconds(min_idle)).arg(ids)
    };

    /// How many entries are pending, and of whom.
    ///
    /// Redis 5.0.
    Reads "XPENDING" xpending(key: impl ToArg, group: impl ToArg) -> PendingSummary;

    /// What is pending in a range of ids, no more than so many. [`XpendingRange`] has one consumer only, and since
    /// how long.
    ///
    /// Redis 5.0; an end that is out 6.2.
    Reads "XPENDING" xpending_range(
        key: impl ToArg, group: impl ToArg, ids: impl RangeBounds<EntryId>, count: u64,
    ) -> Vec<Pending> as XpendingRange = Command::new("XPENDING").arg(key).arg(group).arg((id_range(&ids), count));
}

options! {
    /// [`xautoclaim`] with its options.
    Xautoclaim<R> -> R {
        /// Looks at no more than so many; 100 unless said.
        count(count: u64) = "COUNT", count;
    }

    /// [`xclaim`] with its options.
    Xclaim<R> -> R {
        /// For how long they count as pending; not at all unless said.
        idle(time: Duration) = "IDLE", milliseconds(time);
        /// Since when they count as pending, in milliseconds since 1970.
        time(unix_milliseconds: u64) = "TIME", unix_milliseconds;
        /// How often they count as given; once more than before unless said.
        retrycount(times: u64) = "RETRYCOUNT", times;
        /// Also such as were given to nobody.
        force() = "FORCE";
        /// Behind which id the group goes on, if that is higher than before.
        lastid(id: EntryId) = "LASTID", id;
    }

    /// [`xpending_range`] with its options.
    XpendingRange at 3 -> Vec<Pending> {
        /// Only those that have been pending for at least so long. Redis 6.2.
        idle(time: Duration) = "IDLE", milliseconds(time);
    }
}

impl Xautoclaim<Claimed<Entry>> {
    /// Answers ids alone, and does not count as giving them.
    pub fn justid(self) -> Xautoclaim<Claimed<EntryId>> {
        self.with("JUSTID").answering()
    }
}

impl Xclaim<Vec<Entry>> {
    /// Answers ids alone, and does not count as giving them.
    pub fn justid(self) -> Xclaim<Vec<EntryId>> {
        self.with("JUSTID").answering()
    }
}

impl XpendingRange {
    /// Only what that consumer has pending.
    pub fn consumer(mut self, consumer: impl ToArg) -> Self {
        self.command = self.command.arg(consumer);
        self
    }
}

/// What [`xautoclaim`] claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed<T> {
    /// From which id to go on; `EntryId::default()` if all were looked at.
    pub next: EntryId,
    /// What was claimed.
    pub entries: Vec<T>,
    /// Entries that are gone, and are pending no longer. Redis 7.0.
    pub deleted: Vec<EntryId>,
}

impl<T: FromValue> FromValue for Claimed<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        let mut parts = Vec::<Value>::from_value(value)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        let (next, entries) = (EntryId::from_value(part())?, Vec::<Option<T>>::from_value(part())?);
        let deleted = Option::from_value(part())?.unwrap_or_default();
        // Redis 6.2 has nil for an entry that is gone.
        Ok(Self { next, entries: entries.into_iter().flatten().collect(), deleted })
    }
}

/// How many entries are pending, of [`xpending`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingSummary {
    /// How many.
    pub count: u64,
    /// The lowest and the highest id of them; `None` if there are none.
    pub ids: Option<(EntryId, EntryId)>,
    /// How many of each consumer that has any.
    pub consumers: Vec<(Bytes, u64)>,
}

impl FromValue for PendingSummary {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (count, lowest, highest, consumers): (_, Option<_>, _, Option<_>) = FromValue::from_value(value)?;
        Ok(Self { count, ids: lowest.zip(highest), consumers: consumers.unwrap_or_default() })
    }
}

/// An entry that is pending, of [`xpending_range`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// Its id.
    pub id: EntryId,
    /// Who was given it.
    pub consumer: Bytes,
    /// How long ago.
    pub idle: Duration,
    /// How often it was given to anybody.
    pub times: u64,
}

impl FromValue for Pending {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (id, consumer, idle, times) = FromValue::from_value(value)?;
        Ok(Self { id, consumer, idle: Duration::from_millis(idle), times })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
