//! Users of the server, and what they may.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::commands::record::Record;
use crate::commands::table::{commands, options, records};
use crate::{Command, Error, FromValue, ToArg, ToArgs, Value};

commands! { server_acl_methods;
    /// The categories of commands.
    ///
    /// Redis 6.0.
    Reads "ACL CAT" acl_cat() -> Vec<String>;

    /// The commands of a category.
    ///
    /// Redis 6.0.
    Reads "ACL CAT" acl_cat_of(category: impl ToArg) -> Vec<String>;

    /// Takes users away, and ends their connections. Answers how many there were.
    ///
    /// Redis 6.0.
    Writes "ACL DELUSER" acl_deluser(users: impl ToArgs) -> u64;

    /// Why a user may not do a command; `None` if they may.
    ///
    /// Redis 7.0.
    Reads "ACL DRYRUN" acl_dryrun(user: impl ToArg, command: &Command) -> Option<String> = {
        let tried = Command::new("ACL DRYRUN").arg(user);
        command.args().fold(tried, Command::arg).typed_with(objection)
    };

    /// A password that nobody guesses, of 64 digits. [`AclGenpass`] has others.
    ///
    /// Redis 6.0.
    Reads "ACL GENPASS" acl_genpass() -> String as AclGenpass;

    /// A user; `None` if there is none.
    ///
    /// Redis 6.0.
    Reads "ACL GETUSER" acl_getuser(user: impl ToArg) -> Option<AclUser>;

    /// All users, each as a line of the server's file of users.
    ///
    /// Redis 6.0.
    Reads "ACL LIST" acl_list() -> Vec<String>;

    /// Reads the file of users anew, all or nothing of it. An error if there is no file.
    ///
    /// Redis 6.0.
    Writes "ACL LOAD" acl_load() -> ();

    /// The last so many things that users were not allowed, the newest first.
    ///
    /// Redis 6.0.
    Reads "ACL LOG" acl_log(count: u64) -> Vec<AclLogEntry>;

    /// Forgets them.
    ///
    /// Redis 6.0.
    Writes "ACL LOG" acl_log_reset() -> () = Command::new("ACL LOG RESET");

    /// Writes all users to their file. An error if there is no file.
    ///
    /// Redis 6.0.
    Writes "ACL SAVE" acl_save() -> ();

    /// Makes or changes a user by rules: `acl_setuser("ada", ["on", ">secret", "~cached:*", "+@read"])`.
    ///
    /// Redis 6.0.
    Writes "ACL SETUSER" acl_setuser(user: impl ToArg, rules: impl ToArgs) -> ();

    /// The names of all users.
    ///
    /// Redis 6.0.
    Reads "ACL USERS" acl_users() -> Vec<String>;

    /// The name of the user of this connection.
    ///
    /// Redis 6.0.
    Reads "ACL WHOAMI" acl_whoami() -> String;
}

options! {
    /// [`acl_genpass`] with its option.
    AclGenpass -> String {
        /// So many bits, four to a digit.
        bits(bits: u32) = bits;
    }
}

records! {
    /// What a user was not allowed, of [`acl_log`].
    AclLogEntry {
        /// How often.
        count: u64 = "count",
        /// What it was about: `command`, `key`, `channel` or `auth`.
        reason: String = "reason",
        /// From where: `toplevel`, `multi`, `lua` or `module`.
        context: String = "context",
        /// The command, key, channel or user: bytes, whatever they are.
        object: Bytes = "object",
        /// The user's name, as whoever tried to log in has given it.
        username: Bytes = "username",
        /// How long ago, in seconds.
        age_seconds: f64 = "age-seconds",
        /// The connection, as [`client_list`](crate::commands::client_list) tells it.
        client_info: String = "client-info",
    }
}

/// A user, of [`acl_getuser`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AclUser {
    /// Such as `on` and `nopass`.
    pub flags: Vec<String>,
    /// The hashes of the passwords.
    pub passwords: Vec<String>,
    /// The rules for commands, such as `-@all +get`.
    pub commands: String,
    /// The rules for keys, such as `~cached:*`.
    pub keys: String,
    /// The rules for channels, such as `&news:*`.
    pub channels: String,
    /// Further rules, each for commands, keys and channels of its own. Redis 7.0.
    pub selectors: Vec<BTreeMap<String, String>>,
}

impl FromValue for AclUser {
    fn from_value(value: Value) -> Result<Self, Error> {
        let mut record = Record::from_value(value)?;
        Ok(Self {
            flags: record.take("flags")?,
            passwords: record.take("passwords")?,
            commands: record.take("commands")?,
            keys: rules(record.take("keys")?)?,
            channels: rules(record.take("channels")?)?,
            selectors: record.take::<Option<_>>("selectors")?.unwrap_or_default(),
        })
    }
}

/// One text since Redis 7.0, one of each rule before.
fn rules(value: Value) -> Result<String, Error> {
    match value {
        Value::Array(_) | Value::Set(_) => Vec::<String>::from_value(value).map(|rules| rules.join(" ")),
        value => FromValue::from_value(value),
    }
}

/// `OK` if there is none.
fn objection(answer: Value) -> Result<Option<String>, Error> {
    match answer {
        Value::Status(status) if status == "OK" => Ok(None),
        answer => String::from_value(answer).map(Some),
    }
}
