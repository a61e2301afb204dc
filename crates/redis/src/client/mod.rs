//! The client: [`Client`], a service that takes commands and answers values.
//!
//! ```text
//!   Client ── a question ──► Reconnect ──► one connection that all share, pipelined
//!          ── blocks ──────► a connection of its own, one of a few that wait
//!   Dedicated ─────────────► a connection of the caller's
//!   Subscriber ────────────► another, for messages
//! ```
//!
//! How each is made, and what [`Config`] says of it, is in `link`.
//!
//! In reading order: `shared` is the connection that all share, `dedicated` one that somebody has alone; `attempts` says when
//! such are made, and `blocking` has those of commands that wait; `invalidations` are what the server says of keys that have
//! changed, for which `presence` keeps the client connected.

mod shared;
mod dedicated;
mod attempts;
mod blocking;
mod invalidations;
mod presence;

use std::fmt;
use std::rc::Rc;

use ekiden_middleware::Reconnect;
use ekiden_reactor::channel::Notify;
use ekiden_service::{Service, Status};

pub use crate::link::{Address, Config, Protocol, Tracking};
pub use dedicated::{Dedicated, Outcome};
pub use invalidations::{Invalidation, Invalidations};

use crate::command::Command;
use crate::error::Error;
use crate::nature::Nature;
use crate::pubsub::Subscriber;
use crate::value::Value;
use blocking::Blocking;
use invalidations::Readers;
use presence::Presence;
use shared::Connector;

/// A Redis server, as a service: it takes commands, and answers values.
///
/// Clones are cheap and share one connection, on which many calls are under way at the same time: a thousand, and 16 Ki wait
/// behind them, in order ([`Config::dispatch`] has both numbers, and [`Config::reconnect`] how many wait for a connection). What
/// is beyond that is refused, by an error whose [`begun`](ekiden_service::Failure::begun) is `No`: whoever asks again later
/// does nothing twice. The connection is made when it is first needed, and made anew when it was lost, with pauses that grow.
///
/// ```
/// use ekiden_redis::{Client, Commands};
/// # use ekiden_redis::{Command, Error, Value, server};
/// # use ekiden_service::service_fn;
///
/// # ekiden_reactor::run(async {
/// # let listener = ekiden_reactor::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// # let _server = server::serve(listener, service_fn(async |command: Command| {
/// #     Ok::<_, Error>(if command.name() == b"GET" { Value::from("ada") } else { Value::ok() })
/// # }));
/// let client = Client::new(addr);
/// client.set("name", "ada").await?;
/// let name: Option<String> = client.get("name").await?;
/// assert_eq!(name.as_deref(), Some("ada"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Which connection
///
/// Questions go over the shared connection. A command that **blocks** (`BLPOP` and its like, `XREAD` and `XREADGROUP` with
/// `BLOCK`) gets one of its own while it does, so nobody waits behind it. A command that **holds for the connection**
/// (`WATCH`, `SELECT`, `MULTI` by itself) is an error that says what to do instead: others share it, and it would not
/// outlive a reconnect. What is not answered by one reply (`SUBSCRIBE`, `MONITOR`, `REPLCONF`) is an error too, since
/// all behind it would get one another's answers; messages have [`subscriber`](Self::subscriber). A transaction with a command
/// that blocks has a connection of its own, too: nothing blocks in it, but for servers that do not allow `MULTI`.
///
/// A command that nobody here knows, such as a module's, counts as a question. If it blocks it belongs on a connection of
/// [one's own](Self::dedicated).
///
/// # When time runs out
///
/// There is no default time-out of calls. Put a `Timeout` around the client, or set a deadline in the
/// [context](ekiden_reactor::context); calls that block are best made through a client without one. A server that owes
/// answers on the shared connection and says nothing for [a minute](Config::silence_max) is taken for gone, and the connection
/// for lost. A call that blocks is never given up so: should its server vanish, the system notices within two minutes, by its
/// probes or since nobody acknowledges the call (but where a call was sent after it vanished, and the system is not Linux, after a
/// quarter of an hour). A server that is there and takes nothing of what is sent for two minutes is taken for gone too.
///
/// # When the connection is lost
///
/// No command is ever sent twice. Each call under way fails with an error that says by
/// [`begun`](ekiden_service::Failure::begun) whether the server can have begun it: `No`, and it can be sent again, or
/// `Unknown`. Calls made later, those that block too, wait for the next connection, for
/// [ten seconds](ekiden_middleware::ReconnectConfig::wait_timeout), and then fail with `No`. What no further attempt mends, such as a
/// wrong password, is told at once; and so, until the next attempt is due, to those who call meanwhile (after ten seconds at the
/// most), unless they block: these wait for it.
///
/// An answer that is larger than [`Config::limits`] allows ends its connection, since nobody can say where the next begins: on
/// the shared one that is the call of everybody who waits. What may be answered so, as a script of somebody else's, is
/// better asked over a [`dedicated`](Self::dedicated) connection.
#[derive(Clone)]
pub struct Client {
    inner: Rc<Inner>,
}

struct Inner {
    address: Rc<Address>,
    config: Rc<Config>,
    shared: Reconnect<Connector>,
    blocking: Blocking,
    readers: Rc<Readers>,
    presence: Presence,
}

impl Client {
    /// A client of the server at `address`: `"localhost:6379"`, or the path of a Unix socket. It connects when it is first
    /// called, or told to [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// This does not, wherever it runs. The first call on the client does, if no reactor runs on this thread then.
    pub fn new(address: impl Into<Address>) -> Self {
        Self::with_config(address, Config::default())
    }

    /// A client with a configuration: with a password, another data base, other limits.
    ///
    /// # Panics
    ///
    /// As for [`new`](Self::new).
    pub fn with_config(address: impl Into<Address>, config: Config) -> Self {
        let (address, config) = (Rc::new(address.into()), Rc::new(config));
        let readers = Rc::new(Readers::new(config.invalidations_max));
        let lost = Notify::new();
        let connector =
            Connector::new(Rc::clone(&address), Rc::clone(&config), Rc::clone(&readers), lost.clone());
        let shared = Reconnect::with_config(connector, config.reconnect.clone());
        let blocking = Blocking::new(Rc::clone(&address), Rc::clone(&config));
        let presence = Presence::new(lost);
        Self { inner: Rc::new(Inner { address, config, shared, blocking, readers, presence }) }
    }

    /// Connects now, unless it is connected: for a program that wants to know at its start whether there is a server.
    ///
    /// # Cancel safety
    ///
    /// To drop it changes nothing: the attempt goes on.
    ///
    /// # Errors
    ///
    /// What the attempt failed with: nobody is there, or the server does not take the password. A refusal if it took longer
    /// than [`connect_timeout`](ekiden_middleware::ReconnectConfig::connect_timeout) of [`Config::reconnect`], 5 s by default, or
    /// if too many wait for it already ([`waiting_max`](ekiden_middleware::ReconnectConfig::waiting_max)); and one that says that
    /// time ran out if the [deadline](ekiden_reactor::context::deadline) of the caller has passed. In all of these nothing was
    /// begun.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect(&self) -> Result<(), Error> {
        self.inner.shared.connect().await
    }

    /// A connection of the caller's own, for what holds for a connection: `WATCH`, `WAIT`, `SELECT`.
    ///
    /// Each call makes one, and how many there are at a time nobody limits but the server (`maxclients`, 10,000 by default): keep
    /// the one that you have.
    ///
    /// # Cancel safety
    ///
    /// To drop it gives the attempt up.
    ///
    /// # Errors
    ///
    /// If no connection can be made, by the [deadline](ekiden_reactor::context::deadline) of the caller and within
    /// [`connect_timeout`](ekiden_middleware::ReconnectConfig::connect_timeout) of [`Config::reconnect`]: 5 s by default, with
    /// look-up, connecting and greeting. It is one attempt.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn dedicated(&self) -> Result<Dedicated, Error> {
        Dedicated::connect(&self.inner.address, &self.inner.config).await
    }

    /// Whoever listens to messages of channels and patterns, on a connection of its own. It connects when it is first asked
    /// for something, and then tries until it can: an attempt takes no longer than
    /// [`connect_timeout`](ekiden_middleware::ReconnectConfig::connect_timeout) of [`Config::reconnect`], 5 s by default, and is
    /// followed by a pause and another. How many there are nobody limits but the server.
    pub fn subscriber(&self) -> Subscriber {
        Subscriber::new(Rc::clone(&self.inner.address), Rc::clone(&self.inner.config))
    }

    /// What the server says of keys that have changed, from now on; see [`Config::tracking`], without which it says nothing.
    ///
    /// If it is to tell about keys [whoever reads them](Tracking::prefixes), it connects now, and anew when the connection is lost,
    /// though nobody calls: until then it tells nothing, so wait for [`connect`](Self::connect) before what is read.
    ///
    /// The stream ends when the last client is dropped.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, and it has to connect.
    pub fn invalidations(&self) -> Invalidations {
        let Inner { config, shared, readers, presence, .. } = &*self.inner;
        let stream = Invalidations::new(readers);
        if config.tells_whoever_reads() {
            presence.begin(shared, readers, &config.reconnect);
        }
        stream
    }
}

impl Service for Client {
    type Req = Command;
    type Resp = Value;
    type Error = Error;

    /// Sends a command, and waits for its answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the command back if it was not sent yet; else the server serves it, and its answer is passed
    /// over. Others do not notice. A command that blocks is given up with its connection, and the server with it: nothing is
    /// taken off a list for a caller who is gone, but for what was on its way already.
    ///
    /// # Errors
    ///
    /// An error of the server, too, is an error of the call. [`Error`] says whose fault it was and whether it was begun.
    async fn call(&self, command: Command) -> Result<Value, Error> {
        match Nature::of(&command) {
            Nature::Question => self.inner.shared.call(command).await,
            // In a box, since the usual call has no use for it.
            Nature::Blocks => Box::pin(self.inner.blocking.call(command)).await,
            Nature::Changes(advice) | Nature::Breaks(advice) => Err(Error::misuse(advice)),
        }
    }

    fn status(&self) -> Status {
        self.inner.shared.status()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { address, shared, .. } = &*self.inner;
        f.debug_struct("Client").field("address", address).field("shared", shared).finish_non_exhaustive()
    }
}
