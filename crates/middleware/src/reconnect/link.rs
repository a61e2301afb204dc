//! Whether there is a connection, and what is done about it: [`Link`].
//!
//! It is told what happened and answers what is next. It waits for nothing, wakes nobody and calls nobody: what it gives
//! back is dropped by whoever asked, when nothing is borrowed.
//!
//! ```text
//!            begin                   handle_connected
//!   Apart ──────────► Attempting ─────────────────────► Together
//!     ▲                 │     ▲                          │    │
//!     │   handle_failed ▼     │ handle_rested            │    │ handle_lost
//!     └───────────────── Pausing ◄───────────────────────┘    │
//!     ▲                              nothing was answered     │
//!     └───────────────────────────────────────────────────────┘
//! ```

use std::mem;
use std::rc::Rc;

use ekiden_service::Refused;

/// The connection `T`, or why there is none, which is an `E`.
#[derive(Debug)]
pub(super) struct Link<T, E> {
    state: State<T>,
    /// Attempts that failed in a row. A connection that was lost before it had answered anything is one of them.
    failures: u32,
    /// The same in all.
    failed: u64,
    /// What the last attempt failed with, while there is no connection.
    why: Option<E>,
    waiting: usize,
}

#[derive(Debug)]
enum State<T> {
    Apart,
    Attempting,
    Pausing,
    Together(Rc<T>),
}

/// What a link is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is no connection, and nobody makes one.
    Apart,
    /// Somebody makes one.
    Attempting,
    /// The next attempt is not due yet.
    Pausing,
    /// There is one.
    Together,
}

/// Whether a connection that was lost had ever answered anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenure {
    Proven,
    Unproven,
}

/// What follows when the next attempt is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rested {
    Attempt,
    /// Nobody waits: it is for the next who asks to begin.
    NobodyWaits,
}

impl<T, E> Link<T, E> {
    pub(super) fn new() -> Self {
        Self { state: State::Apart, failures: 0, failed: 0, why: None, waiting: 0 }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::Apart => Phase::Apart,
            State::Attempting => Phase::Attempting,
            State::Pausing => Phase::Pausing,
            State::Together(_) => Phase::Together,
        }
    }

    pub(super) fn connection(&self) -> Option<&Rc<T>> {
        match &self.state {
            State::Together(connection) => Some(connection),
            _ => None,
        }
    }

    /// Why there is no connection, as the last attempt has it.
    pub(super) fn why(&self) -> Option<&E> {
        self.why.as_ref()
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// How many attempts have failed in all, those included whose connection was lost before it had answered anything:
    /// whoever sees it grow has seen one fail.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Somebody wants to wait for a connection, and will [`leave`](Self::leave).
    pub(super) fn enter(&mut self, waiting_max: usize) -> Result<(), Refused> {
        if self.waiting >= waiting_max {
            return Err(Refused::new("too many calls wait for a connection"));
        }
        self.waiting += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.waiting -= 1;
    }

    /// Whoever is told `true` is to make an attempt.
    #[must_use]
    pub(super) fn begin(&mut self) -> bool {
        let is_apart = self.phase() == Phase::Apart;
        if is_apart {
            self.state = State::Attempting;
        }
        is_apart
    }

    /// The attempt was successful. Gives back what is to be dropped.
    #[must_use = "to drop it can come back to whoever holds this"]
    pub(super) fn handle_connected(&mut self, connection: Rc<T>) -> Option<E> {
        self.state = State::Together(connection);
        self.why.take()
    }

    /// The attempt has failed, and a pause begins. Gives back what is to be dropped.
    #[must_use = "to drop it can come back to whoever holds this"]
    pub(super) fn handle_failed(&mut self, why: E) -> Option<E> {
        self.state = State::Pausing;
        self.failures = self.failures.saturating_add(1);
        self.failed += 1;
        self.why.replace(why)
    }

    /// The pause is over.
    #[must_use]
    pub(super) fn handle_rested(&mut self) -> Rested {
        if self.waiting == 0 {
            self.state = State::Apart;
            return Rested::NobodyWaits;
        }
        self.state = State::Attempting;
        Rested::Attempt
    }

    /// That connection was found to be lost; which is no news if it is not the one that we have. Gives it back, to be
    /// dropped; and then a pause begins if it was never of use.
    #[must_use = "to drop it can come back to whoever holds this"]
    pub(super) fn handle_lost(&mut self, lost: &Rc<T>, tenure: Tenure) -> Option<Rc<T>> {
        if !self.connection().is_some_and(|connection| Rc::ptr_eq(connection, lost)) {
            return None;
        }
        let next = match tenure {
            Tenure::Proven => {
                self.failures = 0;
                State::Apart
            }
            // Who accepts connections and ends them is not to be asked again without end.
            Tenure::Unproven => {
                self.failures = self.failures.saturating_add(1);
                self.failed += 1;
                State::Pausing
            }
        };
        match mem::replace(&mut self.state, next) {
            State::Together(connection) => Some(connection),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays what happens to a link for which two may wait, and says what it says: its phase where it changes, and how
    /// many failures the next pause is for.
    fn check(script: &str, expect: &str) {
        let mut link = Link::<String, String>::new();
        let mut log = Vec::new();
        let mut old = None;
        for step in script.split(", ") {
            let before = link.phase();
            match step {
                "enter" => log.extend(link.enter(2).err().map(|refused| refused.reason().to_owned())),
                "leave" => link.leave(),
                "begin" => log.extend((!link.begin()).then(|| "not mine".to_owned())),
                "connected" => {
                    old = Some(Rc::new("connection".to_owned()));
                    drop(link.handle_connected(old.clone().unwrap()));
                }
                "failed" => drop(link.handle_failed("why".to_owned())),
                "rested" => log
                    .extend((link.handle_rested() == Rested::NobodyWaits).then(|| "nobody waits".to_owned())),
                "lost" | "lost unproven" => {
                    let tenure = if step == "lost" { Tenure::Proven } else { Tenure::Unproven };
                    let given = link.handle_lost(old.as_ref().unwrap(), tenure);
                    log.extend(given.is_none().then(|| "no news".to_owned()));
                }
                _ => panic!("no such step: {step}"),
            }
            if link.phase() != before {
                log.push(format!("{:?} {}", link.phase(), link.failures()));
            }
        }
        assert_eq!(log.join(", "), expect, "{script}");
    }

    #[test]
    fn one_attempt_is_made_for_all() {
        check("begin, begin, connected, begin", "Attempting 0, not mine, Together 0, not mine");
    }

    #[test]
    fn attempts_go_on_while_somebody_waits() {
        check(
            "enter, begin, failed, begin, rested, failed, rested, connected",
            "Attempting 0, Pausing 1, not mine, Attempting 1, Pausing 2, Attempting 2, Together 2",
        );
        check(
            "enter, begin, failed, leave, rested, begin",
            "Attempting 0, Pausing 1, nobody waits, Apart 1, Attempting 1",
        );
    }

    #[test]
    fn a_connection_that_was_of_use_is_replaced_at_once() {
        check(
            "begin, failed, rested, begin, connected, lost, begin, connected",
            "Attempting 0, Pausing 1, nobody waits, Apart 1, Attempting 1, Together 1, Apart 0, Attempting 0, Together 0",
        );
    }

    #[test]
    fn one_that_never_was_is_a_failure_more() {
        check(
            "enter, begin, connected, lost unproven, begin, rested, connected, lost unproven",
            "Attempting 0, Together 0, Pausing 1, not mine, Attempting 1, Together 1, Pausing 2",
        );
    }

    #[test]
    fn a_loss_is_heard_of_once() {
        check("begin, connected, lost, lost", "Attempting 0, Together 0, Apart 0, no news");
        let mut link = Link::<u32, ()>::new();
        let (old, new) = (Rc::new(1), Rc::new(1));
        assert_eq!(link.handle_connected(Rc::clone(&new)), None);
        assert_eq!(link.handle_lost(&old, Tenure::Proven), None);
        assert_eq!(link.phase(), Phase::Together);
    }

    #[test]
    fn no_more_wait_than_allowed() {
        check("enter, enter, enter, leave, enter", "too many calls wait for a connection");
    }

    #[test]
    fn why_there_is_none_is_known_until_there_is_one() {
        let mut link = Link::<(), u32>::new();
        assert_eq!(link.handle_failed(1), None);
        assert_eq!(link.handle_failed(2), Some(1));
        assert_eq!((link.why(), link.failed()), (Some(&2), 2));
        assert_eq!(link.handle_connected(Rc::new(())), Some(2));
        assert_eq!((link.why(), link.failed()), (None, 2));
        // One that is lost before it was of use has failed, too, and nobody knows why.
        let lost = link.connection().unwrap().clone();
        assert!(link.handle_lost(&lost, Tenure::Unproven).is_some());
        assert_eq!((link.why(), link.failed()), (None, 3));
    }
}
