//! The methods that every service has, as far as they need no clock.
//!
//! Each makes one of the structs of the other files; nothing is decided here.

use crate::{AndThen, BoxService, MapErr, MapReq, MapResp, Service};

/// Methods that make a new service from a service. They read from the inside out: what was added last sees the
/// request first and the answer last.
///
/// ```
/// use ekiden_service::{Refused, ServiceExt, service_fn};
///
/// let length = service_fn(async |text: String| Ok::<usize, Refused>(text.len()));
/// let digits = length
///     .map_req(|n: u64| n.to_string())
///     .map_err(|refused| std::io::Error::other(refused));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service, so it has none of the methods of one",
    label = "this must be a `Service`: an asynchronous function from request to response",
    note = "make one from a closure with `service_fn(async |req| …)`, or implement `Service` with `async fn call(&self, req)`"
)]
pub trait ServiceExt: Service + Sized {
    /// Changes each request before the service sees it.
    fn map_req<Req, F>(self, f: F) -> MapReq<Self, F, Req>
    where
        F: Fn(Req) -> Self::Req,
    {
        MapReq::new(self, f)
    }

    /// Changes each response.
    fn map_resp<Resp, F>(self, f: F) -> MapResp<Self, F>
    where
        F: Fn(Self::Resp) -> Resp,
    {
        MapResp::new(self, f)
    }

    /// Changes each error.
    ///
    /// Do it before adding a middleware that can fail by itself and asks for an error that `Self::Error` is not.
    fn map_err<Error, F>(self, f: F) -> MapErr<Self, F>
    where
        F: Fn(Self::Error) -> Error,
    {
        MapErr::new(self, f)
    }

    /// Goes on with each response in an async closure, which may fail with the same type of error.
    ///
    /// ```
    /// use ekiden_service::{Refused, ServiceExt, service_fn};
    ///
    /// let lookup = service_fn(async |name: String| Ok::<u64, Refused>(name.len() as u64));
    /// let fetch = service_fn(async |id: u64| Ok::<String, Refused>(format!("user {id}")));
    ///
    /// # use ekiden_service::Service;
    /// let by_name = lookup.and_then(async move |id| fetch.call(id).await);
    /// # fn is_service(_: impl Service<Req = String, Resp = String>) {}
    /// # is_service(by_name);
    /// ```
    fn and_then<Resp, F>(self, f: F) -> AndThen<Self, F>
    where
        F: AsyncFn(Self::Resp) -> Result<Resp, Self::Error>,
    {
        AndThen::new(self, f)
    }

    /// Applies a layer: any function from service to service.
    ///
    /// For a stack that several services share:
    ///
    /// ```
    /// use ekiden_service::{Refused, Service, ServiceExt, service_fn};
    ///
    /// fn politely<S: Service<Resp = String>>(
    ///     inner: S,
    /// ) -> impl Service<Req = S::Req, Resp = String, Error = S::Error> {
    ///     inner.map_resp(|text| format!("if I may: {text}"))
    /// }
    ///
    /// let hello = service_fn(async |()| Ok::<_, Refused>("hello".to_owned())).wrap(politely);
    /// ```
    fn wrap<T, L>(self, layer: L) -> T
    where
        T: Service,
        L: FnOnce(Self) -> T,
    {
        layer(self)
    }

    /// Forgets the service's type, for a field or a list of unlike services. The price is an allocation a call.
    fn boxed(self) -> BoxService<Self::Req, Self::Resp, Self::Error>
    where
        Self: 'static,
    {
        BoxService::new(self)
    }
}

// Or a message would speak of `Service` where the reader wrote `ServiceExt`.
#[diagnostic::do_not_recommend]
impl<S: Service> ServiceExt for S {}
