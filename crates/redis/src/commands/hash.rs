//! Hashes: fields with values at one key.
//!
//! Of Redis's own group `HMSET` is left out, which is [`hset`].

use crate::commands::ScanItems;
use crate::commands::table::commands;
use crate::{Command, ToArg, ToArgs};

commands! { hash_methods;
    /// Takes fields out of a hash. Answers how many there were. A hash without fields is no key.
    ///
    /// Redis 2.0; more than one field 2.4.
    Writes "HDEL" hdel(key: impl ToArg, fields: impl ToArgs) -> u64;

    /// Whether a hash has a field.
    ///
    /// Redis 2.0.
    Reads "HEXISTS" hexists(key: impl ToArg, field: impl ToArg) -> bool;

    /// The value of a field; `None` if there is none, or no such key.
    ///
    /// Redis 2.0.
    Reads "HGET" hget<V>(key: impl ToArg, field: impl ToArg) -> Option<V>;

    /// All fields with their values: as a map, as a `Vec` of pairs, or as any type that says how it is made of that.
    /// Empty if there is no such key.
    ///
    /// ```
    /// # use ekiden_redis::{Commands, Error};
    /// use std::collections::BTreeMap;
    ///
    /// # async fn user(client: impl Commands<Error = Error>) -> Result<(), Error> {
    /// let user: BTreeMap<String, String> = client.hgetall("user:1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Redis 2.0.
    Reads "HGETALL" hgetall<M>(key: impl ToArg) -> M;

    /// Adds so much to the number in a field, which is 0 if there is none. Answers the new number.
    ///
    /// Redis 2.0.
    Writes "HINCRBY" hincrby(key: impl ToArg, field: impl ToArg, by: i64) -> i64;

    /// Adds so much to the number in a field, which may have a fraction, and is 0 if there is none. Answers the new
    /// number.
    ///
    /// Redis 2.6.
    Writes "HINCRBYFLOAT" hincrbyfloat(key: impl ToArg, field: impl ToArg, by: f64) -> f64;

    /// All fields, without their values.
    ///
    /// Redis 2.0.
    Reads "HKEYS" hkeys<F>(key: impl ToArg) -> Vec<F>;

    /// How many fields there are; 0 if there is no such key.
    ///
    /// Redis 2.0.
    Reads "HLEN" hlen(key: impl ToArg) -> u64;

    /// The values of fields, in their order; `None` for each that is not there.
    ///
    /// Redis 2.0.
    Reads "HMGET" hmget<V>(key: impl ToArg, fields: impl ToArgs) -> Vec<Option<V>>;

    /// Any field; `None` if there is no such key.
    ///
    /// Redis 6.2.
    Reads "HRANDFIELD" hrandfield<F>(key: impl ToArg) -> Option<F>;

    /// So many fields at random, fewer if there are not as many; if negative, as many as that says, some more than
    /// once.
    ///
    /// Redis 6.2.
    Reads "HRANDFIELD" hrandfield_count<F>(key: impl ToArg, count: i64) -> Vec<F>;

    /// As [`hrandfield_count`], with the values.
    ///
    /// Redis 6.2.
    Reads "HRANDFIELD" hrandfield_with_values<F, V>(key: impl ToArg, count: i64) -> Vec<(F, V)> =
        Command::new("HRANDFIELD").arg(key).arg(count).arg("WITHVALUES");

    /// Some of the fields with their values, from a cursor on, which is 0 at first; [`Page`](crate::commands::Page)
    /// says how to go on. [`ScanItems`] has a pattern, and about how many.
    ///
    /// Redis 2.8.
    Reads "HSCAN" hscan<F, V>(key: impl ToArg, cursor: u64) -> Page<(F, V)> as ScanItems<(F, V)>;

    /// Sets fields to values: `hset("user:1", [("name", "ada"), ("born", "1815")])`, or one. Answers how many of them
    /// are new.
    ///
    /// Redis 2.0; more than one field 4.0.
    Writes "HSET" hset(key: impl ToArg, pairs: impl ToArgs) -> u64;

    /// Sets a field to a value if it is not there. Answers whether it did.
    ///
    /// Redis 2.0.
    Writes "HSETNX" hsetnx(key: impl ToArg, field: impl ToArg, value: impl ToArg) -> bool;

    /// The length of the value of a field in bytes; 0 if there is none.
    ///
    /// Redis 3.2.
    Reads "HSTRLEN" hstrlen(key: impl ToArg, field: impl ToArg) -> u64;

    /// All values, without their fields.
    ///
    /// Redis 2.0.
    Reads "HVALS" hvals<V>(key: impl ToArg) -> Vec<V>;
}
