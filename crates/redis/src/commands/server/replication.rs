//! Who follows whom: primaries, and replicas that have what they have.

use crate::commands::table::{commands, options};
use crate::{Command, Error, FromValue, ToArg, Value};

commands! { server_replication_methods;
    /// Has a replica take over as primary, and this server follow it. It waits for the replica in the background.
    /// [`Failover`] says which, and for how long.
    ///
    /// Redis 6.2.
    Writes "FAILOVER" failover() -> () as Failover;

    /// Has the server follow another one. What it has is lost.
    ///
    /// Redis 5.0.
    Writes "REPLICAOF" replicaof(host: impl ToArg, port: u16) -> ();

    /// Has the server follow nobody any more.
    ///
    /// Redis 5.0.
    Writes "REPLICAOF" replicaof_no_one() -> () = Command::new("REPLICAOF NO ONE");

    /// Whether the server is a primary, a replica or a sentinel, and of whom.
    ///
    /// Redis 2.8.12.
    Reads "ROLE" role() -> Role;
}

options! {
    /// [`failover`] with its options.
    Failover -> () {
        /// That replica, and no other.
        to(host: impl ToArg, port: u16) = "TO", host, port;
        /// Even if that replica does not have everything, once the time is over; with [`to`](Self::to) in front, and
        /// [`timeout`](Self::timeout) behind.
        force() = "FORCE";
        /// For no longer than so many milliseconds.
        timeout(milliseconds: u64) = "TIMEOUT", milliseconds;
        /// Takes back one that is waiting.
        abort() = "ABORT";
    }
}

/// What a server is among others, of [`role`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It has the data.
    Primary {
        /// How much it has told its replicas, in bytes.
        offset: u64,
        /// Who follows it.
        replicas: Vec<Replica>,
    },
    /// It follows a primary.
    Replica {
        /// Its primary's host.
        host: String,
        /// Its primary's port.
        port: u16,
        /// How it is connected: `connected`, `connecting`, `sync`, …
        state: String,
        /// How much it has heard, in bytes; -1 at first.
        offset: i64,
    },
    /// It watches over others.
    Sentinel {
        /// The names of the primaries that it watches over.
        primaries: Vec<String>,
    },
}

/// Who follows a primary.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replica {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How much it has said to have heard, in bytes.
    pub offset: u64,
}

impl FromValue for Role {
    fn from_value(value: Value) -> Result<Self, Error> {
        let mut parts = Vec::<Value>::from_value(value)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        match &String::from_value(part())?[..] {
            "master" => {
                Ok(Self::Primary { offset: u64::from_value(part())?, replicas: Vec::from_value(part())? })
            }
            "slave" => Ok(Self::Replica {
                host: String::from_value(part())?,
                port: u16::from_value(part())?,
                state: String::from_value(part())?,
                offset: i64::from_value(part())?,
            }),
            "sentinel" => Ok(Self::Sentinel { primaries: Vec::from_value(part())? }),
            _ => Err(Error::unfit("a role", "one that is not known")),
        }
    }
}

impl FromValue for Replica {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (host, port, offset) = FromValue::from_value(value)?;
        Ok(Self { host, port, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_parts_of_its_own() {
        let role = |value: Vec<Value>| Role::from_value(Value::Array(value)).unwrap();
        let replica = Value::from(vec!["127.0.0.1", "9001", "3129659"]);
        assert_eq!(
            role(vec!["master".into(), 3_129_659.into(), Value::Array(vec![replica])]),
            Role::Primary {
                offset: 3_129_659,
                replicas: vec![Replica { host: "127.0.0.1".into(), port: 9001, offset: 3_129_659 }],
            }
        );
        assert_eq!(
            role(vec!["slave".into(), "127.0.0.1".into(), 9000.into(), "connecting".into(), (-1).into()]),
            Role::Replica { host: "127.0.0.1".into(), port: 9000, state: "connecting".into(), offset: -1 }
        );
        assert_eq!(
            role(vec!["sentinel".into(), vec!["one", "two"].into()]),
            Role::Sentinel { primaries: vec!["one".into(), "two".into()] }
        );
        assert!(Role::from_value(Value::from(vec!["other"])).is_err());
    }
}
