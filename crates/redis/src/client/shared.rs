//! The connection that all callers share: [`Connector`] makes it, and it is a [`Shared`].

use std::cell::Cell;
use std::rc::Rc;

use ekiden_proto::pipeline;
use ekiden_reactor::channel::Notify;
use ekiden_reactor::{context, spawn_named};
use ekiden_service::{Service, Status};

use super::invalidations::Readers;
use crate::command::Command;
use crate::error::Error;
use crate::link::{Address, Config, Purpose, connect};
use crate::value::Value;
use crate::verdict::Runs;

/// Makes the shared connection, each time that it is needed.
pub(super) struct Connector {
    address: Rc<Address>,
    config: Rc<Config>,
    readers: Rc<Readers>,
    /// Tells that the connection is lost.
    lost: Notify,
    has_connected: Cell<bool>,
}

/// One connection, greeted, with a task of its own that moves its bytes.
pub(super) struct Shared {
    calls: pipeline::Client<Command, Value>,
}

impl Connector {
    pub(super) fn new(address: Rc<Address>, config: Rc<Config>, readers: Rc<Readers>, lost: Notify) -> Self {
        Self { address, config, readers, lost, has_connected: Cell::new(false) }
    }
}

impl Service for Connector {
    type Req = ();
    type Resp = Shared;
    type Error = Error;

    async fn call(&self, (): ()) -> Result<Shared, Error> {
        let wire = connect(&self.address, &self.config, Purpose::Shared).await?;
        if self.has_connected.replace(true) && self.config.tells_whoever_reads() {
            // What was read meanwhile, over other connections, nobody told about.
            self.readers.handle_lost();
        }
        let (calls, connection) = pipeline::Client::with_transport(wire, self.config.dispatch.clone());
        let readers = Rc::downgrade(&self.readers);
        let connection = connection.on_frame(move |frame| match frame {
            Value::Push(push) => {
                if let Some(readers) = readers.upgrade() {
                    readers.handle_push(push);
                }
                None
            }
            answer => Some(answer),
        });
        let (readers, lost) = (Rc::downgrade(&self.readers), self.lost.clone());
        let life = async move {
            // Its end concerns the callers, and each of them is told.
            drop(connection.await);
            if let Some(readers) = readers.upgrade() {
                // From here on nobody tells what changes.
                readers.handle_lost();
            }
            lost.notify_waiters();
        };
        context::Context::none().sync_scope(|| drop(spawn_named("redis client", life)));
        Ok(Shared { calls })
    }
}

impl Service for Shared {
    type Req = Command;
    type Resp = Value;
    type Error = Error;

    async fn call(&self, command: Command) -> Result<Value, Error> {
        asked(&self.calls, command).await
    }

    fn status(&self) -> Status {
        self.calls.status()
    }
}

/// Asks a command on a connection. An answer that says no is the error of the call.
#[inline]
pub(super) async fn asked(
    calls: &pipeline::Client<Command, Value>,
    command: Command,
) -> Result<Value, Error> {
    let runs = Runs::of(&command);
    match calls.call(command).await {
        Ok(Value::Error(error)) if runs == Runs::Script => Err(Error::of_script(error)),
        Ok(Value::Error(error)) => Err(error.into()),
        Ok(value) => Ok(value),
        Err(error) => Err(error.into()),
    }
}
