//! Ids and entries of streams, as they come and as they are asked for.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::str::FromStr;

use bytes::Bytes;

use crate::{Command, Error, FromValue, ToArg, ToArgs, Value};

/// The id of an entry of a stream: a time, and a number among those of that time. They are in the order of the
/// entries.
///
/// ```
/// use ekiden_redis::commands::EntryId;
///
/// let id: EntryId = "1700000000000-3".parse()?;
/// assert_eq!(id, EntryId::new(1_700_000_000_000, 3));
/// assert!(id > EntryId::new(1_700_000_000_000, 0));
/// # Ok::<(), ekiden_redis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since 1970, unless who adds entries says otherwise.
    pub milliseconds: u64,
    /// Which of that millisecond.
    pub sequence: u64,
}

impl EntryId {
    /// `milliseconds-sequence`.
    pub const fn new(milliseconds: u64, sequence: u64) -> Self {
        Self { milliseconds, sequence }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.sequence)
    }
}

impl FromStr for EntryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = || {
            let (milliseconds, sequence) = text.split_once('-')?;
            Some(Self::new(milliseconds.parse().ok()?, sequence.parse().ok()?))
        };
        parsed().ok_or_else(|| Error::unfit("an id of a stream's entry", "a text that is none"))
    }
}

impl FromValue for EntryId {
    fn from_value(value: Value) -> Result<Self, Error> {
        String::from_value(value)?.parse()
    }
}

impl ToArgs for EntryId {
    fn push_to(&self, command: &mut Command) {
        command.push(self.to_string().as_bytes());
    }
}

impl ToArg for EntryId {}

/// A place in a stream: what is read is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// In front of the first entry.
    Start,
    /// Behind the last entry there is now: what is read is what comes while waiting. Not for
    /// [`xreadgroup`](super::xreadgroup).
    End,
    /// Behind the last entry that the group has given to anybody. Only for [`xreadgroup`](super::xreadgroup).
    New,
    /// Behind that entry. In a group: of those that this consumer was given and has not acknowledged.
    After(EntryId),
}

impl From<EntryId> for Position {
    fn from(id: EntryId) -> Self {
        Self::After(id)
    }
}

impl ToArgs for Position {
    fn push_to(&self, command: &mut Command) {
        match self {
            Self::Start => command.push(b"0"),
            Self::End => command.push(b"$"),
            Self::New => command.push(b">"),
            Self::After(id) => id.push_to(command),
        }
    }
}

impl ToArg for Position {}

/// An entry of a stream: its id, and fields with values in the order in which they were added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its fields, of which one may come more than once. None if [`is_deleted`](Self::is_deleted).
    pub fields: Vec<(Bytes, Bytes)>,
    /// Whether the entry itself is gone: one that was given to a consumer and taken out since. It can still be
    /// acknowledged.
    pub is_deleted: bool,
}

impl Entry {
    /// The value of the first field with that name; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the value is no `V`.
    pub fn get<V: FromValue>(&self, field: &str) -> Result<Option<V>, Error> {
        let found = self.fields.iter().find(|(known, _)| known == field);
        found.map(|(_, value)| V::from_value(Value::Bulk(value.clone()))).transpose()
    }

    /// All fields together as a map, a `Vec` of pairs, or any type that says how it is made of such.
    ///
    /// # Errors
    ///
    /// If they are no `T`.
    pub fn fields_as<T: FromValue>(&self) -> Result<T, Error> {
        let bulk = |bytes: &Bytes| Value::Bulk(bytes.clone());
        T::from_value(Value::Map(
            self.fields.iter().map(|(field, value)| (bulk(field), bulk(value))).collect(),
        ))
    }
}

impl FromValue for Entry {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (id, fields): (EntryId, Option<Vec<(Bytes, Bytes)>>) = FromValue::from_value(value)?;
        Ok(Self { id, is_deleted: fields.is_none(), fields: fields.unwrap_or_default() })
    }
}

/// The two ends of a range of ids as the wire wants them.
pub(super) fn id_range(ids: &impl RangeBounds<EntryId>) -> (String, String) {
    let end = |bound: Bound<&EntryId>, none: &str| match bound {
        Bound::Included(id) => id.to_string(),
        Bound::Excluded(id) => format!("({id}"),
        Bound::Unbounded => none.to_owned(),
    };
    (end(ids.start_bound(), "-"), end(ids.end_bound(), "+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_two_numbers() {
        for text in ["0-0", "1-2", "18446744073709551615-18446744073709551615"] {
            assert_eq!(text.parse::<EntryId>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1-", "-1", "1-2-3", "1-x", "18446744073709551616-0"] {
            assert!(text.parse::<EntryId>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_end_of_a_range_is_in_or_out() {
        let (one, two) = (EntryId::new(1, 0), EntryId::new(2, 0));
        let text = |(from, to): (String, String)| format!("{from} {to}");
        assert_eq!(text(id_range(&..)), "- +");
        assert_eq!(text(id_range(&(one..two))), "1-0 (2-0");
        assert_eq!(text(id_range(&(one..=two))), "1-0 2-0");
        assert_eq!(text(id_range(&(Bound::Excluded(one), Bound::Unbounded))), "(1-0 +");
    }

    #[test]
    fn an_entry_that_was_taken_out_has_no_fields() {
        let entry = Entry::from_value(Value::from(vec![Value::from("1-0"), Value::Nil])).unwrap();
        assert_eq!((entry.is_deleted, entry.fields.len()), (true, 0));
        let fields = Value::from(vec!["a", "1", "b", "2"]);
        let entry = Entry::from_value(Value::from(vec![Value::from("1-0"), fields])).unwrap();
        assert_eq!(entry.get::<i64>("b").unwrap(), Some(2));
        assert_eq!(entry.get::<i64>("c").unwrap(), None);
        assert_eq!(
            entry.fields_as::<Vec<(String, i64)>>().unwrap(),
            [("a".to_owned(), 1), ("b".to_owned(), 2)]
        );
    }
}
