//! A call that takes too long is given up: [`Timeout`], and what it fails with, [`Expired`].
//!
//! The clock is the reactor's. Nothing here knows what a request is, or on which side of a wire it runs.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use ekiden_reactor::timeout;
use ekiden_service::{Begun, Failure, Fault, Service, Status};

/// Gives each call a time to answer in; a call that has not answered by then fails with [`Expired`].
///
/// Around a handler it bounds what a slow dependency can hold up; around a client it bounds how long a caller
/// waits. When the time runs out the inner call is dropped, so whatever it held is free before the caller hears
/// of it. What a call may do after it was dropped, its own documentation says under "cancel safety".
///
/// Time runs from the first poll of the call, once for the whole of it: an inner queue, a connect and the inner
/// time-outs are part of it, and a response whose body streams has answered with its head. An answer that is ready
/// when the time runs out still counts. A duration of zero asks the service once and waits for nothing.
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
        match timeout(self.after, self.inner.call(req)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(Expired { after: self.after }.into()),
        }
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}

/// Time ran out before a call was answered. Nobody knows how far it had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expired {
    /// The time that the call was given.
    pub after: Duration,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.after)
    }
}

impl Error for Expired {}

// For services over bare streams, whose errors are the system's.
impl From<Expired> for io::Error {
    fn from(expired: Expired) -> Self {
        Self::new(io::ErrorKind::TimedOut, expired)
    }
}

impl Failure for Expired {
    // Whoever was called did not keep its time. The path may have been at fault, but a caller sees the two as one.
    fn fault(&self) -> Fault {
        Fault::Service
    }

    fn begun(&self) -> Begun {
        Begun::Unknown
    }

    fn is_timeout(&self) -> bool {
        true
    }
}
