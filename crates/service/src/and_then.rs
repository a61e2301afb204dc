//! A service that goes on with each response: [`AndThen`].

use std::fmt;

use crate::{Service, Status, map};

/// A service with an async closure behind it; made by [`and_then`](crate::ServiceExt::and_then).
#[derive(Clone)]
pub struct AndThen<S, F> {
    inner: S,
    f: F,
}

impl<S, F> AndThen<S, F> {
    pub(crate) fn new(inner: S, f: F) -> Self {
        Self { inner, f }
    }
}

impl<S, F, Resp> Service for AndThen<S, F>
where
    S: Service,
    F: AsyncFn(S::Resp) -> Result<Resp, S::Error>,
{
    type Req = S::Req;
    type Resp = Resp;
    type Error = S::Error;

    async fn call(&self, req: S::Req) -> Result<Resp, S::Error> {
        (self.f)(self.inner.call(req).await?).await
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}

impl<S: fmt::Debug, F> fmt::Debug for AndThen<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        map::debug::<F>(f, "AndThen", &self.inner)
    }
}
