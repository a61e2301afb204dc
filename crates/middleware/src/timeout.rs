//! A call that takes too long is given up: [`Timeout`].
//!
//! The clock is the reactor's, and so is the context in which the deadline is kept. Nothing here knows what a request
//! is, or on which side of a wire it runs.

use std::time::Duration;

use ekiden_reactor::{Instant, context, timeout_at};
use ekiden_service::{Expired, Service, Status};

/// Gives each call a time to answer in; a call that has not answered by then fails with [`Expired`].
///
/// Around a handler it bounds what a slow dependency can hold up; around a client it bounds how long a caller
/// waits. When the time runs out the inner call is dropped, so whatever it held is free before the caller hears
/// of it. What a call may do after it was dropped, its own documentation says under "cancel safety".
///
/// Time runs from the first poll of the call, once for the whole of it: an inner queue, a connect and the inner
/// time-outs are part of it, and a response whose body streams has answered with its head. An answer that is ready
/// when the time runs out still counts. A duration of zero asks the service once, tells it of no deadline, and waits for
/// nothing.
///
/// The inner call, and what it spawns, finds the end of its time in its [context]: it is the
/// deadline there, unless an earlier one was there before, which then also ends this call. So of the time-outs of a
/// server, of its clients and of whatever is between them each call has the least. A call whose deadline has passed when
/// it begins is not begun: it fails with [`Expired::unbegun`], and the inner service hears nothing of it.
///
/// ```
/// use std::time::Duration;
/// use ekiden_middleware::{Expired, MiddlewareExt};
/// use ekiden_service::{Service, service_fn};
///
/// # ekiden_reactor::run(async {
/// let stuck = service_fn(async |()| std::future::pending::<Result<(), Expired>>().await);
/// let error = stuck.timeout(Duration::from_millis(1)).call(()).await.unwrap_err();
/// assert_eq!(error.to_string(), "no answer within 1ms");
/// # });
/// ```
///
/// # Panics
///
/// A call does, if no reactor runs on this thread: the clock is its.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    after: Duration,
}

impl<S: Service<Error: From<Expired>>> Timeout<S> {
    /// Gives each call of `inner` the time `after`.
    pub fn new(inner: S, after: Duration) -> Self {
        Self { inner, after }
    }
}

impl<S: Service<Error: From<Expired>>> Service for Timeout<S> {
    type Req = S::Req;
    type Resp = S::Resp;
    type Error = S::Error;

    async fn call(&self, req: S::Req) -> Result<S::Resp, S::Error> {
        let (now, around) = (Instant::now(), context::deadline());
        if around.is_some_and(|deadline| deadline <= now) {
            return Err(Expired::unbegun().into());
        }
        let left = around.map_or(self.after, |deadline| self.after.min(deadline - now));
        if left.is_zero() {
            // By a deadline of now those within would not even try. In a box, since the usual call has no use for it.
            let once = Box::pin(timeout_at(now, self.inner.call(req)));
            return once.await.unwrap_or_else(|_elapsed| Err(Expired::new(left).into()));
        }
        match context::timeout_at(now + left, self.inner.call(req)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(Expired::new(left).into()),
        }
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}
