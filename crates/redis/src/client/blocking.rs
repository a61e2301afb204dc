//! Commands that block, each on a connection of its own: [`Blocking`].
//!
//! A connection is made for a command, and kept for the next when that is answered. One whose caller is gone is ended with
//! the call: what the server would take off a list for it nobody would see.
//!
//! While none can be made, those who want one wait, and [`Attempts`] has one of them try at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ekiden_reactor::{Elapsed, Instant, context, timeout_at};
use ekiden_service::{Expired, Refused, Service, Status};

use super::attempts::{Attempt, Attempts};
use super::dedicated::Dedicated;
use crate::command::Command;
use crate::error::Error;
use crate::link::{Address, Config};
use crate::value::Value;

pub(super) struct Blocking {
    address: Rc<Address>,
    config: Rc<Config>,
    attempts: Attempts,
    /// Those that wait for a command, the last one used at the end.
    idle: RefCell<Vec<Dedicated>>,
    busy: Cell<usize>,
}

/// A place among the busy ones.
struct Place<'a>(&'a Cell<usize>);

impl Blocking {
    pub(super) fn new(address: Rc<Address>, config: Rc<Config>) -> Self {
        let attempts = Attempts::new(config.reconnect.clone());
        Self { address, config, attempts, idle: RefCell::default(), busy: Cell::new(0) }
    }

    pub(super) async fn call(&self, command: Command) -> Result<Value, Error> {
        if context::is_expired() {
            return Err(Expired::unbegun().into());
        }
        let _place = self.enter()?;
        if let Some(connection) = self.take() {
            let answer = connection.call(command).await;
            self.keep(connection);
            return answer;
        }
        let (connection, attempt) = self.connect().await?;
        let answer = connection.call(command).await;
        if answer.is_err() && connection.status() == Status::Closed {
            self.attempts.handle_useless(attempt);
        } else {
            self.attempts.handle_useful();
        }
        self.keep(connection);
        answer
    }

    /// Another connection, when there can be one, within the time for it.
    async fn connect(&self) -> Result<(Dedicated, Attempt), Error> {
        let limit = Instant::now() + self.config.reconnect.wait_timeout;
        let limit = context::deadline().map_or(limit, |deadline| deadline.min(limit));
        let connected = self.attempts.make(async || Dedicated::connect(&self.address, &self.config).await);
        match timeout_at(limit, connected).await {
            Ok(connected) => connected,
            // That his time is over the caller knows. Why there was no connection in it he does not.
            Err(Elapsed) if context::is_expired() => {
                Err(self.attempts.failed_by().unwrap_or_else(|| Expired::unbegun().into()))
            }
            Err(Elapsed) => Err(self.attempts.why()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::net::{TcpListener, TcpStream};
    use ekiden_reactor::{Latch, run, spawn, yield_now};

    /// Greets a connection and answers one command.
    async fn answer_one(listener: &TcpListener) -> TcpStream {
        let (stream, _peer) = listener.accept().await.unwrap();
        for answer in ["+OK\r\n", "$1\r\na\r\n"] {
            assert!(stream.read(&mut [0; 256]).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        stream
    }

    #[test]
    fn a_connection_that_was_closed_while_it_was_idle_is_not_used_again() {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let blocking =
                Blocking::new(Rc::new(listener.local_addr().unwrap().into()), Rc::new(Config::default()));
            let is_kept = Rc::<Latch>::default();
            let closing = Rc::clone(&is_kept);
            let serving = spawn(async move {
                let first = answer_one(&listener).await;
                closing.wait().await;
                drop(first);
                answer_one(&listener).await
            });
            let pop = || Command::new("BLPOP").arg("a").arg(0);
            assert_eq!(blocking.call(pop()).await.unwrap(), Value::from("a"));
            assert_eq!(blocking.idle.borrow().len(), 1);
            is_kept.open();
            let is_closed = || blocking.idle.borrow().iter().all(|idle| idle.status() == Status::Closed);
            while !is_closed() {
                yield_now().await;
            }
            assert_eq!(blocking.call(pop()).await.unwrap(), Value::from("a"));
            drop(serving.await);
        });
    }
}
