//! The trait itself, and what may be asked of a service besides calling it.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

/// An asynchronous function from a request to a response: what every client is, and what every server takes.
///
/// Implementors write an `async fn` that takes `&self`; many calls may be in flight at once.
///
/// ```
/// use ekiden_service::Service;
///
/// struct Double;
///
/// impl Service for Double {
///     type Req = u32;
///     type Resp = u32;
///     type Error = std::convert::Infallible;
///
///     async fn call(&self, req: u32) -> Result<u32, Self::Error> {
///         Ok(2 * req)
///     }
/// }
/// ```
///
/// # Cancel safety
///
/// A caller gives up by dropping the future of a call. An implementor must expect that at every `.await`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "this must be a `Service`: an asynchronous function from request to response",
    note = "make one from a closure with `service_fn(async |req| …)`, or implement `Service` with `async fn call(&self, req)`"
)]
pub trait Service {
    /// What is asked.
    type Req;
    /// What is answered.
    type Resp;
    /// Why there is no answer.
    type Error;

    /// Answers one request.
    fn call(&self, req: Self::Req) -> impl Future<Output = Result<Self::Resp, Self::Error>>;

    /// Whether a call made now is likely to be served: what balancers and pools look at.
    ///
    /// A hint and never a reservation, so nothing can leak: a call to a busy service may succeed, and one to
    /// an open service may be refused.
    fn status(&self) -> Status {
        Status::Open
    }
}

/// Whether a call made now is likely to be served, from worst to best.
///
/// Down a chain of services the worst holds (`min`), across alternatives the best (`max`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Never again.
    Closed,
    /// Not now; it may still be used, and that may fail.
    Busy,
    /// Ready.
    Open,
}

// `do_not_recommend`, here and at the other services of this crate: or the compiler ends each "is not a service" with
// a list of the services that it knows, below the note that helps. Not where a closure's result says what is answered:
// there it would say "is not a service" also of one whose answer is of a type that does not fit.
#[diagnostic::do_not_recommend]
impl<S: Service + ?Sized> Service for &S {
    type Req = S::Req;
    type Resp = S::Resp;
    type Error = S::Error;

    fn call(&self, req: Self::Req) -> impl Future<Output = Result<Self::Resp, Self::Error>> {
        (**self).call(req)
    }

    fn status(&self) -> Status {
        (**self).status()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service + ?Sized> Service for Box<S> {
    type Req = S::Req;
    type Resp = S::Resp;
    type Error = S::Error;

    fn call(&self, req: Self::Req) -> impl Future<Output = Result<Self::Resp, Self::Error>> {
        (**self).call(req)
    }

    fn status(&self) -> Status {
        (**self).status()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service + ?Sized> Service for Rc<S> {
    type Req = S::Req;
    type Resp = S::Resp;
    type Error = S::Error;

    fn call(&self, req: Self::Req) -> impl Future<Output = Result<Self::Resp, Self::Error>> {
        (**self).call(req)
    }

    fn status(&self) -> Status {
        (**self).status()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service + ?Sized> Service for Arc<S> {
    type Req = S::Req;
    type Resp = S::Resp;
    type Error = S::Error;

    fn call(&self, req: Self::Req) -> impl Future<Output = Result<Self::Resp, Self::Error>> {
        (**self).call(req)
    }

    fn status(&self) -> Status {
        (**self).status()
    }
}
