//! A service whose type is forgotten: [`BoxService`].
//!
//! A call's future cannot be named, so it cannot be returned through a `dyn` trait either, unless it is boxed:
//! one allocation a call. It may borrow from the service, and from nothing else.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::{Service, Status};

/// Any service of these requests, responses and errors.
///
/// For a field, a list or a table whose entries are unlike services. A clone is cheap and is the same service.
/// It stays on its core: what crosses cores is a function that makes it.
///
/// ```
/// use std::collections::HashMap;
/// use ekiden_service::{BoxService, Refused, ServiceExt, service_fn};
///
/// let mut routes: HashMap<&str, BoxService<String, String, Refused>> = HashMap::new();
/// routes.insert("/echo", service_fn(async |text| Ok(text)).boxed());
/// routes.insert("/shout", service_fn(async |text: String| Ok(text.to_uppercase())).boxed());
/// ```
pub struct BoxService<Req, Resp, Error> {
    inner: Rc<dyn Erased<Req, Resp, Error>>,
}

impl<Req, Resp, Error> BoxService<Req, Resp, Error> {
    /// Forgets the type of `service`. Boxing what is boxed already works, and costs a second allocation a call.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Req = Req, Resp = Resp, Error = Error> + 'static,
    {
        Self { inner: Rc::new(service) }
    }
}

#[diagnostic::do_not_recommend]
impl<Req, Resp, Error> Service for BoxService<Req, Resp, Error> {
    type Req = Req;
    type Resp = Resp;
    type Error = Error;

    fn call(&self, req: Req) -> impl Future<Output = Result<Resp, Error>> {
        self.inner.call(req)
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}

/// [`Service`] in a shape that `dyn` allows.
trait Erased<Req, Resp, Error> {
    fn call<'a>(&'a self, req: Req) -> Pin<Box<dyn Future<Output = Result<Resp, Error>> + 'a>>
    where
        Req: 'a;
    fn status(&self) -> Status;
    fn name(&self) -> &'static str;
}

impl<S: Service + 'static> Erased<S::Req, S::Resp, S::Error> for S {
    fn call<'a>(&'a self, req: S::Req) -> Pin<Box<dyn Future<Output = Result<S::Resp, S::Error>> + 'a>>
    where
        S::Req: 'a,
    {
        Box::pin(Service::call(self, req))
    }

    fn status(&self) -> Status {
        Service::status(self)
    }

    fn name(&self) -> &'static str {
        type_name::<S>()
    }
}

impl<Req, Resp, Error> Clone for BoxService<Req, Resp, Error> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<Req, Resp, Error> fmt::Debug for BoxService<Req, Resp, Error> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxService").field(&format_args!("{}", self.inner.name())).finish()
    }
}
