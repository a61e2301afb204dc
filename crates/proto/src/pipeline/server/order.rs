//! The order of replies: whoever was asked first is answered first.
//!
//! An [`Order`] is told which requests came and which replies are done, and answers which reply leaves next.
//! It owns no socket, reads no clock, calls no service, and never says how long anything may take.
//!
//! ```text
//!   request ── begin ──► Ticket ──► service ── done(ticket, reply) ──►┌───────┐
//!                                                                     │ Order │── next_reply ──► wire
//!                                                                     └───────┘
//! ```

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// Lets replies leave in the order of their requests, whichever is done first.
///
/// For servers of protocols without request ids, such as HTTP/1.1, that bring their own connection loop.
///
/// ```
/// use ekiden_proto::pipeline::Order;
///
/// let mut order = Order::new(2);
/// let first = order.begin().unwrap();
/// let second = order.begin().unwrap();
/// assert!(order.begin().is_none(), "two are owed, and two is the most");
///
/// order.done(second, "b");
/// assert_eq!(order.next_reply(), None, "b must wait for a");
/// order.done(first, "a");
/// assert_eq!(order.next_reply(), Some("a"));
/// assert_eq!(order.next_reply(), Some("b"));
/// ```
///
/// A reply may be a stream. Then ask for the next one only when the last one has been written to its end: the
/// order holds those behind it meanwhile.
///
/// The next reply to leave is stored inline. Only a reply that is done before its turn takes memory of its own,
/// at most `in_flight_max` places, and it is given back as soon as nothing is owed. So a connection without
/// pipelining never allocates here, and an idle one holds nothing.
#[derive(Debug)]
pub struct Order<T> {
    /// Which order this is, so that it knows its own tickets.
    id: u64,
    in_flight_max: usize,
    /// Requests begun since the start: the number of the next ticket.
    begun: u64,
    /// Replies handed out since the start: the number of the ticket whose turn it is. Never above `begun`.
    answered: u64,
    /// The reply of the ticket whose turn it is, once it is done.
    next: Option<T>,
    /// Replies that are done before their turn; the place `i` is that of ticket `answered + 1 + i`. It reaches
    /// only as far as the last one that is done.
    early: VecDeque<Option<T>>,
}

/// A place in an [`Order`], for the one reply to one request.
///
/// It cannot be copied, so no request is answered twice. Losing it holds back every reply behind it for ever, so
/// a call that fails or is given up must still be [`done`](Order::done).
#[must_use = "the replies behind a lost ticket never leave"]
#[derive(Debug)]
pub struct Ticket {
    order: u64,
    number: u64,
}

impl<T> Order<T> {
    /// An order that owes nothing, and never more than `in_flight_max` replies at once.
    pub fn new(in_flight_max: usize) -> Self {
        Self {
            id: ORDERS.fetch_add(1, Ordering::Relaxed),
            in_flight_max,
            begun: 0,
            answered: 0,
            next: None,
            early: VecDeque::new(),
        }
    }

    /// A request came. `None` if `in_flight_max` replies are owed already; then stop reading, and the peer feels it.
    pub fn begin(&mut self) -> Option<Ticket> {
        if self.is_full() {
            return None;
        }
        let number = self.begun;
        self.begun += 1;
        Some(Ticket { order: self.id, number })
    }

    /// The reply to a request is ready to leave, when its turn comes.
    ///
    /// # Panics
    ///
    /// If the ticket was given by another `Order`.
    pub fn done(&mut self, ticket: Ticket, reply: T) {
        assert_eq!(ticket.order, self.id, "a ticket of another connection's order");
        let Some(place) = (ticket.number - self.answered).checked_sub(1) else {
            self.next = Some(reply);
            return;
        };
        let place = place as usize; // Below `in_flight_max`, which is a usize.
        if place >= self.early.len() {
            self.early.resize_with(place + 1, || None);
        }
        self.early[place] = Some(reply);
    }

    /// Answers at once if the turn of this request has come: as [`done`](Self::done) and
    /// [`next_reply`](Self::next_reply), without the reply passing through here.
    ///
    /// # Errors
    ///
    /// Its turn has not come; the ticket comes back.
    pub fn try_pass(&mut self, ticket: Ticket) -> Result<(), Ticket> {
        if !self.is_next(&ticket) {
            return Err(ticket);
        }
        self.advance();
        Ok(())
    }

    /// The reply that leaves now, if it is done.
    pub fn next_reply(&mut self) -> Option<T> {
        let reply = self.next.take()?;
        self.advance();
        Some(reply)
    }

    /// Whether [`next_reply`](Self::next_reply) would answer a reply.
    pub fn has_reply(&self) -> bool {
        self.next.is_some()
    }

    /// The turn goes to the next ticket.
    fn advance(&mut self) {
        self.answered += 1;
        if self.early.capacity() > 0 {
            self.next = self.early.pop_front().flatten();
            if self.owed() == 0 {
                self.early = VecDeque::new();
            }
        }
    }

    /// Whether the reply to this request would be the next to leave.
    pub fn is_next(&self, ticket: &Ticket) -> bool {
        ticket.order == self.id && ticket.number == self.answered
    }

    /// How many requests were begun whose reply has not left yet.
    pub fn owed(&self) -> usize {
        (self.begun - self.answered) as usize // At most `in_flight_max`, which is a usize.
    }

    /// How many requests were begun since the start.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether [`begin`](Self::begin) would answer `None`.
    pub fn is_full(&self) -> bool {
        self.owed() >= self.in_flight_max
    }
}

/// Numbers the orders of a process. The numbers are only ever compared, so no behaviour depends on them.
static ORDERS: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Plays "ask a, done a" on an order of at most two, and writes whatever may leave after each step.
    fn check(script: &str, expect: &str) {
        let mut order = Order::new(2);
        let mut tickets = HashMap::new();
        let mut log = Vec::new();
        for step in script.split(", ") {
            match step.split_once(' ') {
                Some(("ask", name)) => match order.begin() {
                    Some(ticket) => drop(tickets.insert(name, ticket)),
                    None => log.push(format!("refuse {name}")),
                },
                Some(("done", name)) => order.done(tickets.remove(name).unwrap(), name),
                Some(("pass", name)) => match order.try_pass(tickets.remove(name).unwrap()) {
                    Ok(()) => log.push(format!("write {name}")),
                    Err(ticket) => drop(tickets.insert(name, ticket)),
                },
                _ => panic!("no such step: {step}"),
            }
            while order.has_reply() {
                let name = order.next_reply().unwrap();
                log.push(format!("write {name}"));
            }
        }
        assert_eq!(log.join(", "), expect, "{script}");
    }

    #[test]
    fn a_reply_leaves_when_it_is_done() {
        check("ask a, done a, ask b, done b", "write a, write b");
    }

    #[test]
    fn a_late_reply_holds_back_the_ones_behind_it() {
        check("ask a, ask b, done b, done a", "write a, write b");
    }

    #[test]
    fn nothing_leaves_before_it_is_done() {
        check("ask a, ask b", "");
        check("ask a, ask b, done b", "");
        check("ask a, ask b, done a", "write a");
    }

    #[test]
    fn a_reply_passes_by_when_its_turn_has_come() {
        check("ask a, pass a, ask b, pass b", "write a, write b");
        check("ask a, ask b, pass b, pass a, pass b", "write a, write b");
        check("ask a, ask b, done b, pass a", "write a, write b");
    }

    #[test]
    fn a_full_order_recovers() {
        check("ask a, ask b, ask c, done a, ask d, done d, done b", "refuse c, write a, write b, write d");
    }

    #[test]
    fn an_idle_order_holds_no_memory() {
        let mut order = Order::new(100);
        let tickets: Vec<_> = (0..100).map(|_| order.begin().unwrap()).collect();
        for ticket in tickets.into_iter().rev() {
            order.done(ticket, "reply");
        }
        assert!(order.early.capacity() > 0);
        while order.next_reply().is_some() {}
        assert_eq!((order.owed(), order.early.capacity()), (0, 0));
    }

    #[test]
    fn without_pipelining_nothing_is_allocated() {
        let mut order = Order::new(100);
        for _ in 0..3 {
            let ticket = order.begin().unwrap();
            assert!(order.is_next(&ticket));
            order.done(ticket, "reply");
            assert_eq!(order.early.capacity(), 0);
            order.next_reply().unwrap();
        }
    }

    #[test]
    #[should_panic(expected = "another connection's order")]
    fn a_foreign_ticket_is_our_own_mistake() {
        let ticket = Order::<()>::new(1).begin().unwrap();
        let mut other = Order::new(1);
        let own = other.begin().unwrap();
        assert!(!other.is_next(&ticket) && other.is_next(&own));
        other.done(ticket, ());
    }

    proptest! {
        /// Whatever the schedule: all that is asked is answered, once, in order, and never too many are owed.
        #[test]
        fn every_schedule_is_answered_in_order(
            in_flight_max in 1usize..20,
            steps in prop::collection::vec((0u8..3, any::<prop::sample::Index>()), 0..300),
        ) {
            let mut order = Order::new(in_flight_max);
            let mut open = Vec::new();
            let (mut asked, mut written) = (0u64, Vec::new());
            for (step, pick) in steps {
                match step {
                    0 => match order.begin() {
                        Some(ticket) => {
                            open.push((asked, ticket));
                            asked += 1;
                        }
                        None => prop_assert_eq!(order.owed(), in_flight_max),
                    },
                    1 if !open.is_empty() => {
                        let (name, ticket) = open.swap_remove(pick.index(open.len()));
                        order.done(ticket, name);
                    }
                    _ => written.extend(order.next_reply()),
                }
                prop_assert_eq!(order.owed() as u64, asked - written.len() as u64);
                prop_assert!(order.owed() <= in_flight_max && order.early.len() < in_flight_max);
            }
            for (name, ticket) in open {
                order.done(ticket, name);
            }
            written.extend(std::iter::from_fn(|| order.next_reply()));
            prop_assert_eq!(written, (0..asked).collect::<Vec<_>>());
            prop_assert_eq!(order.owed(), 0);
        }
    }
}
