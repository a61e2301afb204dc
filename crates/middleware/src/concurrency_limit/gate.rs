//! Who may pass: a number of places, and a queue of tickets before them.
//!
//! A place that is given back goes to the first in the queue in the same moment, and to nobody who comes later.
//! So while anyone waits, no place is free, and a ticket needs no state of its own: **whoever has a ticket that is no
//! longer in the queue has a place.** That is what makes it easy not to lose one: an [`Enter`] that is dropped
//! looks for its ticket, and either takes it out of the queue or passes the place on.
//!
//! It knows nothing of services, and it allocates only when the queue grows.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ekiden_service::Refused;

/// Places, and the queue before them.
#[derive(Debug)]
pub(super) struct Gate {
    in_flight_max: usize,
    queue_max: usize,
    // Never borrowed while a waker is called or dropped: whoever hides behind it may come back to this gate.
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Places taken, those of calls included that were woken and have not run yet.
    in_flight: usize,
    /// Who waits, by ascending ticket. Empty unless every place is taken.
    queue: VecDeque<Waiter>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    waker: Waker,
}

/// A place in flight. Dropping it hands it to the first in the queue.
#[derive(Debug)]
pub(super) struct Place<'a> {
    gate: &'a Gate,
}

/// A call before its place: [`Gate::enter`].
#[derive(Debug)]
pub(super) struct Enter<'a> {
    gate: &'a Gate,
    /// Once it has been queued, and until it has its [`Place`].
    ticket: Option<u64>,
}

impl Gate {
    pub(super) fn new(in_flight_max: usize, queue_max: usize) -> Self {
        Self { in_flight_max, queue_max, state: RefCell::default() }
    }

    /// Takes a place now or when it is this caller's turn, or is refused when the queue is full.
    pub(super) fn enter(&self) -> Enter<'_> {
        Enter { gate: self, ticket: None }
    }

    /// Whether whoever comes now gets a place at once.
    pub(super) fn is_free(&self) -> bool {
        self.state.borrow().in_flight < self.in_flight_max
    }
}

impl<'a> Future for Enter<'a> {
    type Output = Result<Place<'a>, Refused>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let gate = self.gate;
        match self.ticket {
            None if gate.is_free() => {
                gate.state.borrow_mut().in_flight += 1;
                Poll::Ready(Ok(Place { gate }))
            }
            None => {
                self.ticket = Some(gate.queue_up(cx.waker().clone())?);
                Poll::Pending
            }
            Some(ticket) if gate.is_waiting(ticket, cx.waker()) => Poll::Pending,
            Some(_) => {
                self.ticket = None;
                Poll::Ready(Ok(Place { gate }))
            }
        }
    }
}

impl Gate {
    fn queue_up(&self, waker: Waker) -> Result<u64, Refused> {
        let mut state = self.state.borrow_mut();
        if state.queue.len() >= self.queue_max {
            drop(state);
            return Err(Refused::new("all places are taken and the queue is full"));
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue.push_back(Waiter { ticket, waker });
        Ok(ticket)
    }

    /// Whether the ticket is still in the queue; then `waker` is the one that will be woken.
    fn is_waiting(&self, ticket: u64, waker: &Waker) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(index) = state.position(ticket) else { return false };
        let current = &mut state.queue[index].waker;
        if !current.will_wake(waker) {
            let replaced = std::mem::replace(current, waker.clone());
            drop(state);
            drop(replaced);
        }
        true
    }

    /// Gives up a ticket: takes it out of the queue or, if it has a place already, passes the place on.
    fn give_up(&self, ticket: u64) {
        let mut state = self.state.borrow_mut();
        let waiter = state.position(ticket).and_then(|index| state.queue.remove(index));
        drop(state);
        if waiter.is_none() {
            self.leave();
        }
    }

    /// Hands a place that was taken to the first in the queue, or frees it.
    fn leave(&self) {
        let mut state = self.state.borrow_mut();
        let next = state.queue.pop_front();
        if next.is_none() {
            state.in_flight -= 1;
        }
        drop(state);
        if let Some(waiter) = next {
            waiter.waker.wake();
        }
    }
}

impl State {
    fn position(&self, ticket: u64) -> Option<usize> {
        self.queue.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }
}

impl Drop for Enter<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.gate.give_up(ticket);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    type Log = Arc<Mutex<Vec<String>>>;

    /// A waker that says whom it wakes.
    struct Named(String, Log);

    impl Wake for Named {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(format!("wake {}", self.0));
        }
    }

    /// Plays a schedule by hand: callers `enter`, are polled again, `leave` their place, or `drop` their wait for one.
    fn check(in_flight_max: usize, queue_max: usize, schedule: &str, expect: &str) {
        let (gate, log) = (Gate::new(in_flight_max, queue_max), Log::default());
        let (mut before, mut within) = (BTreeMap::new(), BTreeMap::new());
        for step in schedule.split(", ") {
            let (verb, name) = step.split_once(' ').expect("a verb and a name");
            match verb {
                "enter" => drop(before.insert(name, gate.enter())),
                "poll" => {}
                "leave" => drop(within.remove(name).expect("it is within")),
                "drop" => drop(before.remove(name).expect("it waits")),
                _ => panic!("no such step: {step}"),
            }
            if !matches!(verb, "enter" | "poll") {
                continue;
            }
            let waker = Waker::from(Arc::new(Named(name.to_owned(), log.clone())));
            let mut enter = before.remove(name).expect("it waits");
            let says = match Pin::new(&mut enter).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(place)) => {
                    within.insert(name, place);
                    "passes"
                }
                Poll::Ready(Err(_refused)) => "refused",
                Poll::Pending => {
                    before.insert(name, enter);
                    "waits"
                }
            };
            log.lock().unwrap().push(format!("{name} {says}"));
        }
        assert_eq!(log.lock().unwrap().join(", "), expect, "{schedule}");
    }

    #[test]
    fn who_waits_passes_before_who_comes_later() {
        check(
            1,
            2,
            "enter a, enter b, leave a, enter c, poll c, poll b",
            "a passes, b waits, wake b, c waits, c waits, b passes",
        );
    }

    #[test]
    fn beyond_the_queue_nobody_waits() {
        check(1, 1, "enter a, enter b, enter c", "a passes, b waits, c refused");
        check(1, 0, "enter a, enter b, leave a, enter c", "a passes, b refused, c passes");
    }

    #[test]
    fn a_wait_that_is_dropped_leaves_the_queue() {
        check(
            1,
            2,
            "enter a, enter b, enter c, drop b, leave a, poll c",
            "a passes, b waits, c waits, wake c, c passes",
        );
        check(1, 1, "enter a, enter b, drop b, enter c", "a passes, b waits, c waits");
    }

    #[test]
    fn a_place_that_was_handed_to_one_who_is_gone_goes_on() {
        check(
            1,
            2,
            "enter a, enter b, enter c, leave a, drop b, poll c",
            "a passes, b waits, c waits, wake b, wake c, c passes",
        );
        check(1, 1, "enter a, enter b, leave a, drop b, enter c", "a passes, b waits, wake b, c passes");
    }
}
