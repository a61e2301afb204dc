//! Services that change what goes in or what comes out: [`MapReq`], [`MapResp`], [`MapErr`].
//!
//! The functions are plain ones: they cannot wait. What must wait for each response is
//! [`and_then`](crate::ServiceExt::and_then); what must wait before each call is a [`Service`] of its own.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use crate::{Service, Status};

/// A service whose requests are changed on the way in; made by [`map_req`](crate::ServiceExt::map_req).
pub struct MapReq<S, F, Req> {
    inner: S,
    f: F,
    takes: PhantomData<fn(Req)>,
}

impl<S, F, Req> MapReq<S, F, Req> {
    pub(crate) fn new(inner: S, f: F) -> Self {
        Self { inner, f, takes: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl<S, F, Req> Service for MapReq<S, F, Req>
where
    S: Service,
    F: Fn(Req) -> S::Req,
{
    type Req = Req;
    type Resp = S::Resp;
    type Error = S::Error;

    fn call(&self, req: Req) -> impl Future<Output = Result<S::Resp, S::Error>> {
        self.inner.call((self.f)(req))
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}

/// A service whose responses are changed on the way out; made by [`map_resp`](crate::ServiceExt::map_resp).
#[derive(Clone)]
pub struct MapResp<S, F> {
    inner: S,
    f: F,
}

impl<S, F> MapResp<S, F> {
    pub(crate) fn new(inner: S, f: F) -> Self {
        Self { inner, f }
    }
}

impl<S, F, Resp> Service for MapResp<S, F>
where
    S: Service,
    F: Fn(S::Resp) -> Resp,
{
    type Req = S::Req;
    type Resp = Resp;
    type Error = S::Error;

    async fn call(&self, req: S::Req) -> Result<Resp, S::Error> {
        self.inner.call(req).await.map(&self.f)
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}

/// A service whose errors are changed on the way out; made by [`map_err`](crate::ServiceExt::map_err).
#[derive(Clone)]
pub struct MapErr<S, F> {
    inner: S,
    f: F,
}

impl<S, F> MapErr<S, F> {
    pub(crate) fn new(inner: S, f: F) -> Self {
        Self { inner, f }
    }
}

impl<S, F, Error> Service for MapErr<S, F>
where
    S: Service,
    F: Fn(S::Error) -> Error,
{
    type Req = S::Req;
    type Resp = S::Resp;
    type Error = Error;

    async fn call(&self, req: S::Req) -> Result<S::Resp, Error> {
        self.inner.call(req).await.map_err(&self.f)
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}

// By hand, because a derive would ask that `Req` be `Clone` too.
impl<S: Clone, F: Clone, Req> Clone for MapReq<S, F, Req> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), f: self.f.clone(), takes: PhantomData }
    }
}

impl<S: fmt::Debug, F, Req> fmt::Debug for MapReq<S, F, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::<F>(f, "MapReq", &self.inner)
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MapResp<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::<F>(f, "MapResp", &self.inner)
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MapErr<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::<F>(f, "MapErr", &self.inner)
    }
}

/// Shows a service with a function beside it. A function can only be shown by its type, which names its place.
pub(crate) fn debug<F>(f: &mut fmt::Formatter<'_>, name: &str, inner: &dyn fmt::Debug) -> fmt::Result {
    f.debug_struct(name).field("inner", inner).field("f", &format_args!("{}", type_name::<F>())).finish()
}
