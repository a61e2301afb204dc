//! The methods that add a middleware to a service: [`MiddlewareExt`]. Each makes the struct of another file.

use std::time::Duration;

use ekiden_service::{Expired, Failure, Refused, Service};

use crate::{ConcurrencyLimit, Reconnect, Timeout};

/// Methods that put a middleware around a service.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service, so no middleware fits around it",
    label = "this must be a `Service`: an asynchronous function from request to response",
    note = "make one from a closure with `service_fn(async |req| …)`, or implement `Service` with `async fn call(&self, req)`"
)]
pub trait MiddlewareExt: Service + Sized {
    /// Gives each call the time `after` to answer in: see [`Timeout`]. Calls need a reactor then.
    fn timeout(self, after: Duration) -> Timeout<Self>
    where
        Self::Error: From<Expired>,
    {
        Timeout::new(self, after)
    }

    /// Runs at most `in_flight_max` calls at once, keeps at most `queue_max` more waiting in their order, and
    /// refuses the rest: see [`ConcurrencyLimit`].
    ///
    /// # Panics
    ///
    /// If `in_flight_max` is zero.
    fn concurrency_limit(self, in_flight_max: usize, queue_max: usize) -> ConcurrencyLimit<Self>
    where
        Self::Error: From<Refused>,
    {
        ConcurrencyLimit::new(self, in_flight_max, queue_max)
    }

    /// Of a connector, whose answers are services: calls the one that it has, and has it connect when there is none:
    /// see [`Reconnect`], which can be had with a [configuration](Reconnect::with_config) too. Calls that wait for a connection
    /// need a reactor.
    fn reconnect(self) -> Reconnect<Self>
    where
        Self: Service<Req = ()> + 'static,
        Self::Resp: Service<Error = Self::Error>,
        Self::Error: Failure + From<Refused> + From<Expired> + Clone,
    {
        Reconnect::new(self)
    }
}

// Or a message would speak of `Service` where the reader wrote `MiddlewareExt`.
#[diagnostic::do_not_recommend]
impl<S: Service> MiddlewareExt for S {}
