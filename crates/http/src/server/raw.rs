//! Requests with their heads as they were parsed, and the way from there to `http`'s types.

use ekiden_service::{Service, Status};
use http::Request;

use crate::body::Body;
use crate::head::RequestHead;

/// A request whose head is as it was parsed: what a service takes that does without `http`'s types.
///
/// ```
/// use ekiden_http::server::{Config, RawRequest};
/// use ekiden_http::{Body, Error};
/// use ekiden_reactor::net::TcpListener;
/// use ekiden_service::service_fn;
/// use http::Response;
///
/// # ekiden_reactor::run(async {
/// let hello = service_fn(async |request: RawRequest| {
///     let agent = request.head.header("user-agent").unwrap_or(b"stranger");
///     Ok::<_, Error>(Response::new(Body::from(format!("hello, {}\n", agent.escape_ascii()))))
/// });
/// let server = Config::default().serve_raw(TcpListener::bind("127.0.0.1:0").await?, hello);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RawRequest {
    /// Method, target, version and fields.
    pub head: RequestHead,
    /// The body, of which more may be to come.
    pub body: Body,
}

impl RawRequest {
    pub(super) fn new(head: RequestHead, body: Body) -> Self {
        Self { head, body }
    }
}

impl From<RawRequest> for Request<Body> {
    fn from(raw: RawRequest) -> Self {
        Self::from_parts(raw.head.into_parts(), raw.body)
    }
}

/// Turns [`RawRequest`]s into `http`'s requests for the service within.
#[derive(Clone, Debug)]
pub struct Convert<S> {
    inner: S,
}

impl<S> Convert<S> {
    /// Around a service of `http`'s types.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: Service<Req = Request<Body>>> Service for Convert<S> {
    type Req = RawRequest;
    type Resp = S::Resp;
    type Error = S::Error;

    // Not an `async fn`: that would keep the request as it came besides what it was turned into.
    fn call(&self, raw: RawRequest) -> impl Future<Output = Result<S::Resp, S::Error>> {
        self.inner.call(raw.into())
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}
