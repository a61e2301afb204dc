//! A service from an async closure.
//!
//! It talks to nobody but the closure, and is always [`Open`](crate::Status::Open): a closure that must say
//! otherwise wants to be a struct.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use crate::Service;

/// Makes a service from an async closure or an `async fn`.
///
/// ```
/// use ekiden_service::{Refused, Service, service_fn};
///
/// async fn double(n: u32) -> Result<u32, Refused> {
///     Ok(2 * n)
/// }
///
/// let from_fn = service_fn(double);
/// let from_closure = service_fn(async |n: u32| Ok::<u32, Refused>(2 * n));
/// # fn is_service(_: impl Service<Req = u32, Resp = u32, Error = Refused>) {}
/// # is_service(from_fn);
/// # is_service(from_closure);
/// ```
///
/// What the closure captures, all calls share by reference. Write `async move` to give the service its state, so
/// that it can be boxed or outlive the function that made it:
///
/// ```
/// use std::cell::Cell;
/// use ekiden_service::{Refused, ServiceExt, service_fn};
///
/// let calls = Cell::new(0);
/// let counter = service_fn(async move |()| {
///     calls.set(calls.get() + 1);
///     Ok::<u32, Refused>(calls.get())
/// });
/// let erased = counter.boxed();
/// ```
pub fn service_fn<F, Req, Resp, Error>(f: F) -> ServiceFn<F, Req>
where
    F: AsyncFn(Req) -> Result<Resp, Error>,
{
    ServiceFn { f, takes: PhantomData }
}

/// A service that calls an async closure; made by [`service_fn`].
pub struct ServiceFn<F, Req> {
    f: F,
    takes: PhantomData<fn(Req)>,
}

impl<F, Req, Resp, Error> Service for ServiceFn<F, Req>
where
    F: AsyncFn(Req) -> Result<Resp, Error>,
{
    type Req = Req;
    type Resp = Resp;
    type Error = Error;

    fn call(&self, req: Req) -> impl Future<Output = Result<Resp, Error>> {
        (self.f)(req)
    }
}

// By hand, because a derive would ask that `Req` be `Clone` too.
impl<F: Clone, Req> Clone for ServiceFn<F, Req> {
    fn clone(&self) -> Self {
        Self { f: self.f.clone(), takes: PhantomData }
    }
}

// A closure's type name is the path of the function it was written in: all that can be said of it, and useful.
impl<F, Req> fmt::Debug for ServiceFn<F, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceFn").field(&format_args!("{}", type_name::<F>())).finish()
    }
}
