//! What Redis answers: [`Value`], every type of RESP2 and RESP3, and [`ServerError`], the one that says no.
//!
//! Values as they are on the wire. What they become in a program is [`FromValue`](crate::FromValue)'s business.

use std::fmt;

use bytes::Bytes;

/// A value of RESP, version 2 or 3.
///
/// What RESP2 cannot say it says in other words, so the same answer may come as one or the other: a map as an array of
/// keys and values in turn, a set as an array, a double as a bulk string, a boolean as an integer.
/// [`FromValue`](crate::FromValue) takes both.
///
/// ```
/// use ekiden_redis::Value;
///
/// let value = Value::from(vec![Value::from("one"), Value::from(1)]);
/// assert_eq!(value, Value::Array(vec![Value::Bulk("one".into()), Value::Integer(1)]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: RESP3's null, RESP2's null bulk string and null array.
    Nil,
    /// A short text that the protocol and not the data base made: `OK`, `QUEUED`.
    Status(Bytes),
    /// Bytes of any length. One of a long array may share a kilobyte with its neighbours, and one of 32 KiB or more keeps what
    /// was read with it; who keeps few of many for long copies them.
    Bulk(Bytes),
    /// A number.
    Integer(i64),
    /// A number with a fraction. RESP3 only.
    Double(f64),
    /// Yes or no. RESP3 only.
    Boolean(bool),
    /// The decimal digits of a number that may be too large for [`Integer`](Self::Integer). RESP3 only.
    BigNumber(Bytes),
    /// A text that says how to show it. RESP3 only.
    Verbatim {
        /// How: `txt` or `mkd`.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// The server says no. A [`Client`](crate::Client) makes an [`Error`](crate::Error) of it; inside of other values, such as the answer of
    /// `EXEC`, it stays.
    Error(ServerError),
    /// Values in order.
    Array(Vec<Self>),
    /// Keys and values, in the order in which they came. RESP3 only.
    Map(Vec<(Self, Self)>),
    /// Values without an order, in the one in which they came. RESP3 only.
    Set(Vec<Self>),
    /// What nobody asked for: a message, an invalidation. RESP3 only. The first value says what it is.
    Push(Vec<Self>),
}

/// An error as the server said it: a code word and a message, in one line.
///
/// ```
/// use ekiden_redis::ServerError;
///
/// let error = ServerError::new("WRONGTYPE Operation against a key holding the wrong kind of value");
/// assert_eq!(error.code(), "WRONGTYPE");
/// assert_eq!(error.message(), "Operation against a key holding the wrong kind of value");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerError {
    line: Bytes,
}

impl Value {
    /// The status `OK`.
    pub const fn ok() -> Self {
        Self::Status(Bytes::from_static(b"OK"))
    }

    /// A status, such as `PONG`.
    pub const fn status(text: &'static str) -> Self {
        Self::Status(Bytes::from_static(text.as_bytes()))
    }

    /// An error: `ERR no such thing`.
    pub fn error(line: impl Into<Bytes>) -> Self {
        Self::Error(ServerError::new(line))
    }

    /// A set, of whatever becomes values.
    pub fn set<T: Into<Self>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Set(items.into_iter().map(Into::into).collect())
    }

    /// A map, of whatever becomes values.
    pub fn map<K: Into<Self>, V: Into<Self>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// Whether it is [`Nil`](Self::Nil).
    pub const fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The bytes of a string, of whichever kind.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Status(bytes)
            | Self::Bulk(bytes)
            | Self::BigNumber(bytes)
            | Self::Verbatim { text: bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// Whether it stands for an answer that comes later: amid a transaction that was begun by hand every command is
    /// answered so.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self, Self::Status(text) if text == "QUEUED")
    }

    /// What it is, as a part of a sentence: "an integer".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            _ if self.is_queued() => "QUEUED, since it comes with that of EXEC",
            Self::Nil => "nil",
            Self::Status(_) => "a status",
            Self::Bulk(_) => "a bulk string",
            Self::Integer(_) => "an integer",
            Self::Double(_) => "a double",
            Self::Boolean(_) => "a boolean",
            Self::BigNumber(_) => "a big number",
            Self::Verbatim { .. } => "a verbatim string",
            Self::Error(_) => "an error",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Set(_) => "a set",
            Self::Push(_) => "a push",
        }
    }
}

impl ServerError {
    /// An error that says `line`, which is one line: what comes behind a line break is left out.
    pub fn new(line: impl Into<Bytes>) -> Self {
        let mut line = line.into();
        let end = memchr::memchr2(b'\r', b'\n', &line).unwrap_or(line.len());
        line.truncate(end);
        Self { line }
    }

    /// The code word in front: `WRONGTYPE`, `NOAUTH`, mostly `ERR`. Empty if there is none.
    pub fn code(&self) -> &str {
        let word = self.line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let is_code = word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if is_code { str::from_utf8(word).unwrap_or_default() } else { "" }
    }

    /// What follows the code word, for people. Bytes that are no UTF-8 are replaced.
    pub fn message(&self) -> String {
        let line = String::from_utf8_lossy(&self.line);
        line[self.code().len()..].trim_start().to_owned()
    }

    /// The whole line.
    pub fn line(&self) -> &Bytes {
        &self.line
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.line))
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerError").field(&String::from_utf8_lossy(&self.line)).finish()
    }
}

impl std::error::Error for ServerError {}

impl From<ServerError> for Value {
    fn from(error: ServerError) -> Self {
        Self::Error(error)
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Self::ok()
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bulk(bytes)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Bulk(text.into())
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Bulk(Bytes::from_static(text.as_bytes()))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Boolean(is)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_code_and_a_message() {
        for (line, code, message) in [
            ("ERR no such key", "ERR", "no such key"),
            ("NOAUTH", "NOAUTH", ""),
            ("no code", "", "no code"),
            ("", "", ""),
            ("ERR two\r\n+OK\r\n", "ERR", "two"),
        ] {
            let error = ServerError::new(line);
            assert_eq!((error.code(), &error.message()[..]), (code, message), "{line:?}");
        }
        assert_eq!(ServerError::new(&b"ERR \xff"[..]).message(), "\u{fffd}");
    }
}
