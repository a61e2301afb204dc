//! Services of tower among ours, and ours among tower's.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use ekiden_http::adapt::tower::{FromTower, IntoTower};
use ekiden_http::adapt::{SendBody, SendFuture, SendIo};
use ekiden_http::client::Client;
use ekiden_http::{Body, Error, server};
use ekiden_middleware::MiddlewareExt;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Latch, run, spawn, yield_now};
use ekiden_service::{Refused, Service, ServiceExt, service_fn};
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::set_header::SetResponseHeaderLayer;

type Failed = Box<dyn std::error::Error>;

/// A service of ours that stands for what is behind a handler: its answer says what it was asked.
fn backend() -> impl Service<Req = Request<Body>, Resp = Response<Body>, Error = Error> {
    service_fn(async |req: Request<Body>| {
        let path = req.uri().path().to_owned();
        let body = req.into_body().collect(1024).await?;
        Ok(Response::new(Body::from([path.as_bytes(), b":", &body].concat())))
    })
}

/// An axum router under a layer of tower-http, whose handlers use what is ours, and what insists on `Send`.
fn router<S>(backend: S) -> Router
where
    S: Service<Req = Request<Body>, Resp = Response<Body>, Error = Error> + Clone + 'static,
{
    let served_by = http::HeaderName::from_static("x-served-by");
    Router::new()
        .route("/", get(async || "hello"))
        .route("/echo", post(async |req: axum::extract::Request| req.into_body()))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/backend", post(ask::<S>))
        .route("/task", get(task))
        .with_state(IntoTower::new(backend))
        .layer(SetResponseHeaderLayer::overriding(served_by, HeaderValue::from_static("tower")))
}

async fn ask<S>(
    State(backend): State<IntoTower<S>>,
    req: axum::extract::Request,
) -> Result<axum::body::Body, StatusCode>
where
    S: Service<Req = Request<Body>, Resp = Response<Body>, Error = Error> + Clone + 'static,
{
    let response = backend.oneshot(req).await.map_err(|error| error.status())?;
    Ok(axum::body::Body::new(response.into_body()))
}

async fn task() -> &'static str {
    SendFuture::new(async { spawn(async { "done" }).await.expect("no panic") }).await
}

/// What is asked of the router, and its answer: the status, who served it, and the body.
const CASES: [(&str, &str, &str); 7] = [
    ("GET /", "", "200 tower hello"),
    ("GET /nowhere", "", "404 tower "),
    ("GET /echo", "", "405 tower "),
    ("POST /echo", "sent back", "200 tower sent back"),
    ("POST /length", "12345", "200 tower 5"),
    ("POST /backend", "tea", "200 tower /backend:tea"),
    ("GET /task", "", "200 tower done"),
];

/// Asks a service, which in the end is the router, for each of the cases.
async fn check<S>(service: &S) -> Result<(), Failed>
where
    S: Service<Req = Request<Body>, Resp = Response<Body>, Error: std::error::Error + 'static>,
{
    for (request, body, want) in CASES {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let request = Request::builder().method(method).uri(path).body(Body::from(body))?;
        let response = service.call(request).await?;
        let status = response.status().as_u16();
        let served_by = response.headers()["x-served-by"].to_str()?.to_owned();
        let body = response.into_body().collect(1024).await?;
        assert_eq!(format!("{status} {served_by} {}", str::from_utf8(&body)?), want, "{method} {path}");
    }
    Ok(())
}

#[test]
fn an_axum_router_is_a_service_of_ours() -> Result<(), Failed> {
    run(check(&FromTower::new(router(Rc::new(backend())))))
}

/// Serves the router on our server, with a client of ours in its handlers, and connects to it.
async fn serve() -> Result<Client, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let behind = Client::connect(listener.local_addr()?).await?;
    drop(server::serve(listener, backend()));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::connect(listener.local_addr()?).await?;
    drop(server::serve(listener, FromTower::new(router(behind))));
    Ok(client)
}

#[test]
fn our_server_serves_a_router_whose_handlers_call_our_client() -> Result<(), Failed> {
    run(async {
        let client = serve().await?;
        check(&client).await?;
        check(&client).await
    })
}

#[test]
fn an_axum_handler_finds_its_peer_in_the_extensions() -> Result<(), Failed> {
    run(async {
        let who = async |Extension(peer): Extension<SocketAddr>| peer.to_string();
        let router = Router::new().route("/", get(who));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let _server = server::Config::default().serve_each(listener, move |peer: SocketAddr| {
            FromTower::new(router.clone()).map_req(move |mut req: Request<Body>| {
                req.extensions_mut().insert(peer);
                req
            })
        });
        for _ in 0..2 {
            let stream = TcpStream::connect(addr).await?;
            let peer = stream.local_addr()?;
            let client = Client::handshake(stream);
            let response = client.call(Request::get("http://a/").body(Body::empty())?).await?;
            assert_eq!(response.into_body().collect(1024).await?, peer.to_string());
        }
        Ok(())
    })
}

#[test]
fn a_large_body_passes_the_server_the_router_and_back() -> Result<(), Failed> {
    const PIECES: usize = 1000;
    const PIECE: usize = 5000;
    run(async {
        let client = serve().await?;
        let piece = Bytes::from(vec![b'x'; PIECE]);
        let pieces = (0..PIECES).map(move |_| Ok::<_, Error>(piece.clone()));
        let body = Body::stream(futures_util::stream::iter(pieces));
        let mut back = client.call(Request::post("/echo").body(body)?).await?.into_body();
        let mut received = 0;
        while let Some(chunk) = back.chunk().await {
            received += chunk?.len();
        }
        assert_eq!(received, PIECES * PIECE);
        Ok(())
    })
}

#[test]
fn a_body_keeps_its_length_on_the_way_through_a_router() -> Result<(), Failed> {
    run(async {
        let service = FromTower::new(router(Rc::new(backend())));
        let response = service.call(Request::post("/echo").body(Body::from("sent back"))?).await?;
        assert_eq!(response.body().content_length(), Some(9));
        Ok(())
    })
}

#[test]
fn each_piece_of_a_body_passes_a_router_when_it_comes() -> Result<(), Failed> {
    run(async {
        let second = Latch::new();
        let waits = second.clone();
        let body = Body::stream(futures_util::stream::unfold(0, move |sent| {
            let waits = waits.clone();
            async move {
                match sent {
                    0 => Some((Ok::<_, Error>(Bytes::from("one")), 1)),
                    1 => waits.wait().map(|()| Some((Ok(Bytes::from("two")), 2))).await,
                    _ => None,
                }
            }
        }));
        let service = FromTower::new(router(Rc::new(backend())));
        let mut back = service.call(Request::post("/echo").body(body)?).await?.into_body();
        assert_eq!(back.chunk().await.transpose()?, Some(Bytes::from("one")));
        assert!(back.chunk().now_or_never().is_none());
        second.open();
        assert_eq!(back.chunk().await.transpose()?, Some(Bytes::from("two")));
        assert!(back.chunk().await.is_none());
        Ok(())
    })
}

#[test]
fn an_error_of_ours_keeps_its_meaning_through_a_handler() -> Result<(), Failed> {
    run(async {
        let full =
            service_fn(async |_: Request<Body>| Err::<Response<Body>, _>(Error::from(Refused::new("full"))));
        let service = FromTower::new(router(Rc::new(full)));
        let response = service.call(Request::post("/backend").body(Body::empty())?).await?;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        Ok(())
    })
}

#[test]
fn towers_boxed_errors_are_ours_again() {
    run(async {
        let refuse = tower::service_fn(|_: Request<SendBody>| {
            ready(Err::<Response<SendBody>, _>(Error::from(Refused::new("full"))))
        });
        let boxed = ServiceBuilder::new().map_err(tower::BoxError::from).service(refuse);
        let service = FromTower::new(boxed).map_err(Error::from);
        let error = service.call(Request::new(Body::empty())).await.expect_err("it refuses");
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
    });
}

#[test]
fn a_service_of_ours_stands_under_our_middleware_and_towers() -> Result<(), Failed> {
    run(async {
        let ours = Rc::new(backend().timeout(Duration::from_secs(1)));
        let layered = ServiceBuilder::new()
            .map_request(|mut req: Request<_>| {
                *req.uri_mut() = http::Uri::from_static("/mapped");
                req
            })
            .service(IntoTower::new(ours));
        let service = FromTower::new(layered).timeout(Duration::from_secs(1));
        let response = service.call(Request::post("/").body(Body::from("tea"))?).await?;
        assert_eq!(response.into_body().collect(1024).await?, "/mapped:tea");
        Ok(())
    })
}

#[test]
fn a_body_of_ours_comes_back_without_a_wrapper() -> Result<(), Failed> {
    run(async {
        let pass = tower::service_fn(|req: Request<SendBody>| {
            ready(Ok::<_, Infallible>(Response::new(req.into_body())))
        });
        let there_and_back = FromTower::new(IntoTower::new(Rc::new(FromTower::new(pass))));
        let body = || Body::from("as it was");
        let response = there_and_back.call(Request::new(body())).await?;
        assert_eq!(format!("{:?}", response.body()), format!("{:?}", body()));
        Ok(())
    })
}

/// Ready when asked a second time, and only the clone that was asked.
struct Reserved<'a> {
    asked: u32,
    refuses: bool,
    calls: &'a Cell<u32>,
}

impl Clone for Reserved<'_> {
    fn clone(&self) -> Self {
        Self { asked: 0, ..*self }
    }
}

impl tower::Service<Request<SendBody>> for Reserved<'_> {
    type Response = Response<SendBody>;
    type Error = Refused;
    type Future = Ready<Result<Self::Response, Refused>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        self.asked += 1;
        match self.asked {
            _ if self.refuses => Poll::Ready(Err(Refused::new("never ready"))),
            1 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, req: Request<SendBody>) -> Self::Future {
        assert_eq!(self.asked, 2, "called where it was not ready");
        self.asked = 0;
        self.calls.set(self.calls.get() + 1);
        ready(Ok(Response::new(req.into_body())))
    }
}

#[test]
fn a_call_waits_until_its_clone_is_ready() {
    run(async {
        let calls = Cell::new(0);
        let service = FromTower::new(Reserved { asked: 0, refuses: false, calls: &calls });
        for _ in 0..2 {
            service.call(Request::new(Body::empty())).await.expect("it is ready in the end");
        }
        let both = futures_util::join!(service.call(Request::default()), service.call(Request::default()));
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(calls.get(), 4);
    });
}

#[test]
fn a_service_that_will_never_be_ready_is_not_called() {
    run(async {
        let calls = Cell::new(0);
        let service = FromTower::new(Reserved { asked: 0, refuses: true, calls: &calls });
        let error = service.call(Request::new(Body::empty())).await.expect_err("it refuses");
        assert_eq!((error.to_string(), calls.get()), (Refused::new("never ready").to_string(), 0));
    });
}

#[test]
fn a_call_given_up_is_dropped_on_either_side() {
    struct Flag(Rc<Cell<bool>>);

    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }

    run(async {
        let dropped = Rc::new(Cell::new(false));
        let flag = dropped.clone();
        let stuck = Rc::new(service_fn(async move |_: Request<Body>| {
            let _flag = Flag(flag.clone());
            std::future::pending::<Result<Response<Body>, Error>>().await
        }));
        let service = FromTower::new(IntoTower::new(stuck));
        let call = spawn(async move { service.call(Request::new(Body::empty())).await.map(drop) });
        yield_now().await;
        assert!(!dropped.get());
        call.abort();
        assert!(call.await.is_err());
        assert!(dropped.get());
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what happens on another thread needs another thread")]
fn on_another_thread_nothing_of_ours_is_touched() {
    // Moved there and back: only touching is wrong, and telling what it is touches nothing.
    let body = SendBody::new(Body::from("hello"));
    let service = IntoTower::new("a service");
    let moved = std::thread::spawn(move || (format!("{body:?} {service:?}"), body, service)).join();
    let (told, body, service) = moved.expect("nothing was touched");
    assert_eq!(told, "SendBody(of another thread) IntoTower(of another thread)");
    assert_eq!(body.into_inner().content_length(), Some(5));
    assert_eq!(service.into_inner(), "a service");

    let is_moved = |moved: Box<dyn FnOnce() + Send>| std::thread::spawn(moved).join().is_ok();
    let body = SendBody::new(Body::from("hello"));
    assert!(!is_moved(Box::new(move || drop(body))));
    let body = SendBody::new(Body::from("hello"));
    assert!(!is_moved(Box::new(move || drop(body.into_inner()))));
    let io = SendIo::new(futures_util::io::empty());
    assert!(!is_moved(Box::new(move || drop(io.into_inner()))));
    let service = IntoTower::new(Rc::new(backend()));
    assert!(!is_moved(Box::new(move || drop(service))));

    // None of these would panic at home.
    is_not_touched(SendBody::new(Body::from("hello")), |body| {
        let _is_end = http_body::Body::is_end_stream(body);
    });
    is_not_touched(SendBody::new(Body::from("hello")), |body| drop(body.frame().now_or_never()));
    is_not_touched(SendFuture::new(ready(())), |future| {
        let _output = future.now_or_never();
    });
    is_not_touched(SendIo::new(futures_util::io::empty()), |io| {
        let _stream = io.get_ref();
    });
    is_not_touched(IntoTower::new(Rc::new(backend())), |service| drop(service.clone()));
}

/// Whoever touches it elsewhere has a panic; and it is alive, and back home to be dropped.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "what happens on another thread needs another thread")]
fn is_not_touched<T: Send + 'static>(mut value: T, touch: impl FnOnce(&mut T) + Send + 'static) {
    let elsewhere = std::thread::spawn(move || {
        let touched = catch_unwind(AssertUnwindSafe(|| touch(&mut value)));
        (touched.is_err(), value)
    });
    let (is_refused, value) = elsewhere.join().expect("what panicked was caught");
    assert!(is_refused, "it was touched");
    drop(value);
}
