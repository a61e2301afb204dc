//! Services of tower in our server, and services of ours where tower's are wanted.
//!
//! ```text
//!   our server ── Request<Body> ──► FromTower ── Request<SendBody> ──► axum, tonic, tower-http
//!                                                                          │
//!   our client ◄── Request<Body> ── IntoTower ◄──── Request<any body> ─────┘
//! ```
//!
//! Readiness is where the two differ. tower's services are asked `poll_ready` first, and may reserve something by it;
//! ours wait inside the call. So [`FromTower`] asks a clone and calls the same clone, within one call, and
//! [`IntoTower`] is always ready.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use ekiden_service::Service;
use http::{Request, Response};
use send_wrapper::SendWrapper;

use super::send::{SendBody, SendFuture, wrapped};
use crate::body::Body;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service of tower's as one of ours: an axum `Router`, a tonic server, anything under layers of tower-http.
///
/// Such a service sees our bodies as [`SendBody`], and may answer with any body. Each call takes a clone of it, waits
/// until that is ready, and calls it.
///
/// ```
/// use axum::{Router, routing::get};
/// use ekiden_http::{Body, adapt::tower::FromTower};
/// use ekiden_service::Service;
///
/// # ekiden_reactor::run(async {
/// let router: Router = Router::new().route("/", get(async || "hello"));
/// let service = FromTower::new(router);
///
/// let response = service.call(http::Request::get("/").body(Body::empty())?).await?;
/// assert_eq!(response.into_body().collect(1024).await?, "hello");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Its errors stay what they are. Our server asks that they can become an [`Error`](crate::Error), as axum's do and
/// the boxed errors of tower's own middleware.
///
/// A handler that wants its peer's address finds what was put into the request's extensions for it: an [`Extension`]
/// as here, or, with axum's feature `tokio`, a `ConnectInfo(peer)` put there in the same way.
///
/// [`Extension`]: https://docs.rs/axum/0.8/axum/struct.Extension.html
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use ekiden_http::{Body, adapt::tower::FromTower, server::Config};
/// use ekiden_reactor::net::TcpListener;
/// use ekiden_service::ServiceExt;
/// use http::Request;
/// use std::net::SocketAddr;
///
/// async fn greet(Extension(peer): Extension<SocketAddr>) -> String {
///     format!("hello, {peer}")
/// }
///
/// # ekiden_reactor::run(async {
/// let router = Router::new().route("/", get(greet));
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let server = Config::default().serve_each(listener, move |peer: SocketAddr| {
///     FromTower::new(router.clone()).map_req(move |mut req: Request<Body>| {
///         req.extensions_mut().insert(peer);
///         req
///     })
/// });
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// On all cores a router is cloned once for each, and no further:
///
/// ```
/// use axum::{Router, routing::get};
/// use ekiden_http::{adapt::tower::FromTower, serve_on_cores};
/// use ekiden_reactor::net::TcpListener;
///
/// # ekiden_reactor::run(async {
/// let router: Router = Router::new().route("/", get(async || "hello"));
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let server = serve_on_cores(listener, move || FromTower::new(router.clone()))?;
/// # drop(server);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// What insists on tokio's runtime fails under it as it does anywhere without one: tower's and tower-http's time-outs,
/// axum's `serve` and web sockets. Put our `Timeout` around the whole instead.
#[derive(Clone, Debug)]
pub struct FromTower<S>(S);

impl<S> FromTower<S> {
    /// Wraps a service of tower's.
    pub fn new(service: S) -> Self {
        Self(service)
    }

    /// The service.
    pub fn get_ref(&self) -> &S {
        &self.0
    }

    /// The service itself.
    pub fn into_inner(self) -> S {
        self.0
    }
}

impl<S, B> Service for FromTower<S>
where
    S: tower_service::Service<Request<SendBody>, Response = Response<B>> + Clone,
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    type Req = Request<Body>;
    type Resp = Response<Body>;
    type Error = S::Error;

    /// # Cancel safety
    ///
    /// Dropping the future drops the clone, with whatever it had reserved, and the call if it was made.
    async fn call(&self, req: Request<Body>) -> Result<Response<Body>, S::Error> {
        let mut service = self.0.clone();
        poll_fn(|cx| service.poll_ready(cx)).await?;
        let response = service.call(req.map(SendBody::new)).await?;
        Ok(response.map(into_body))
    }
}

/// Others' body as ours, and ours as it was before it was wrapped.
fn into_body<B>(body: B) -> Body
where
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    let mut body = Some(body);
    if let Some(ours) = (&mut body as &mut dyn Any).downcast_mut::<Option<SendBody>>() {
        return ours.take().map(SendBody::into_inner).unwrap_or_default();
    }
    body.map(Body::wrap).unwrap_or_default()
}

/// A service of ours, such as a client, as one of tower's.
///
/// It is `Send` and `Sync` by word, so an axum handler can have it as state, and it stays on its core all the same:
/// see [`SendBody`] and [`SendFuture`], which its responses and its calls are. It takes any body.
///
/// ```
/// use axum::{Router, extract::State, response::IntoResponse, routing::get};
/// use ekiden_http::adapt::tower::{FromTower, IntoTower};
/// use ekiden_http::{Body, Error};
/// use ekiden_service::{Service, service_fn};
/// use http::{Request, Response, StatusCode};
/// use std::rc::Rc;
/// use tower::Service as _;
///
/// # ekiden_reactor::run(async {
/// // In place of a `Client`, which is a clone by itself and needs no `Rc`.
/// let backend = Rc::new(service_fn(async |req: Request<Body>| {
///     Ok::<_, Error>(Response::new(Body::from(format!("you asked for {}", req.uri().path()))))
/// }));
///
/// async fn pass_on<S>(State(mut backend): State<IntoTower<S>>, req: axum::extract::Request) -> impl IntoResponse
/// where
///     S: Service<Req = Request<Body>, Resp = Response<Body>, Error = Error> + Clone + 'static,
/// {
///     let response = backend.call(req).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
///     Ok::<_, StatusCode>(response.map(axum::body::Body::new))
/// }
///
/// let router = Router::new().fallback(pass_on).with_state(IntoTower::new(backend));
/// let request = Request::get("/tea").body(Body::empty())?;
/// let response = FromTower::new(router).call(request).await?;
/// assert_eq!(response.into_body().collect(1024).await?, "you asked for /tea");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// It is always ready: backpressure is waiting inside the call, and a refusal comes out of it. What a service of ours
/// says of its `status` tower has no question for.
///
/// # Panics
///
/// When it is used or dropped on another thread than the one that made it.
pub struct IntoTower<S>(SendWrapper<S>);

impl<S> IntoTower<S> {
    /// Wraps a service on the thread where it will stay. One that cannot be cloned can be shared by an `Rc`.
    pub fn new(service: S) -> Self {
        Self(SendWrapper::new(service))
    }

    /// The service.
    ///
    /// # Panics
    ///
    /// On another thread than the one that made it.
    #[track_caller]
    pub fn get_ref(&self) -> &S {
        &self.0
    }

    /// The service itself.
    ///
    /// # Panics
    ///
    /// On another thread than the one that made it.
    #[track_caller]
    pub fn into_inner(self) -> S {
        self.0.take()
    }
}

impl<S, B> tower_service::Service<Request<B>> for IntoTower<S>
where
    S: Service<Req = Request<Body>, Resp = Response<Body>> + Clone + 'static,
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<SendBody>;
    type Error = S::Error;
    type Future = SendFuture<Result<Response<SendBody>, S::Error>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let service = S::clone(&self.0);
        SendFuture::new(async move {
            let response = service.call(req.map(into_body)).await?;
            Ok(response.map(SendBody::new))
        })
    }
}

impl<S: Clone> Clone for IntoTower<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for IntoTower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wrapped(f, "IntoTower", &self.0)
    }
}
