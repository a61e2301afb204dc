//! All connections of the server, and what it does with each.

use std::time::Duration;

use crate::commands::ClientInfo;
use crate::commands::table::{commands, options, records};
use crate::{Command, ToArg, ToArgs};

commands! { client_methods;
    /// Says whether the keys of the next command are tracked, where [`client_tracking`] leaves that to each.
    ///
    /// Redis 6.0.
    Binds "CLIENT CACHING" client_caching(caching: Switch) -> () =
        Command::new("CLIENT CACHING").arg(caching.yes_or_no());

    /// The name of this connection; `None` if it has none.
    ///
    /// Redis 2.6.9.
    Reads "CLIENT GETNAME" client_getname() -> Option<String>;

    /// Which connection is told of keys that have changed: its number, 0 if it is this one, -1 if none is.
    ///
    /// Redis 6.0.
    Reads "CLIENT GETREDIR" client_getredir() -> i64;

    /// The number of this connection.
    ///
    /// Redis 5.0.
    Reads "CLIENT ID" client_id() -> u64;

    /// What the server knows of this connection.
    ///
    /// Redis 6.2.
    Reads "CLIENT INFO" client_info() -> ClientInfo;

    /// Ends connections: those for which all of the options of [`ClientKill`] hold, of which there must be one.
    /// Answers how many.
    ///
    /// Redis 2.8.12.
    Writes "CLIENT KILL" client_kill() -> u64 as ClientKill;

    /// What the server knows of its connections: of all, unless [`ClientList`] says of which.
    ///
    /// Redis 2.4.
    Reads "CLIENT LIST" client_list() -> Vec<ClientInfo> as ClientList =
        ClientList::from(Command::new("CLIENT LIST"));

    /// Says whether this connection may be ended when the server has too little memory for all.
    ///
    /// Redis 7.0.
    Binds "CLIENT NO-EVICT" client_no_evict(no_evict: Switch) -> () =
        Command::new("CLIENT NO-EVICT").arg(no_evict.on_or_off());

    /// Has all commands of all connections wait for so long; or only those that write, by [`ClientPause`].
    ///
    /// Redis 3.0.
    Writes "CLIENT PAUSE" client_pause(time: Duration) -> () as ClientPause =
        Command::new("CLIENT PAUSE").arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));

    /// Gives this connection a name.
    ///
    /// Redis 2.6.9.
    Configures "CLIENT SETNAME" client_setname(name: impl ToArg) -> ();

    /// Says whether the server tells when keys change that were read here. [`ClientTracking`] says of which, and
    /// whom. For a client as a whole put it into its configuration.
    ///
    /// Redis 6.0.
    Configures "CLIENT TRACKING" client_tracking(tracking: Switch) -> () as ClientTracking =
        Command::new("CLIENT TRACKING").arg(tracking.on_or_off());

    /// What of this connection is tracked.
    ///
    /// Redis 6.2.
    Reads "CLIENT TRACKINGINFO" client_trackinginfo() -> TrackingInfo;

    /// Ends the waiting of a connection whose command blocks, as if its time were over, or with an error by
    /// [`ClientUnblock`]. Answers whether one did.
    ///
    /// Redis 5.0.
    Writes "CLIENT UNBLOCK" client_unblock(id: u64) -> bool as ClientUnblock;

    /// Ends a [`client_pause`].
    ///
    /// Redis 6.2.
    Writes "CLIENT UNPAUSE" client_unpause() -> ();
}

options! {
    /// [`client_kill`] with its options.
    ClientKill -> u64 {
        /// The one with that number.
        id(id: u64) = "ID", id;
        /// Those of a kind.
        of_type(kind: ClientType) = "TYPE", kind;
        /// Those of a user. Redis 6.0.
        user(user: impl ToArg) = "USER", user;
        /// The one from that address, as `ip:port`.
        addr(addr: impl ToArg) = "ADDR", addr;
        /// Those to that address of the server's. Redis 6.2.
        laddr(addr: impl ToArg) = "LADDR", addr;
        /// Not this one, which is so unless said.
        skipme() = "SKIPME", "yes";
        /// This one too, if the rest holds.
        including_me() = "SKIPME", "no";
    }

    /// [`client_list`] with its options, one of two.
    ClientList -> Vec<ClientInfo> = ClientInfo::each {
        /// Only those of a kind. Redis 5.0.
        of_type(kind: ClientType) = "TYPE", kind;
        /// Only those with these numbers. Redis 6.2.
        ids(ids: impl ToArgs) = "ID", ids;
    }

    /// [`client_pause`] with its options, one of two.
    ClientPause -> () {
        /// Only what writes. Redis 6.2.
        write() = "WRITE";
        /// Everything, which is so unless said. Redis 6.2.
        all() = "ALL";
    }

    /// [`client_tracking`] with its options.
    ClientTracking -> () {
        /// It is another connection that is told.
        redirect(id: u64) = "REDIRECT", id;
        /// Of all keys that begin so, read or not; with [`bcast`](Self::bcast). May be said more than once.
        prefix(prefix: impl ToArg) = "PREFIX", prefix;
        /// Of all keys, read or not.
        bcast() = "BCAST";
        /// Of keys read behind [`client_caching`] with `On` only.
        optin() = "OPTIN";
        /// Not of keys read behind [`client_caching`] with `Off`.
        optout() = "OPTOUT";
        /// Not of keys that this connection itself changes.
        noloop() = "NOLOOP";
    }

    /// [`client_unblock`] with its options, one of two.
    ClientUnblock -> bool {
        /// As if its time were over, which is so unless said.
        timeout() = "TIMEOUT";
        /// With an error (`UNBLOCKED`).
        error() = "ERROR";
    }
}

records! {
    /// What of a connection is tracked, of [`client_trackinginfo`].
    TrackingInfo {
        /// Such as `on`, `off`, `bcast`.
        flags: Vec<String> = "flags",
        /// Which connection is told: its number, 0 if it is this one, -1 if none is.
        redirect: i64 = "redirect",
        /// How keys begin of which it is told without reading them.
        prefixes: Vec<String> = "prefixes",
    }
}

/// Whether something is so from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Switch {
    fn on_or_off(self) -> &'static str {
        match self {
            Self::On => "ON",
            Self::Off => "OFF",
        }
    }

    fn yes_or_no(self) -> &'static str {
        match self {
            Self::On => "YES",
            Self::Off => "NO",
        }
    }
}

/// A kind of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientType {
    /// Of clients that send commands.
    Normal,
    /// To the server that this one follows.
    Primary,
    /// Of servers that follow this one.
    Replica,
    /// Of clients that listen to channels.
    Pubsub,
}

impl ToArgs for ClientType {
    fn push_to(&self, command: &mut Command) {
        // The words that every version knows.
        let word = match self {
            Self::Normal => "normal",
            Self::Primary => "master",
            Self::Replica => "replica",
            Self::Pubsub => "pubsub",
        };
        command.push(word.as_bytes());
    }
}

impl ToArg for ClientType {}
