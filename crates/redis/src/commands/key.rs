//! Keys, whatever is at them: their life, their names, where they are.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::commands::table::{commands, options};
use crate::commands::{Page, Wait};
use crate::{Command, Error, FromValue, ToArg, ToArgs, Value};

commands! { key_methods;
    /// Copies what is at a key to another one. Answers whether it did: not if there is nothing, or something at the
    /// other already. [`CopyKey`] has another data base, and to replace.
    ///
    /// Redis 6.2.
    Writes "COPY" copy(source: impl ToArg, destination: impl ToArg) -> bool as CopyKey;

    /// Takes keys away. Answers how many there were.
    ///
    /// Redis 1.0.
    Writes "DEL" del(keys: impl ToArgs) -> u64;

    /// What is at a key in Redis's own form, for [`restore`]; `None` if there is no such key.
    ///
    /// Redis 2.6.
    Reads "DUMP" dump(key: impl ToArg) -> Option<Bytes>;

    /// How many of the keys there are; one that is named twice counts twice.
    ///
    /// Redis 1.0; more than one key 3.0.3.
    Reads "EXISTS" exists(keys: impl ToArgs) -> u64;

    /// Has a key expire in so many seconds; at once if that is negative. Answers whether it will: not if there is no
    /// such key, or a condition of [`Expire`] does not hold.
    ///
    /// Redis 1.0.
    Writes "EXPIRE" expire(key: impl ToArg, seconds: i64) -> bool as Expire;

    /// Has a key expire at a time, in seconds since 1970; otherwise as [`expire`].
    ///
    /// Redis 1.2.
    Writes "EXPIREAT" expireat(key: impl ToArg, unix_seconds: i64) -> bool as Expire;

    /// When a key expires, in whole seconds.
    ///
    /// Redis 7.0.
    Reads "EXPIRETIME" expiretime(key: impl ToArg) -> Expiry =
        Command::new("EXPIRETIME").arg(key).typed_with(|answer| Expiry::told(answer, Duration::from_secs));

    /// The keys that match a pattern. It looks at all there are and holds up the server meanwhile: [`scan`] does not.
    ///
    /// Redis 1.0.
    Reads "KEYS" keys<K>(pattern: impl ToArg) -> Vec<K>;

    /// Moves keys to another server: `migrate("10.0.0.2", 6379, ["a", "b"], 0, timeout)`. Answers whether there were
    /// any. The time-out is for the servers to speak to each other, and this one is held up for as long. [`Migrate`]
    /// has to copy, to replace, and the other's password.
    ///
    /// Redis 2.6; more than one key 3.0.6.
    Writes "MIGRATE" migrate(
        host: impl ToArg, port: u16, keys: impl ToArgs, db: u32, timeout: Duration,
    ) -> bool as Migrate = {
        let to = Command::new("MIGRATE").arg(host).arg(port).arg("").arg(db);
        to.arg(milliseconds(timeout)).arg("KEYS").arg(keys)
    };

    /// Moves a key to another data base. Answers whether it did: not if there is no such key, or one there already.
    ///
    /// Redis 1.0.
    Writes "MOVE" move_key(key: impl ToArg, db: u32) -> bool;

    /// How what is at a key is kept, such as `listpack`; `None` if there is no such key.
    ///
    /// Redis 2.2.3.
    Reads "OBJECT ENCODING" object_encoding(key: impl ToArg) -> Option<String>;

    /// How often a key is used, on a logarithmic scale; `None` if there is no such key. An error unless the server's
    /// `maxmemory-policy` is one that counts.
    ///
    /// Redis 4.0.
    Reads "OBJECT FREQ" object_freq(key: impl ToArg) -> Option<u64>;

    /// For how many seconds nobody has used a key; `None` if there is no such key. An error if the server's
    /// `maxmemory-policy` is one that counts instead.
    ///
    /// Redis 2.2.3.
    Reads "OBJECT IDLETIME" object_idletime(key: impl ToArg) -> Option<u64>;

    /// How many refer to what is at a key; `None` if there is no such key.
    ///
    /// Redis 2.2.3.
    Reads "OBJECT REFCOUNT" object_refcount(key: impl ToArg) -> Option<u64>;

    /// Has a key expire no longer. Answers whether it would have.
    ///
    /// Redis 2.2.
    Writes "PERSIST" persist(key: impl ToArg) -> bool;

    /// Has a key expire in so many milliseconds; otherwise as [`expire`].
    ///
    /// Redis 2.6.
    Writes "PEXPIRE" pexpire(key: impl ToArg, milliseconds: i64) -> bool as Expire;

    /// Has a key expire at a time, in milliseconds since 1970; otherwise as [`expire`].
    ///
    /// Redis 2.6.
    Writes "PEXPIREAT" pexpireat(key: impl ToArg, unix_milliseconds: i64) -> bool as Expire;

    /// When a key expires, to the millisecond.
    ///
    /// Redis 7.0.
    Reads "PEXPIRETIME" pexpiretime(key: impl ToArg) -> Expiry =
        Command::new("PEXPIRETIME").arg(key).typed_with(|answer| Expiry::told(answer, Duration::from_millis));

    /// For how long a key will be there, to the millisecond.
    ///
    /// Redis 2.6.
    Reads "PTTL" pttl(key: impl ToArg) -> Ttl =
        Command::new("PTTL").arg(key).typed_with(|answer| Ttl::told(answer, Duration::from_millis));

    /// Any key; `None` if there is none.
    ///
    /// Redis 1.0.
    Reads "RANDOMKEY" randomkey<K>() -> Option<K>;

    /// Renames a key; what was at the new name is lost. An error if there is no such key.
    ///
    /// Redis 1.0.
    Writes "RENAME" rename(key: impl ToArg, new: impl ToArg) -> ();

    /// Renames a key if there is none of the new name. Answers whether it did. An error if there is no such key.
    ///
    /// Redis 1.0.
    Writes "RENAMENX" renamenx(key: impl ToArg, new: impl ToArg) -> bool;

    /// Makes a key of what [`dump`] gave, to expire in so many milliseconds, or never if that is 0. An error if there
    /// is one already, unless [`Restore`] says otherwise.
    ///
    /// Redis 2.6.
    Writes "RESTORE" restore(key: impl ToArg, ttl_milliseconds: u64, dump: impl ToArg) -> () as Restore;

    /// Some of the keys, from a cursor on, which is 0 at first; [`Page`] says how to go on, and what to expect.
    /// [`Scan`] has a pattern, a type, and about how many.
    ///
    /// Redis 2.8.
    Reads "SCAN" scan<K>(cursor: u64) -> Page<K> as Scan<K>;

    /// What is in a list, set or sorted set, sorted as numbers. [`Sort`] has other orders, and values of other keys.
    ///
    /// Redis 1.0.
    Writes "SORT" sort<V>(key: impl ToArg) -> Vec<V> as Sort<Vec<V>>;

    /// As [`sort`], but for its name: the server knows that it only reads, so replicas serve it too.
    ///
    /// Redis 7.0.
    Reads "SORT_RO" sort_ro<V>(key: impl ToArg) -> Vec<V> as Sort<Vec<V>>;

    /// Keeps what is in a list, set or sorted set, sorted as numbers unless [`Sort`] says otherwise, in a list at
    /// another key. Answers how many they are.
    ///
    /// Redis 1.0.
    Writes "SORT" sort_store(key: impl ToArg, destination: impl ToArg) -> u64 as Sort<u64> =
        Command::new("SORT").arg(key).arg("STORE").arg(destination);

    /// Says that keys were used, for the server's choice of what to forget. Answers how many there are.
    ///
    /// Redis 3.2.1.
    Reads "TOUCH" touch(keys: impl ToArgs) -> u64;

    /// For how long a key will be there, in whole seconds.
    ///
    /// Redis 1.0.
    Reads "TTL" ttl(key: impl ToArg) -> Ttl =
        Command::new("TTL").arg(key).typed_with(|answer| Ttl::told(answer, Duration::from_secs));

    /// What kind of thing is at a key; `None` if there is no such key. (`TYPE`, which is a word of Rust.)
    ///
    /// Redis 1.0.
    Reads "TYPE" key_type(key: impl ToArg) -> Option<KeyType> = Command::new("TYPE").arg(key).typed_with(KeyType::told);

    /// Takes keys away and frees their memory in the background. Answers how many there were.
    ///
    /// Redis 4.0.
    Writes "UNLINK" unlink(keys: impl ToArgs) -> u64;

    /// Waits until so many replicas have what this connection wrote before, or time runs out. Answers how many have.
    /// (`WAIT`.)
    ///
    /// Redis 3.0.
    Waits "WAIT" wait_replicas(replicas: u32, wait: impl Into<Wait>) -> u64 =
        Command::new("WAIT").arg(replicas).arg(wait.into().milliseconds());
}

options! {
    /// [`copy`] with its options.
    CopyKey -> bool {
        /// To a key of another data base.
        db(db: u32) = "DB", db;
        /// Over what is there.
        replace() = "REPLACE";
    }

    /// [`expire`] and its like with their conditions. Redis 7.0.
    Expire -> bool {
        /// Only if it would not have expired.
        nx() = "NX";
        /// Only if it would have expired anyway.
        xx() = "XX";
        /// Only if that is later than before. Never is the latest.
        gt() = "GT";
        /// Only if that is sooner than before. Never is the latest.
        lt() = "LT";
    }

    /// [`migrate`] with its options.
    Migrate at 6 -> bool = was_moved {
        /// Leaves the keys here too. Redis 3.0.
        copy() = "COPY";
        /// Over what is there. Redis 3.0.
        replace() = "REPLACE";
        /// The password of the other server. Redis 4.0.7.
        auth(password: impl ToArg) = "AUTH", password;
        /// A user of the other server, and the password. Redis 6.0.
        auth2(user: impl ToArg, password: impl ToArg) = "AUTH2", user, password;
    }

    /// [`restore`] with its options.
    Restore -> () {
        /// Over what is there. Redis 3.0.
        replace() = "REPLACE";
        /// The time to live is a time instead, in milliseconds since 1970. Redis 5.0.
        absttl() = "ABSTTL";
        /// For how many seconds nobody has used it. Redis 5.0.
        idletime(seconds: u64) = "IDLETIME", seconds;
        /// How often it is used, as [`object_freq`] says it. Redis 5.0.
        freq(frequency: u8) = "FREQ", u16::from(frequency);
    }

    /// [`scan`] with its options.
    Scan<K> -> Page<K> {
        /// Only keys that match a pattern.
        matching(pattern: impl ToArg) = "MATCH", pattern;
        /// About how many to look at; 10 unless said.
        count(count: u64) = "COUNT", count;
        /// Only keys with that kind of thing. Redis 6.0.
        of_type(of: KeyType) = "TYPE", of.as_str();
    }

    /// [`sort`] with its options.
    Sort<R> -> R {
        /// By the values of other keys, in whose pattern `*` is what is sorted: `weight_*`, `user_*->age`.
        by(pattern: impl ToArg) = "BY", pattern;
        /// In whatever order they are.
        unsorted() = "BY", "nosort";
        /// Only so many, from the one with that index on.
        limit(offset: u64, count: u64) = "LIMIT", offset, count;
        /// Answers the values of other keys, in whose pattern `*` is what is sorted; `#` is that itself. May be said
        /// more than once: they come in turn. Where there may be no such key ask for `Option`s.
        get(pattern: impl ToArg) = "GET", pattern;
        /// The smallest first, which is so unless said.
        asc() = "ASC";
        /// The largest first.
        desc() = "DESC";
        /// As texts, and not as numbers.
        alpha() = "ALPHA";
    }
}

/// For how long a key will be there, of [`ttl`] and [`pttl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ttl {
    /// There is no such key.
    NoKey,
    /// It does not expire.
    Forever,
    /// So long.
    Left(Duration),
}

/// When a key expires, of [`expiretime`] and [`pexpiretime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// There is no such key.
    NoKey,
    /// It does not expire.
    Never,
    /// Then.
    At(SystemTime),
}

/// What kind of thing is at a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// A string, which may be a number or a bit map.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
    /// What a module brought, by its name.
    Module(String),
}

impl Ttl {
    /// How long, if there is the key and it expires.
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::Left(left) => Some(left),
            Self::NoKey | Self::Forever => None,
        }
    }

    fn told(answer: Value, unit: fn(u64) -> Duration) -> Result<Self, Error> {
        Ok(match i64::from_value(answer)? {
            -2 => Self::NoKey,
            left => u64::try_from(left).map_or(Self::Forever, |left| Self::Left(unit(left))),
        })
    }
}

impl Expiry {
    fn told(answer: Value, unit: fn(u64) -> Duration) -> Result<Self, Error> {
        let since_1970 = match Ttl::told(answer, unit)? {
            Ttl::NoKey => return Ok(Self::NoKey),
            Ttl::Forever => return Ok(Self::Never),
            Ttl::Left(since_1970) => since_1970,
        };
        let at = SystemTime::UNIX_EPOCH.checked_add(since_1970);
        at.map(Self::At).ok_or_else(|| Error::unfit("a time", "one that is too far away"))
    }
}

impl KeyType {
    /// As the server says it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Module(name) => name,
        }
    }

    fn told(answer: Value) -> Result<Option<Self>, Error> {
        let name = String::from_value(answer)?;
        Ok(Some(match &name[..] {
            "none" => return Ok(None),
            "string" => Self::String,
            "list" => Self::List,
            "set" => Self::Set,
            "zset" => Self::SortedSet,
            "hash" => Self::Hash,
            "stream" => Self::Stream,
            _ => Self::Module(name),
        }))
    }
}

/// `OK` if there was anything to move, `NOKEY` if not.
fn was_moved(answer: Value) -> Result<bool, Error> {
    match answer {
        Value::Status(status) if status == "NOKEY" => Ok(false),
        answer => bool::from_value(answer),
    }
}

/// A time-out that is no 0, which would be none.
fn milliseconds(timeout: Duration) -> u64 {
    Wait::For(timeout).milliseconds()
}
