//! Commands that block, each on a connection of its own: [`Blocking`].
//!
//! A connection is made for a command, and kept for the next when that is answered. One whose caller is gone is ended with
//! the call: what the server would take off a list for it nobody would see.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ekiden_reactor::context;
use ekiden_service::{Expired, Refused, Service, Status};

use super::address::Address;
use super::config::Config;
use super::dedicated::Dedicated;
use crate::command::Command;
use crate::error::Error;
use crate::value::Value;

pub(super) struct Blocking {
    address: Rc<Address>,
    config: Rc<Config>,
    /// Those that wait for a command, the last one used at the end.
    idle: RefCell<Vec<Dedicated>>,
    busy: Cell<usize>,
}

/// A place among the busy ones.
struct Place<'a>(&'a Cell<usize>);

impl Blocking {
    pub(super) fn new(address: Rc<Address>, config: Rc<Config>) -> Self {
        Self { address, config, idle: RefCell::default(), busy: Cell::new(0) }
    }

    pub(super) async fn call(&self, command: Command) -> Result<Value, Error> {
        if context::is_expired() {
            return Err(Expired::unbegun().into());
        }
        let _place = self.enter()?;
        let connection = match self.take() {
            Some(connection) => connection,
            None => Dedicated::connect(&self.address, &self.config).await?,
        };
        let answer = connection.call(command).await;
        self.keep(connection);
        answer
    }

    fn enter(&self) -> Result<Place<'_>, Error> {
        if self.busy.get() >= self.config.blocking_max {
            return Err(Refused::new("too many calls block already").into());
        }
        self.busy.set(self.busy.get() + 1);
        Ok(Place(&self.busy))
    }

    /// One that still stands.
    fn take(&self) -> Option<Dedicated> {
        loop {
            let connection = self.idle.borrow_mut().pop()?;
            if connection.status() != Status::Closed {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Dedicated) {
        let mut idle = self.idle.borrow_mut();
        if connection.status() != Status::Closed && idle.len() < self.config.blocking_idle_max {
            idle.push(connection);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
