//! When connections are made, for many of whom each wants one of his own: [`Attempts`].
//!
//! ```text
//!   the last was of use ──► all at once
//!   it was not ───────────► one at a time, each after its pause
//! ```
//!
//! It knows not what a connection is; the shared one has a [`Reconnect`](ekiden_middleware::Reconnect), which behaves alike.

use std::cell::{Cell, RefCell};

use ekiden_middleware::{ReconnectConfig, WhileApart};
use ekiden_reactor::channel::Mutex;
use ekiden_reactor::{Instant, sleep_until};
use ekiden_service::{Failure, Fault, Refused};

use crate::error::Error;

pub(super) struct Attempts {
    config: ReconnectConfig,
    /// Attempts that failed, and connections that were of no use, in a row.
    failures: Cell<u32>,
    /// When the next attempt may be made. Set while there are failures.
    due: Cell<Option<Instant>>,
    /// What the last that failed has failed with.
    why: RefCell<Option<Error>>,
    /// Whose turn it is, while there are failures.
    turn: Mutex<()>,
}

/// Which attempt a connection came of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    since: Instant,
    /// How many had failed before.
    failures: u32,
}

impl Attempts {
    pub(super) fn new(config: ReconnectConfig) -> Self {
        let (failures, due, why) = (Cell::new(0), Cell::new(None), RefCell::default());
        Self { config, failures, due, why, turn: Mutex::new(()) }
    }

    /// Makes attempts, each when it is due, until one succeeds; or one fails in a way that no further one mends, or when nobody
    /// shall wait.
    pub(super) async fn make<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<(T, Attempt), Error> {
        loop {
            let turn = if self.failures.get() > 0 { Some(self.turn.lock().await) } else { None };
            let failures = self.failures.get();
            // Who waited for his turn and finds that all is well holds up nobody.
            let turn = turn.filter(|_| failures > 0);
            if let Some(due) = self.due.get() {
                let waits = self.config.while_apart == WhileApart::Wait;
                if !waits && Instant::now() < due {
                    return Err(self.why());
                }
                sleep_until(due).await;
            }
            let since = Instant::now();
            let error = match attempt().await {
                Ok(connection) => return Ok((connection, Attempt { since, failures })),
                Err(error) => error,
            };
            *self.why.borrow_mut() = Some(error.clone());
            self.handle_failed(failures, Instant::now());
            drop(turn);
            if error.fault() == Fault::Caller || self.config.while_apart == WhileApart::Refuse {
                return Err(error);
            }
        }
    }

    /// A connection has answered something.
    pub(super) fn handle_useful(&self) {
        self.failures.set(0);
        self.due.set(None);
    }

    /// A connection was lost before it had answered anything. One that stood for longer than any pause was of use for all
    /// that.
    pub(super) fn handle_useless(&self, attempt: Attempt) {
        if attempt.since + self.config.backoff.max < Instant::now() {
            self.handle_useful();
        } else {
            self.handle_failed(attempt.failures, attempt.since);
        }
    }

    /// Those that are made at the same time, and fail, have failed once.
    fn handle_failed(&self, failures: u32, since: Instant) {
        if self.failures.get() == failures {
            self.failures.set(failures.saturating_add(1));
            self.due.set(Some(since + self.config.pause(self.failures.get())));
        }
    }

    /// What the last attempt failed with, if the last was of no use.
    pub(super) fn failed_by(&self) -> Option<Error> {
        if self.failures.get() > 0 { self.why.borrow().clone() } else { None }
    }

    /// Why there is no connection.
    pub(super) fn why(&self) -> Error {
        let why = self.why.borrow().clone();
        why.unwrap_or_else(|| Refused::new("there was no connection in time").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::driver::hand::{Clock, Hand};
    use ekiden_reactor::{Config, JoinHandle, Reactor, spawn, yield_now};
    use std::rc::Rc;
    use std::time::Duration;

    /// Those who make attempts, and what comes of them.
    struct World {
        attempts: Attempts,
        made: Cell<usize>,
        /// With what they fail.
        failing: RefCell<Option<Error>>,
    }

    fn by_hand(test: impl AsyncFnOnce(Rc<World>, Clock)) {
        let (hand, clock) = Hand::new().expect("the system gives a driver");
        Reactor::with_driver(Config::default(), hand).run(async {
            let attempts = Attempts::new(ReconnectConfig::default());
            let away = Refused::new("away").into();
            let world = World { attempts, made: Cell::new(0), failing: RefCell::new(Some(away)) };
            test(Rc::new(world), clock).await;
        });
    }

    fn make(world: &Rc<World>) -> JoinHandle<Result<Attempt, Error>> {
        let world = Rc::clone(world);
        spawn(async move {
            let attempt = async || {
                world.made.set(world.made.get() + 1);
                yield_now().await;
                world.failing.borrow().clone().map_or(Ok(()), Err)
            };
            world.attempts.make(attempt).await.map(|((), attempt)| attempt)
        })
    }

    async fn pass(clock: &Clock, milliseconds: u64) {
        for _ in 0..milliseconds / 10 {
            clock.pass(Duration::from_millis(10)).await;
            for _ in 0..10 {
                yield_now().await;
            }
        }
    }

    #[test]
    fn while_none_can_be_made_one_tries_at_a_time() {
        by_hand(async |world, clock| {
            let calls: Vec<_> = (0..100).map(|_| make(&world)).collect();
            pass(&clock, 10).await;
            assert_eq!(world.made.get(), 100, "all at once, since all was well");
            // Steps of 100, 200, 400 and 800 ms, of which each pause is the upper half.
            pass(&clock, 1_500).await;
            let made = world.made.get() - 100;
            assert!((4..=5).contains(&made), "{made}");
            assert!(world.attempts.failed_by().is_some());
            world.failing.take();
            pass(&clock, 1_700).await;
            for call in calls {
                call.await.unwrap().unwrap();
            }
            world.attempts.handle_useful();
            assert!(world.attempts.failed_by().is_none(), "all is well");
        });
    }

    #[test]
    fn what_no_further_attempt_mends_is_told_and_asked_for_with_pauses() {
        by_hand(async |world, clock| {
            let error = Error::from(crate::ServerError::new("WRONGPASS no"));
            *world.failing.borrow_mut() = Some(error);
            let calls = spawn({
                let world = Rc::clone(&world);
                async move {
                    loop {
                        assert_eq!(make(&world).await.unwrap().unwrap_err().fault(), Fault::Caller);
                    }
                }
            });
            pass(&clock, 1_500).await;
            assert!((5..=6).contains(&world.made.get()), "{}", world.made.get());
            calls.abort();
        });
    }

    #[test]
    fn connections_of_no_use_are_failures_and_others_are_not() {
        by_hand(async |world, clock| {
            world.failing.take();
            let calls = [make(&world), make(&world)];
            for call in calls {
                let attempt = call.await.unwrap().unwrap();
                world.attempts.handle_useless(attempt);
            }
            assert_eq!(world.attempts.failures.get(), 1, "they were lost together");
            let waiting = make(&world);
            pass(&clock, 40).await;
            assert_eq!(world.made.get(), 2);
            pass(&clock, 60).await;
            let attempt = waiting.await.unwrap().unwrap();
            world.attempts.handle_useless(attempt);
            assert_eq!(world.attempts.failures.get(), 2);
            pass(&clock, 200).await;
            let attempt = make(&world).await.unwrap().unwrap();
            pass(&clock, 11_000).await;
            world.attempts.handle_useless(attempt);
            assert_eq!(world.attempts.failures.get(), 0, "it stood for long");
        });
    }
}
