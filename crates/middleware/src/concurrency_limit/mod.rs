//! At most so many calls at once, a bounded queue before them, and a typed refusal beyond.
//!
//! ```text
//!                    ┌─────────── Gate ───────────┐
//!   call ──────────► │ queue (FIFO) ──► in flight │ ──► inner service
//!     ◄── Refused ── │ ≤ queue_max      ≤ max     │
//!                    └────────────────────────────┘
//! ```
//!
//! The [`gate`] decides who may pass; this file only asks it. It never looks at a request, and it sets no timer: a call
//! waits as long as its caller does.

mod gate;

use std::rc::Rc;

use ekiden_reactor::context::is_expired;
use ekiden_service::{Refused, Service, Status};

use gate::Gate;

/// Runs a bounded number of calls at once, and keeps a bounded number waiting.
///
/// Put it around a handler that needs more memory or a scarcer thing than it looks, or around a client of a
/// service that suffers when many ask at once. When all places are taken a call waits in a queue, first come,
/// first served; when the queue is full too it is refused at once with [`Refused`], which says that nothing was
/// begun, so that sending the request elsewhere is safe.
///
/// A place is held from the moment the inner service is called until its call has answered or was dropped. What
/// the response does afterwards, such as streaming a body, does not count.
///
/// A call whose [deadline](ekiden_reactor::context::deadline) has passed when it is its turn is refused, too: after an
/// overload the queue is full of calls that nobody waits for any more, and to serve those first would prolong it.
///
/// A clone shares the places and the queue. Its [`status`](Service::status) is [`Busy`](Status::Busy) while no
/// place is free, and otherwise that of the inner service.
///
/// ```
/// use ekiden_middleware::MiddlewareExt;
/// use ekiden_service::{Refused, Service, Status, service_fn};
///
/// let thumbnail = service_fn(async |image: Vec<u8>| Ok::<_, Refused>(image));
/// // Four decoded images fit into memory; a burst of sixteen more may wait for their turn.
/// let thumbnail = thumbnail.concurrency_limit(4, 16);
/// assert_eq!(thumbnail.status(), Status::Open);
/// ```
///
/// # Cancel safety
///
/// Dropping a call gives back its place, or its place in the queue, whatever it was waiting for; the next in the
/// queue goes on. A call that was woken to take its place holds it until it is polled, so do not keep one that
/// you no longer poll: drop it.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S> {
    inner: S,
    gate: Rc<Gate>,
}

impl<S: Service<Error: From<Refused>>> ConcurrencyLimit<S> {
    /// At most `in_flight_max` calls of `inner` at once, and at most `queue_max` waiting: with zero, nobody waits.
    ///
    /// # Panics
    ///
    /// If `in_flight_max` is zero, since no call could ever be served.
    pub fn new(inner: S, in_flight_max: usize, queue_max: usize) -> Self {
        assert!(in_flight_max > 0, "a limit of zero calls in flight would serve nobody");
        Self { inner, gate: Rc::new(Gate::new(in_flight_max, queue_max)) }
    }
}

impl<S: Service<Error: From<Refused>>> Service for ConcurrencyLimit<S> {
    type Req = S::Req;
    type Resp = S::Resp;
    type Error = S::Error;

    async fn call(&self, req: S::Req) -> Result<S::Resp, S::Error> {
        let _place = self.gate.enter().await?;
        // A place is scarce, and nobody waits for what would be done in it.
        if is_expired() {
            return Err(Refused::new("its time had run out before it had a place").into());
        }
        self.inner.call(req).await
    }

    fn status(&self) -> Status {
        let own = if self.gate.is_free() { Status::Open } else { Status::Busy };
        own.min(self.inner.status())
    }
}
