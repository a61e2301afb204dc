//! Strings: values of one piece, numbers among them.
//!
//! Of Redis's own group these are left out, as [`set`] and its options say the same: `GETSET`, `SETEX`, `PSETEX`,
//! `SETNX`; and `SUBSTR`, which is [`getrange`].

use std::time::Duration;

use crate::commands::Wait;
use crate::commands::record::Record;
use crate::commands::table::{commands, options};
use crate::{Error, FromValue, ToArg, ToArgs, Value};

commands! { string_methods;
    /// Appends to the string at a key, which is made if there is none. Answers the new length in bytes.
    ///
    /// Redis 2.0.
    Writes "APPEND" append(key: impl ToArg, value: impl ToArg) -> u64;

    /// Takes one from the number at a key, which is 0 if there is none. Answers the new number.
    ///
    /// Redis 1.0.
    Writes "DECR" decr(key: impl ToArg) -> i64;

    /// Takes so much from the number at a key, which is 0 if there is none. Answers the new number.
    ///
    /// Redis 1.0.
    Writes "DECRBY" decrby(key: impl ToArg, by: i64) -> i64;

    /// The value of a key; `None` if there is no such key.
    ///
    /// Redis 1.0.
    Reads "GET" get<V>(key: impl ToArg) -> Option<V>;

    /// Takes a key away and answers its value; `None` if there is no such key.
    ///
    /// Redis 6.2.
    Writes "GETDEL" getdel<V>(key: impl ToArg) -> Option<V>;

    /// The value of a key, whose expiry is changed by the options of [`Getex`]; `None` if there is no such key.
    ///
    /// Redis 6.2.
    Writes "GETEX" getex<V>(key: impl ToArg) -> Option<V> as Getex<V>;

    /// A part of the string at a key, from one offset to another inclusive; negative ones count from the end. Empty
    /// if there is no such key.
    ///
    /// Redis 2.4.
    Reads "GETRANGE" getrange<V>(key: impl ToArg, start: i64, end: i64) -> V;

    /// Adds one to the number at a key, which is 0 if there is none. Answers the new number.
    ///
    /// Redis 1.0.
    Writes "INCR" incr(key: impl ToArg) -> i64;

    /// Adds so much to the number at a key, which is 0 if there is none. Answers the new number.
    ///
    /// Redis 1.0.
    Writes "INCRBY" incrby(key: impl ToArg, by: i64) -> i64;

    /// Adds so much to the number at a key, which may have a fraction, and is 0 if there is none. Answers the new
    /// number.
    ///
    /// Redis 2.6.
    Writes "INCRBYFLOAT" incrbyfloat(key: impl ToArg, by: f64) -> f64;

    /// The longest common subsequence of the strings at two keys; [`Lcs`] has its length, and where its parts are.
    ///
    /// Redis 7.0.
    Reads "LCS" lcs<V>(first: impl ToArg, second: impl ToArg) -> V as Lcs<V>;

    /// The values of keys, in their order; `None` for each that is not there, or is no string.
    ///
    /// Redis 1.0.
    Reads "MGET" mget<V>(keys: impl ToArgs) -> Vec<Option<V>>;

    /// Sets keys to values, all at once: `mset([("a", 1), ("b", 2)])`.
    ///
    /// Redis 1.0.1.
    Writes "MSET" mset(pairs: impl ToArgs) -> ();

    /// Sets keys to values, all at once, if none of them is there. Answers whether it did.
    ///
    /// Redis 1.0.1.
    Writes "MSETNX" msetnx(pairs: impl ToArgs) -> bool;

    /// Sets a key to a value, whatever it was; it will not expire. [`Set`] has an expiry, conditions, and the old
    /// value.
    ///
    /// Redis 1.0.
    Writes "SET" set(key: impl ToArg, value: impl ToArg) -> () as Set<()>;

    /// Writes over the string at a key, from an offset on; a gap is filled with zeros. Answers the new length in
    /// bytes.
    ///
    /// Redis 2.2.
    Writes "SETRANGE" setrange(key: impl ToArg, offset: u64, value: impl ToArg) -> u64;

    /// The length of the string at a key in bytes; 0 if there is no such key.
    ///
    /// Redis 2.2.
    Reads "STRLEN" strlen(key: impl ToArg) -> u64;
}

options! {
    /// [`set`] with its options.
    ///
    /// What it answers depends on them: nothing; whether it did set the key, with a condition; the value that was
    /// there, with [`get`](Self::get).
    ///
    /// ```
    /// use ekiden_redis::{IntoTyped, Typed, commands::set};
    ///
    /// let plain: Typed<()> = set("key", "value").px(500).into_typed();
    /// let locked: Typed<bool> = set("lock", "me").nx().ex(30).into_typed();
    /// let before: Typed<Option<String>> = set("key", "value").get().into_typed();
    /// ```
    Set<R> -> R {
        /// Expires in so many seconds. Redis 2.6.12.
        ex(seconds: u64) = "EX", seconds;
        /// Expires in so long, rounded up to a millisecond, of which it is at least one. Redis 2.6.12.
        expires_in(time: Duration) = "PX", Wait::For(time).milliseconds();
        /// Expires in so many milliseconds. Redis 2.6.12.
        px(milliseconds: u64) = "PX", milliseconds;
        /// Expires at that time, in seconds since 1970. Redis 6.2.
        exat(unix_seconds: u64) = "EXAT", unix_seconds;
        /// Expires at that time, in milliseconds since 1970. Redis 6.2.
        pxat(unix_milliseconds: u64) = "PXAT", unix_milliseconds;
        /// Expires when the key would have before. Redis 6.0.
        keepttl() = "KEEPTTL";
    }

    /// [`getex`] with its options. Without any it is [`get`].
    Getex<V> -> Option<V> {
        /// Expires in so many seconds.
        ex(seconds: u64) = "EX", seconds;
        /// Expires in so long, rounded up to a millisecond, of which it is at least one.
        expires_in(time: Duration) = "PX", Wait::For(time).milliseconds();
        /// Expires in so many milliseconds.
        px(milliseconds: u64) = "PX", milliseconds;
        /// Expires at that time, in seconds since 1970.
        exat(unix_seconds: u64) = "EXAT", unix_seconds;
        /// Expires at that time, in milliseconds since 1970.
        pxat(unix_milliseconds: u64) = "PXAT", unix_milliseconds;
        /// Expires no longer.
        persist() = "PERSIST";
    }

    /// [`lcs`] with its options: the length alone, or where the common parts are.
    Lcs<R> -> R {}

    /// [`Lcs::idx`] with its options.
    LcsMatching -> LcsMatches {
        /// Only parts of at least so many bytes.
        minmatchlen(bytes: u64) = "MINMATCHLEN", bytes;
    }
}

impl Set<()> {
    /// Only if the key is not there. Answers whether it was set. Redis 2.6.12.
    pub fn nx(self) -> Set<bool> {
        self.with("NX").answering()
    }

    /// Only if the key is there. Answers whether it was set. Redis 2.6.12.
    pub fn xx(self) -> Set<bool> {
        self.with("XX").answering()
    }

    /// Answers the value that was there before. Redis 6.2.
    pub fn get<V>(self) -> Set<Option<V>> {
        self.with("GET").answering()
    }
}

impl Set<bool> {
    /// Answers the value that was there before, instead of whether the key was set. Redis 6.2; with
    /// [`nx`](Set::<()>::nx) 7.0.
    pub fn get<V>(self) -> Set<Option<V>> {
        self.with("GET").answering()
    }
}

impl<V> Set<Option<V>> {
    /// Only if the key is not there: it was set if the answer is `None`. Redis 7.0.
    pub fn nx(self) -> Self {
        self.with("NX")
    }

    /// Only if the key is there: it was set unless the answer is `None`. Redis 6.2.
    pub fn xx(self) -> Self {
        self.with("XX")
    }
}

impl<V> Lcs<V> {
    /// Answers only how long it is, in bytes.
    pub fn len(self) -> Lcs<u64> {
        self.with("LEN").answering()
    }

    /// Answers where its parts are in the two strings.
    pub fn idx(self) -> LcsMatching {
        LcsMatching::from(self.command.arg("IDX").arg("WITHMATCHLEN"))
    }
}

/// Where the parts of the longest common subsequence are, of [`Lcs::idx`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LcsMatches {
    /// The parts, from the last to the first.
    pub matches: Vec<LcsMatch>,
    /// The length of the whole, in bytes.
    pub len: u64,
}

/// A part that two strings have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LcsMatch {
    /// Where it is in the first: the offsets of its first and its last byte.
    pub first: (u64, u64),
    /// Where it is in the second.
    pub second: (u64, u64),
    /// Its length in bytes.
    pub len: u64,
}

impl FromValue for LcsMatches {
    fn from_value(value: Value) -> Result<Self, Error> {
        let mut record = Record::from_value(value)?;
        Ok(Self { matches: record.take("matches")?, len: record.take("len")? })
    }
}

impl FromValue for LcsMatch {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (first, second, len) = FromValue::from_value(value)?;
        Ok(Self { first, second, len })
    }
}
