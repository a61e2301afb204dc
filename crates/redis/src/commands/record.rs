//! Answers that name their parts, while they are taken apart: [`Record`]. And the shapes that answers share.

use bytes::Bytes;

use crate::{Error, FromValue, Value};

/// The named parts of an answer: a map, or names and values in turn.
pub(super) struct Record {
    parts: Vec<(Bytes, Value)>,
}

impl Record {
    /// The part with that name, which is nil if there is none.
    pub(super) fn take<T: FromValue>(&mut self, name: &str) -> Result<T, Error> {
        let part = self.parts.iter_mut().find(|(known, _)| known == name);
        T::from_value(part.map_or(Value::Nil, |(_, value)| std::mem::replace(value, Value::Nil)))
    }
}

impl FromValue for Record {
    fn from_value(value: Value) -> Result<Self, Error> {
        Ok(Self { parts: FromValue::from_value(value)? })
    }
}

/// Many, of which none at all may come as nil.
pub(super) fn or_empty<T: FromValue>(value: Value) -> Result<Vec<T>, Error> {
    Ok(Option::from_value(value)?.unwrap_or_default())
}

/// One, of which none may come as an array without any.
pub(super) fn or_none<T: FromValue>(value: Value) -> Result<Option<T>, Error> {
    match value {
        Value::Array(values) if values.is_empty() => Ok(None),
        value => FromValue::from_value(value),
    }
}

/// A count, of which -1 and 0 mean that there was nothing to do it to.
pub(super) fn if_positive(value: Value) -> Result<Option<u64>, Error> {
    let count = i64::from_value(value)?;
    Ok(u64::try_from(count).ok().filter(|count| *count > 0))
}

/// The numbers that Redis gives as such or as a text, in an answer that has -1 for none.
pub(super) fn if_natural(value: Value) -> Result<Option<u64>, Error> {
    Ok(u64::try_from(i64::from_value(value)?).ok())
}
