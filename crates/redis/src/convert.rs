//! What an answer becomes in a program: [`FromValue`].
//!
//! The same answer comes in two shapes, that of RESP2 and that of RESP3; each of these takes both. They are strict
//! otherwise: what is no number is no zero, and nil is not an empty string.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::Error;
use crate::value::{ServerError, Value};

/// What an answer can be turned into.
///
/// ```
/// use ekiden_redis::{FromValue, Value};
///
/// let answer = Value::from(vec![Value::from("ada"), Value::from("1815")]);
/// let born: Vec<(String, u32)> = FromValue::from_value(answer)?;
/// assert_eq!(born, [("ada".to_owned(), 1815)]);
///
/// assert_eq!(Option::<i64>::from_value(Value::Nil)?, None);
/// assert!(i64::from_value(Value::from("many")).is_err());
/// # Ok::<(), ekiden_redis::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the answer of a Redis command does not become a `{Self}`",
    label = "this must implement `FromValue`",
    note = "for bytes take `Bytes` and not `Vec<u8>`; for an answer as it came take `Value`"
)]
pub trait FromValue: Sized {
    /// Makes one of an answer.
    ///
    /// # Errors
    ///
    /// If the answer is of another type, says so: see [`Mismatch`](crate::Mismatch). If it is or holds an error of the
    /// server, that.
    fn from_value(value: Value) -> Result<Self, Error>;

    /// Makes many of the values of an array or set. It is asked for so that pairs may stand in turn.
    ///
    /// # Errors
    ///
    /// As [`from_value`](Self::from_value).
    fn from_list(values: Vec<Value>) -> Result<Vec<Self>, Error> {
        values.into_iter().map(Self::from_value).collect()
    }

    /// Makes many of the pairs of a map. Unless they are pairs themselves, of keys and values in turn.
    ///
    /// # Errors
    ///
    /// As [`from_value`](Self::from_value).
    fn from_pairs(pairs: Vec<(Value, Value)>) -> Result<Vec<Self>, Error> {
        Self::from_list(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect())
    }
}

/// The answer as it came.
impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, Error> {
        Ok(value)
    }
}

/// Whatever the answer is, if it is no error: for commands that answer `OK`.
impl FromValue for () {
    fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Error(error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Whether it was done: 1 and `OK` are true, 0 and nil are false.
impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Boolean(is) => Ok(is),
            Value::Integer(0) | Value::Nil => Ok(false),
            Value::Integer(1) => Ok(true),
            Value::Status(status) if status == "OK" => Ok(true),
            value => Err(Error::mismatch("a boolean", &value)),
        }
    }
}

macro_rules! numbers_are_parsed {
    ($wanted:literal: $($type:ty),*) => {$(
        /// A number, or a text that is one.
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, Error> {
                match value {
                    value if value.is_queued() => Err(Error::mismatch($wanted, &value)),
                    Value::Integer(number) => {
                        Self::try_from(number).map_err(|_| Error::unfit($wanted, "an integer out of its range"))
                    }
                    Value::Bulk(text) | Value::Status(text) | Value::BigNumber(text) => str::from_utf8(&text)
                        .ok()
                        .and_then(|text| text.parse().ok())
                        .ok_or_else(|| Error::unfit($wanted, "a text that is none")),
                    value => Err(Error::mismatch($wanted, &value)),
                }
            }
        }
    )*};
}

// Not u8, or a `Vec<u8>` would be an array of numbers to the compiler and bytes to whoever writes it.
numbers_are_parsed!("an integer": i64, u64, i32, u32, i16, u16, usize, isize, i128, u128);

/// A number, or a text that is one.
impl FromValue for f64 {
    fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            value if value.is_queued() => Err(Error::mismatch("a number", &value)),
            Value::Double(number) => Ok(number),
            Value::Integer(number) => Ok(number as Self),
            // "inf", "-inf" and "nan" are read as such.
            Value::Bulk(text) | Value::Status(text) | Value::BigNumber(text) => str::from_utf8(&text)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| Error::unfit("a number", "a text that is none")),
            value => Err(Error::mismatch("a number", &value)),
        }
    }
}

/// A text, which must be UTF-8. Numbers are none: ask for them as such. Nor is what stands for an answer that comes later.
impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            value if value.is_queued() => Err(Error::mismatch("a text", &value)),
            Value::Bulk(text)
            | Value::Status(text)
            | Value::BigNumber(text)
            | Value::Verbatim { text, .. } => {
                Self::from_utf8(text.into()).map_err(|_| Error::unfit("a text", "bytes that are no UTF-8"))
            }
            value => Err(Error::mismatch("a text", &value)),
        }
    }
}

/// Bytes, whatever they are. What stands for an answer that comes later is none.
impl FromValue for Bytes {
    fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            value if value.is_queued() => Err(Error::mismatch("bytes", &value)),
            Value::Bulk(bytes) | Value::Status(bytes) | Value::BigNumber(bytes) => Ok(bytes),
            Value::Verbatim { text, .. } => Ok(text),
            value => Err(Error::mismatch("bytes", &value)),
        }
    }
}

/// Nil is `None`.
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        if value.is_nil() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// An error of the server is `Err`: for answers among others, of which one may fail.
impl<T: FromValue> FromValue for Result<T, ServerError> {
    fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Error(error) => Ok(Err(error)),
            value => T::from_value(value).map(Ok),
        }
    }
}

/// An array, a set, or a map. A map is pairs, or keys and values in turn.
impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Array(values) | Value::Set(values) | Value::Push(values) => T::from_list(values),
            Value::Map(pairs) => T::from_pairs(pairs),
            value => Err(Error::mismatch("an array", &value)),
        }
    }
}

/// A map, or an array of pairs, or of keys and values in turn. Of a key that comes twice the last holds.
impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn from_value(value: Value) -> Result<Self, Error> {
        Vec::<(K, V)>::from_value(value).map(Self::from_iter)
    }
}

/// An array of two. Many are a map, an array of such, or firsts and seconds in turn.
impl<A: FromValue, B: FromValue> FromValue for (A, B) {
    fn from_value(value: Value) -> Result<Self, Error> {
        let [first, second] = values_of(value, "an array of two")?;
        Ok((A::from_value(first)?, B::from_value(second)?))
    }

    fn from_list(values: Vec<Value>) -> Result<Vec<Self>, Error> {
        if let Some(Value::Array(_)) = values.first() {
            return values.into_iter().map(Self::from_value).collect();
        }
        if !values.len().is_multiple_of(2) {
            return Err(Error::unfit("pairs", "an array of odd length"));
        }
        let mut pairs = Vec::with_capacity(values.len() / 2);
        let mut values = values.into_iter();
        while let (Some(first), Some(second)) = (values.next(), values.next()) {
            pairs.push((A::from_value(first)?, B::from_value(second)?));
        }
        Ok(pairs)
    }

    fn from_pairs(pairs: Vec<(Value, Value)>) -> Result<Vec<Self>, Error> {
        pairs.into_iter().map(|(first, second)| Ok((A::from_value(first)?, B::from_value(second)?))).collect()
    }
}

macro_rules! tuples_are_arrays {
    ($($wanted:literal: $($name:ident)*;)*) => {$(
        /// An array of exactly as many.
        impl<$($name: FromValue),*> FromValue for ($($name,)*) {
            #[expect(non_snake_case, reason = "each value is named as its type")]
            fn from_value(value: Value) -> Result<Self, Error> {
                let [$($name),*] = values_of(value, $wanted)?;
                Ok(($($name::from_value($name)?,)*))
            }
        }
    )*};
}

tuples_are_arrays! {
    "an array of one": A;
    "an array of three": A B C;
    "an array of four": A B C D;
    "an array of five": A B C D E;
    "an array of six": A B C D E F;
}

/// The values of an array of exactly `N`.
fn values_of<const N: usize>(value: Value, wanted: &'static str) -> Result<[Value; N], Error> {
    match value {
        Value::Array(values) | Value::Push(values) => {
            values.try_into().map_err(|_| Error::unfit(wanted, "an array of another length"))
        }
        value => Err(Error::mismatch(wanted, &value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn check<T: FromValue + PartialEq + Debug>(value: impl Into<Value>, expect: T) {
        let value = value.into();
        assert_eq!(T::from_value(value.clone()).unwrap(), expect, "{value:?}");
    }

    fn refuse<T: FromValue + Debug>(value: impl Into<Value>, told: &str) {
        let value = value.into();
        assert_eq!(T::from_value(value.clone()).unwrap_err().to_string(), told, "{value:?}");
    }

    fn ints(numbers: &[i64]) -> Value {
        Value::Array(numbers.iter().copied().map(Value::Integer).collect())
    }

    #[test]
    fn numbers_are_numbers_or_texts_that_are() {
        check(7, 7i64);
        check("-7", -7i32);
        check(Value::BigNumber("18446744073709551616".into()), 18_446_744_073_709_551_616_u128);
        check("3.25", 3.25);
        check(3, 3.0);
        check(Value::Double(f64::INFINITY), f64::INFINITY);
        check("-inf", f64::NEG_INFINITY);
        refuse::<u16>(70_000, "an integer was wanted, and the answer is an integer out of its range");
        refuse::<i64>("7 ", "an integer was wanted, and the answer is a text that is none");
        refuse::<i64>(Value::Nil, "an integer was wanted, and the answer is nil");
        refuse::<f64>(true, "a number was wanted, and the answer is a boolean");
    }

    #[test]
    fn texts_are_utf8_and_bytes_need_not_be() {
        check("ä", "ä".to_owned());
        check(Value::status("PONG"), "PONG".to_owned());
        check("QUEUED", "QUEUED".to_owned());
        check(Value::Bulk(Bytes::from_static(b"\xff")), Bytes::from_static(b"\xff"));
        refuse::<String>(
            Value::Bulk(Bytes::from_static(b"\xff")),
            "a text was wanted, and the answer is bytes that are no UTF-8",
        );
        refuse::<String>(1, "a text was wanted, and the answer is an integer");
    }

    #[test]
    fn what_stands_for_an_answer_that_comes_later_is_none() {
        fn refused<T: FromValue + Debug>(wanted: &str) {
            let told = "the answer is QUEUED, since it comes with that of EXEC";
            refuse::<T>(Value::status("QUEUED"), &format!("{wanted} was wanted, and {told}"));
        }
        refused::<i64>("an integer");
        refused::<f64>("a number");
        refused::<bool>("a boolean");
        refused::<Vec<i64>>("an array");
        refused::<Option<String>>("a text");
        refused::<Bytes>("bytes");
        refused::<(i64, i64)>("an array of two");
        // As these it may be had, since whoever begins a transaction by hand waits for it.
        check(Value::status("QUEUED"), Value::status("QUEUED"));
        check(Value::status("QUEUED"), ());
    }

    #[test]
    fn whether_it_was_done_is_told_in_four_ways() {
        for (value, is) in [
            (Value::from(1), true),
            (Value::from(0), false),
            (Value::ok(), true),
            (Value::Nil, false),
            (Value::from(true), true),
        ] {
            check(value, is);
        }
        refuse::<bool>(2, "a boolean was wanted, and the answer is an integer");
    }

    #[test]
    fn nil_is_none_and_nothing_else() {
        check(Value::Nil, None::<String>);
        check("", Some(String::new()));
        refuse::<Bytes>(Value::Nil, "bytes was wanted, and the answer is nil");
        refuse::<Vec<i64>>(Value::Nil, "an array was wanted, and the answer is nil");
    }

    #[test]
    fn pairs_come_in_three_shapes() {
        let expect = vec![(1i64, 2i64), (3, 4)];
        check(ints(&[1, 2, 3, 4]), expect.clone());
        check(Value::Array(vec![ints(&[1, 2]), ints(&[3, 4])]), expect.clone());
        check(Value::map([(1, 2), (3, 4)]), expect.clone());
        check(Value::map([(1, 2), (3, 4)]), BTreeMap::from_iter(expect));
        check(Value::Array(vec![]), Vec::<(i64, i64)>::new());
        refuse::<Vec<(i64, i64)>>(
            ints(&[1, 2, 3]),
            "pairs was wanted, and the answer is an array of odd length",
        );
    }

    #[test]
    fn a_map_is_a_list_as_resp2_would_send_it() {
        check(Value::map([(1, 2), (3, 4)]), vec![1i64, 2, 3, 4]);
        check(Value::set([1, 2]), vec![1i64, 2]);
    }

    #[test]
    fn tuples_are_arrays_of_their_length() {
        let value = Value::from(vec![Value::from(1), Value::from("b"), Value::Nil]);
        check(value, (1i64, "b".to_owned(), None::<i64>));
        refuse::<(i64, i64)>(
            ints(&[1]),
            "an array of two was wanted, and the answer is an array of another length",
        );
        check(ints(&[1]), (1i64,));
    }

    #[test]
    fn an_error_inside_is_that_error() {
        let value = Value::Array(vec![Value::from(1), Value::error("ERR no")]);
        refuse::<Vec<i64>>(value.clone(), "the server said: ERR no");
        check(value, vec![Ok(1i64), Err(ServerError::new("ERR no"))]);
        refuse::<()>(Value::error("ERR no"), "the server said: ERR no");
    }
}
