//! The calls that wait for the connection, and the one that is on it.
//!
//! ```text
//!   Client::call ── join ──► [ waiting, at most queue_max ] ── next ──► Connection
//!        ▲                                                                 │
//!        └───────────────────────────── answer ────────────────────────────┘
//! ```
//!
//! Clients and connection are on one core and share the queue. It knows nothing of HTTP's bytes; it keeps the
//! order, and the promise that each call gets exactly one answer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ekiden_service::{Begun, Refused, Status};
use http::{Request, Response};

use crate::body::Body;
use crate::error::Error;

/// What a call ends with.
pub(super) type Outcome = Result<Response<Body>, Error>;

/// The clients' side: their clones share one, and when it goes there will be no more calls.
pub(super) struct Entrance {
    queue: Rc<RefCell<Queue>>,
    waiting_max: usize,
}

/// The connection's side. When it goes, every call that waits is told.
pub(super) struct Exit {
    queue: Rc<RefCell<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Rc<Call>>,
    /// A request is on the wire.
    is_busy: bool,
    /// No call will be taken any more.
    is_closed: bool,
    /// No call will be made any more.
    is_deserted: bool,
    connection: Option<Waker>,
}

/// One call. One allocation for each, shared by the caller who may go at any time and the connection that must
/// notice.
pub(super) struct Call(RefCell<State>);

enum State {
    Waiting {
        request: Option<Request<Body>>,
        caller: Option<Waker>,
    },
    Answered(Outcome),
    /// The caller has gone, or has its answer.
    Over,
}

pub(super) fn new(waiting_max: usize) -> (Entrance, Exit) {
    let queue = Rc::new(RefCell::new(Queue::default()));
    (Entrance { queue: queue.clone(), waiting_max }, Exit { queue })
}

impl Entrance {
    /// Makes a call wait for its turn.
    pub(super) fn join(&self, request: Request<Body>) -> Result<Answer, Refused> {
        let mut queue = self.queue.borrow_mut();
        if queue.is_closed {
            return Err(Refused::new("the connection is closed"));
        }
        // A connection that is free takes the next call at once, so that one does not count as waiting.
        let free = usize::from(!queue.is_busy);
        if queue.waiting.len() >= self.waiting_max + free {
            return Err(Refused::new("too many calls wait for the connection"));
        }
        let call = Rc::new(Call(RefCell::new(State::Waiting { request: Some(request), caller: None })));
        queue.waiting.push_back(call.clone());
        let connection = queue.connection.take();
        drop(queue);
        wake(connection);
        Ok(Answer { call, queue: self.queue.clone() })
    }

    pub(super) fn status(&self) -> Status {
        let queue = self.queue.borrow();
        match () {
            () if queue.is_closed => Status::Closed,
            () if queue.is_busy || !queue.waiting.is_empty() => Status::Busy,
            () => Status::Open,
        }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        let mut queue = self.queue.borrow_mut();
        queue.is_deserted = true;
        let connection = queue.connection.take();
        drop(queue);
        wake(connection);
    }
}

impl Exit {
    /// Takes the next call, which then is on the wire until [`free`](Self::free).
    pub(super) fn next(&self) -> Option<(Rc<Call>, Request<Body>)> {
        let mut queue = self.queue.borrow_mut();
        loop {
            let call = queue.waiting.pop_front()?;
            let request = match &mut *call.0.borrow_mut() {
                State::Waiting { request, .. } => request.take(),
                _ => None,
            };
            if let Some(request) = request {
                queue.is_busy = true;
                return Some((call, request));
            }
        }
    }

    /// The wire is free again.
    pub(super) fn free(&self) {
        self.queue.borrow_mut().is_busy = false;
    }

    /// Whether there is no call and never will be.
    pub(super) fn is_over(&self) -> bool {
        let queue = self.queue.borrow();
        queue.is_deserted && queue.waiting.is_empty()
    }

    /// Wakes this task when a call joins, a caller goes, or the last client does.
    pub(super) fn register(&self, cx: &Context<'_>) {
        match &mut self.queue.borrow_mut().connection {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Takes no call any more. Those that wait were not begun, and hear why.
    pub(super) fn close(&self, why: Option<&Error>) {
        let waiting = {
            let mut queue = self.queue.borrow_mut();
            queue.is_closed = true;
            std::mem::take(&mut queue.waiting)
        };
        for call in waiting {
            let refused = || Error::from(Refused::new("the connection is closed"));
            call.answer(Err(why.map_or_else(refused, |error| error.clone().with_begun(Begun::No))));
        }
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        self.close(None);
    }
}

impl Call {
    /// Gives the caller its answer; the first one counts.
    pub(super) fn answer(&self, outcome: Outcome) {
        let previous = {
            let mut state = self.0.borrow_mut();
            match *state {
                State::Waiting { .. } => std::mem::replace(&mut *state, State::Answered(outcome)),
                // The outcome is dropped with the borrow held: a body's drop wakes, and does not come here.
                _ => return,
            }
        };
        if let State::Waiting { caller, .. } = previous {
            wake(caller);
        }
    }

    /// Whether the caller has gone without an answer.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(*self.0.borrow(), State::Over)
    }
}

/// The caller's wait for its answer. Dropping it gives the call up.
pub(super) struct Answer {
    call: Rc<Call>,
    queue: Rc<RefCell<Queue>>,
}

impl Future for Answer {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self.call.0.borrow_mut();
        match &mut *state {
            State::Waiting { caller: Some(caller), .. } => caller.clone_from(cx.waker()),
            State::Waiting { caller, .. } => *caller = Some(cx.waker().clone()),
            State::Answered(_) => {
                if let State::Answered(outcome) = std::mem::replace(&mut *state, State::Over) {
                    return Poll::Ready(outcome);
                }
            }
            State::Over => {}
        }
        Poll::Pending
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let previous = std::mem::replace(&mut *self.call.0.borrow_mut(), State::Over);
        let connection = match &previous {
            State::Waiting { .. } => {
                let mut queue = self.queue.borrow_mut();
                queue.waiting.retain(|call| !Rc::ptr_eq(call, &self.call));
                queue.connection.take()
            }
            _ => None,
        };
        // The request or the response goes outside of all borrows: its body may wake anybody.
        drop(previous);
        wake(connection);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_service::Failure;
    use std::collections::HashMap;

    /// Plays a schedule by names of calls and tells what happened.
    ///
    /// `a` joins, `-a` gives up, `next` is taken by the connection, `ok`/`err` answers what was taken, `free`,
    /// `close`, `?a` looks at the answer, `?` at the status.
    fn check(waiting_max: usize, schedule: &str, told: &str) {
        let (entrance, exit) = new(waiting_max);
        let mut answers = HashMap::new();
        let mut taken = None;
        let mut log = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        for word in schedule.split(' ') {
            match word {
                "next" => {
                    taken = exit.next();
                    let name = taken.as_ref().map(|(_, request)| request.uri().path()[1..].to_owned());
                    log.push(name.unwrap_or("none".to_owned()));
                }
                "ok" => taken.as_ref().expect("taken").0.answer(Ok(Response::default())),
                "err" => taken.as_ref().expect("taken").0.answer(Err(Error::other("no"))),
                "gone?" => log.push(taken.as_ref().expect("taken").0.is_abandoned().to_string()),
                "free" => exit.free(),
                "close" => exit.close(None),
                "?" => log.push(format!("{:?}", entrance.status())),
                _ if word.starts_with('-') => drop(answers.remove(&word[1..])),
                _ if word.starts_with('?') => {
                    let answer: &mut Answer = answers.get_mut(&word[1..]).expect("asked");
                    log.push(match Pin::new(answer).poll(&mut cx) {
                        Poll::Pending => "wait".to_owned(),
                        Poll::Ready(Ok(response)) => response.status().as_str().to_owned(),
                        Poll::Ready(Err(error)) => format!("{:?}", error.begun()),
                    });
                }
                name => match entrance
                    .join(Request::get(format!("/{name}")).body(Body::empty()).expect("valid"))
                {
                    Ok(answer) => drop(answers.insert(name, answer)),
                    Err(_) => log.push("refused".to_owned()),
                },
            }
        }
        assert_eq!(log.join(" "), told, "{schedule}");
    }

    #[test]
    fn calls_are_taken_in_their_order() {
        check(2, "a b next ok ?a ?b free next err ?b", "a 200 wait b Yes");
        check(2, "? a ? next ? ok free ? next close ?", "Open Busy a Busy Open none Closed");
    }

    #[test]
    fn the_queue_is_bounded_besides_the_one_on_the_wire() {
        check(1, "a b c next c", "refused a refused");
        check(0, "a b next c ok free d", "refused a refused");
    }

    #[test]
    fn a_caller_may_go_at_any_time() {
        check(1, "a b -b c next next", "a c");
        check(1, "a next -a gone? free b next", "a true b");
        check(1, "a next ok -a free next", "a none");
    }

    #[test]
    fn a_closed_connection_tells_who_waits_that_they_were_not_begun() {
        check(2, "a b next close ?a ?b c", "a wait No refused");
    }
}
