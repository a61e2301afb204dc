//! What the server knows of a connection: [`ClientInfo`].

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::{Error, FromValue, Value};

/// What the server knows of a connection, of [`client_info`](super::client_info()) and
/// [`client_list`](super::client_list).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// Its number.
    pub id: u64,
    /// From where it comes, as `ip:port`.
    pub addr: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What it asked last, such as `client|list`.
    pub cmd: String,
    /// Whose it is. Redis 6.0.
    pub user: Option<String>,
    /// For how many seconds there has been one.
    pub age_seconds: u64,
    /// For how many seconds it has been idle.
    pub idle_seconds: u64,
    /// Its data base.
    pub db: u32,
    /// All there is, by the server's names: `qbuf`, `tot-mem`, `flags`, …
    pub values: BTreeMap<String, String>,
}

impl ClientInfo {
    /// One of the values, as a number or the like; `None` if there is none, or it is no such.
    pub fn parse<T: FromStr>(&self, name: &str) -> Option<T> {
        self.values.get(name)?.parse().ok()
    }

    /// Of a text with a line each.
    pub(super) fn each(answer: Value) -> Result<Vec<Self>, Error> {
        String::from_value(answer)?.lines().filter(|line| !line.is_empty()).map(Self::of_line).collect()
    }

    fn of_line(line: &str) -> Result<Self, Error> {
        // No value has blanks: the server refuses such names.
        let pairs = line.split_ascii_whitespace().filter_map(|pair| pair.split_once('='));
        let values: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let text = |name: &str| values.get(name).filter(|value| !value.is_empty()).cloned();
        let number = |name: &str| values.get(name).and_then(|value| value.parse().ok());
        let missing = || Error::unfit("what is known of a connection", "a line without its number");
        Ok(Self {
            id: number("id").ok_or_else(missing)?,
            addr: text("addr").unwrap_or_default(),
            name: text("name"),
            cmd: text("cmd").unwrap_or_default(),
            user: text("user"),
            age_seconds: number("age").unwrap_or_default(),
            idle_seconds: number("idle").unwrap_or_default(),
            db: number("db").and_then(|db| u32::try_from(db).ok()).unwrap_or_default(),
            values,
        })
    }
}

impl FromValue for ClientInfo {
    fn from_value(value: Value) -> Result<Self, Error> {
        Self::of_line(&String::from_value(value)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_a_line_of_names_and_values() {
        let text = "id=3 addr=127.0.0.1:5 name=me age=10 idle=2 db=1 cmd=client|list user=default qbuf=26\n\
                    id=4 addr=[::1]:5 name= age=0 idle=0 db=0 cmd=NULL\n";
        let clients = ClientInfo::each(Value::from(text)).unwrap();
        let [first, second] = &clients[..] else { panic!("two lines: {clients:?}") };
        assert_eq!((first.id, first.db, first.age_seconds, first.idle_seconds), (3, 1, 10, 2));
        assert_eq!(
            (first.name.as_deref(), first.user.as_deref(), &first.cmd[..]),
            (Some("me"), Some("default"), "client|list")
        );
        assert_eq!(first.parse("qbuf"), Some(26));
        assert_eq!((&second.addr[..], &second.name, second.user.as_deref()), ("[::1]:5", &None, None));
        assert!(ClientInfo::each(Value::from("addr=1\n")).is_err());
    }
}
