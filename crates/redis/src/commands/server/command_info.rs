//! What commands the server knows.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::commands::table::{commands, options, records};
use crate::{Command, Error, FromValue, ToArg, ToArgs, Value};

commands! { server_command_methods;
    /// How many commands there are.
    ///
    /// Redis 2.8.13.
    Reads "COMMAND COUNT" command_count() -> u64;

    /// What is to be known of the commands with these names, or with `()` of all, for people.
    ///
    /// Redis 7.0.
    Reads "COMMAND DOCS" command_docs(names: impl ToArgs) -> BTreeMap<String, CommandDocs>;

    /// The keys of a command with its arguments.
    ///
    /// Redis 2.8.13.
    Reads "COMMAND GETKEYS" command_getkeys(command: &Command) -> Vec<Bytes> =
        command.args().fold(Command::new("COMMAND GETKEYS"), Command::arg);

    /// The keys of a command with its arguments, each with what becomes of it, such as `RO` and `access`.
    ///
    /// Redis 7.0.
    Reads "COMMAND GETKEYSANDFLAGS" command_getkeysandflags(command: &Command) -> Vec<(Bytes, Vec<String>)> =
        command.args().fold(Command::new("COMMAND GETKEYSANDFLAGS"), Command::arg);

    /// What is to be known of the commands with these names, in their order, or with `()` of all, for programs;
    /// `None` for each that there is not.
    ///
    /// Redis 2.8.13; all by `()` 7.0.
    Reads "COMMAND INFO" command_info(names: impl ToArgs) -> Vec<Option<CommandInfo>>;

    /// The names of all commands. [`CommandList`] has some of them.
    ///
    /// Redis 7.0.
    Reads "COMMAND LIST" command_list() -> Vec<String> as CommandList;
}

options! {
    /// [`command_list`] with its options, one of three.
    CommandList -> Vec<String> {
        /// Only those of a module.
        of_module(name: impl ToArg) = "FILTERBY", "MODULE", name;
        /// Only those of a category.
        of_category(name: impl ToArg) = "FILTERBY", "ACLCAT", name;
        /// Only those whose names match a pattern.
        matching(pattern: impl ToArg) = "FILTERBY", "PATTERN", pattern;
    }
}

records! {
    /// What people should know of a command, of [`command_docs`].
    CommandDocs {
        /// What it does.
        summary: Option<String> = "summary",
        /// Since which version of Redis.
        since: Option<String> = "since",
        /// To which group it belongs.
        group: Option<String> = "group",
        /// How much work it is.
        complexity: Option<String> = "complexity",
        /// What its documentation says of it, such as `deprecated`.
        doc_flags: Option<Vec<String>> = "doc_flags",
        /// Since when it should not be used any more.
        deprecated_since: Option<String> = "deprecated_since",
        /// What should be used instead.
        replaced_by: Option<String> = "replaced_by",
        /// What changed in which version.
        history: Option<Vec<(String, String)>> = "history",
        /// Its arguments, as the server says it.
        arguments: Option<Value> = "arguments",
        /// Its subcommands, by their full names: `config|get`.
        subcommands: Option<BTreeMap<String, CommandDocs>> = "subcommands",
    }
}

/// What programs should know of a command, of [`command_info`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CommandInfo {
    /// Its name.
    pub name: String,
    /// How many arguments it has with its name; at least so many if negative.
    pub arity: i64,
    /// Such as `readonly` and `blocking`.
    pub flags: Vec<String>,
    /// Which argument is the first key; 0 if there are none.
    pub first_key: i64,
    /// Which is the last; counted from the end if negative.
    pub last_key: i64,
    /// How far it is from key to key.
    pub key_step: i64,
    /// Its categories.
    pub acl_categories: Vec<String>,
    /// Hints for clients, such as `request_policy:all_shards`. Redis 7.0.
    pub tips: Vec<String>,
    /// Where its keys are, as the server says it. Redis 7.0.
    pub key_specifications: Value,
    /// Its subcommands, by their full names: `config|get`. Redis 7.0.
    pub subcommands: Vec<Self>,
}

impl FromValue for CommandInfo {
    fn from_value(value: Value) -> Result<Self, Error> {
        let mut parts = Vec::<Value>::from_value(value)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        Ok(Self {
            name: String::from_value(part())?,
            arity: i64::from_value(part())?,
            flags: Vec::from_value(part())?,
            first_key: i64::from_value(part())?,
            last_key: i64::from_value(part())?,
            key_step: i64::from_value(part())?,
            acl_categories: Vec::from_value(part())?,
            tips: Option::from_value(part())?.unwrap_or_default(),
            key_specifications: part(),
            subcommands: Option::from_value(part())?.unwrap_or_default(),
        })
    }
}
