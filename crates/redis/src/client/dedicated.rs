//! A connection that somebody has alone: [`Dedicated`].

use std::cell::RefCell;
use std::fmt;

use ekiden_proto::pipeline;
use ekiden_reactor::{AbortHandle, context, spawn_named};
use ekiden_service::{Refused, Service, Status};

use super::shared::asked;
use crate::ask::transact;
use crate::command::{Command, ToArgs};
use crate::error::Error;
use crate::link::{Address, Config, connect_in_time};
use crate::nature::Nature;
use crate::typed::Together;
use crate::value::Value;

/// A connection of the caller's own, from [`Client::dedicated`](super::Client::dedicated).
///
/// What holds for a connection, such as `WATCH` and `SELECT`, is of use here. It is not made anew when it is lost, since
/// that would be lost with it: [`status`](Service::status) is then `Closed`, and calls fail. Dropping it closes it.
///
/// ```no_run
/// use ekiden_redis::client::Outcome;
/// use ekiden_redis::{Client, Commands, commands};
///
/// # async fn run(client: Client) -> Result<(), ekiden_redis::Error> {
/// // Double a number, if nobody changes it meanwhile.
/// let own = client.dedicated().await?;
/// loop {
///     own.watch("number").await?;
///     let number: Option<i64> = own.get("number").await?;
///     let set = commands::set("number", 2 * number.unwrap_or(1));
///     if let Outcome::Done(_) = own.exec((set,)).await? {
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Dedicated {
    /// `None` once a call that blocks was given up.
    calls: RefCell<Option<pipeline::Client<Command, Value>>>,
    /// The task that moves its bytes.
    task: AbortHandle,
}

/// What became of a transaction on keys that were watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was done.
    Done(T),
    /// It was not, since one of the keys has changed.
    Changed,
}

/// Ends the connection of a call that blocks, unless it was answered.
struct Blocked<'a> {
    dedicated: &'a Dedicated,
    is_answered: bool,
}

impl Dedicated {
    pub(super) async fn connect(address: &Address, config: &Config) -> Result<Self, Error> {
        let wire = connect_in_time(address, config).await?;
        let (calls, connection) = pipeline::Client::with_transport(wire, config.dispatch.clone());
        // Nothing on it is tracked or subscribed to; what is pushed all the same is for nobody.
        let connection = connection.on_frame(|frame| (!matches!(frame, Value::Push(_))).then_some(frame));
        let task = context::Context::none()
            .sync_scope(|| spawn_named("redis connection", connection).abort_handle());
        Ok(Self { calls: RefCell::new(Some(calls)), task })
    }

    /// Watches keys, until the next [`exec`](Self::exec): that is done only if nobody has changed them from now on.
    ///
    /// # Cancel safety
    ///
    /// Dropping it may leave them watched.
    ///
    /// # Errors
    ///
    /// Those of a call.
    pub async fn watch(&self, keys: impl ToArgs) -> Result<(), Error> {
        self.call(Command::new("WATCH").arg(keys)).await.map(drop)
    }

    /// Watches nothing any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping it may leave them watched.
    ///
    /// # Errors
    ///
    /// Those of a call.
    pub async fn unwatch(&self) -> Result<(), Error> {
        self.call(Command::new("UNWATCH")).await.map(drop)
    }

    /// Does several commands as one, unless a key that is [watched](Self::watch) has changed. Nothing is watched after it. It may
    /// be of no commands: then it says whether one has changed.
    ///
    /// # Cancel safety
    ///
    /// All or nothing of it is done, and nobody knows which.
    ///
    /// # Errors
    ///
    /// As for [`transaction`](crate::Ask::transaction), but for a key that has changed, which is an [`Outcome`].
    pub async fn exec<G: Together>(&self, group: G) -> Result<Outcome<G::Answers>, Error> {
        let (commands, convert) = group.split();
        match transact(self, commands, convert).await {
            Ok(answers) => Ok(Outcome::Done(answers)),
            Err(error) if error.is_changed() => Ok(Outcome::Changed),
            Err(error) => Err(error),
        }
    }

    fn calls(&self) -> Result<pipeline::Client<Command, Value>, Error> {
        let calls = self.calls.borrow().clone();
        calls.ok_or_else(|| Refused::new("the connection was ended with a call that blocked").into())
    }
}

impl Service for Dedicated {
    type Req = Command;
    type Resp = Value;
    type Error = Error;

    /// Sends a command, and waits for its answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the command back if it was not sent yet; else its answer is passed over. If the command
    /// blocks, the connection ends at once, so that the server takes nothing off a list for a caller who is gone; it is lost to
    /// whoever else waits for an answer on it.
    ///
    /// # Errors
    ///
    /// As for [`Client`](super::Client).
    async fn call(&self, command: Command) -> Result<Value, Error> {
        match Nature::of(&command) {
            Nature::Question | Nature::Changes(_) => asked(&self.calls()?, command).await,
            Nature::Blocks => {
                let calls = self.calls()?;
                let mut blocked = Blocked { dedicated: self, is_answered: false };
                let answer = asked(&calls, command).await;
                blocked.is_answered = true;
                answer
            }
            Nature::Breaks(advice) => Err(Error::misuse(advice)),
        }
    }

    fn status(&self) -> Status {
        self.calls.borrow().as_ref().map_or(Status::Closed, Service::status)
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            // Others that call have their part of it, so to drop ours would end nothing.
            self.dedicated.task.abort();
            let calls = self.dedicated.calls.borrow_mut().take();
            drop(calls);
        }
    }
}

impl fmt::Debug for Dedicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedicated").field("status", &self.status()).finish()
    }
}
