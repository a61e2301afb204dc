//! An axum router under a layer of tower-http, without tokio's runtime: our server serves it, and its handler calls a
//! client of ours.
//!
//! ```console
//! $ cargo run --release --example axum
//! $ curl -i http://127.0.0.1:8081/greet/Ada
//! ```
//!
//! ```text
//!   curl ──► server ──► layer ──► Router ──► handler ──► Timeout ─┐
//!                                                                 ▼
//!   another server of this program ◄── clients ◄── Pool ◄── ConcurrencyLimit
//! ```
//!
//! A client is one connection, on which one call waits for the other. So there are several, made when they are needed;
//! and when all are busy a call waits, for a while: a flood makes everybody slower before anybody is turned away.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response as AxumResponse};
use axum::routing::get;
use ekiden::http::adapt::tower::{FromTower, IntoTower};
use ekiden::http::client::Client;
use ekiden::http::{self, Body, HeaderValue, Request, Response, StatusCode, header, server};
use ekiden::net::TcpListener;
use ekiden::{BoxService, MiddlewareExt, Service, ServiceExt, Status, service_fn};
use tower::Service as _;
use tower_http::set_header::SetResponseHeaderLayer;

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on {addr}; in another terminal: curl -i http://{addr}/greet/Ada");
        serve(listener).await
    })
}

/// Serves until somebody asks the program to end, and then finishes what was begun.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    // The handlers need it to the end, so it does not drain by itself.
    let mut config = server::Config::default();
    config.accept.drain_on_shutdown = false;
    let behind = TcpListener::bind("127.0.0.1:0").await?;
    let backend = Pool::new(behind.local_addr()?)
        .concurrency_limit(CALLS_MAX, WAITING_MAX)
        .timeout(Duration::from_secs(10));
    let behind = config.serve(behind, service_fn(greet));

    server::serve(listener, FromTower::new(router(backend.boxed()))).await?;
    behind.drain(Duration::from_secs(1)).await;
    Ok(())
}

/// Calls at once. Each has a connection, so this is what the server behind must bear.
const CALLS_MAX: usize = 32;

/// Calls that wait for one of those to end; beyond it a call is refused, and its client told 503. As many as our server
/// has connections: whom it took it also serves.
const WAITING_MAX: usize = 16_384;

/// What the handlers ask; they need not know what stands around it.
type Backend = BoxService<Request<Body>, Response<Body>, http::Error>;

fn router(backend: Backend) -> Router {
    let nosniff = HeaderValue::from_static("nosniff");
    Router::new()
        .route("/", get(async || "ask for /greet/ and a name\n"))
        .route("/greet/{name}", get(ask))
        .with_state(IntoTower::new(backend))
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, nosniff))
}

/// A handler of axum's, which must be `Send`: that is why it holds the client as a service of tower's.
async fn ask(
    State(mut backend): State<IntoTower<Backend>>,
    Path(name): Path<String>,
) -> Result<AxumResponse, AxumResponse> {
    let fail = |status: StatusCode, why: &dyn Error| (status, format!("{why}\n")).into_response();
    let request =
        Request::get("/").body(Body::from(name)).map_err(|error| fail(StatusCode::BAD_REQUEST, &error))?;
    let response = backend.call(request).await.map_err(|error| fail(error.status(), &error))?;
    Ok(response.map(axum::body::Body::new))
}

/// What is behind: answers the name that it is sent by a greeting.
async fn greet(req: Request<Body>) -> Result<Response<Body>, http::Error> {
    let name = req.into_body().collect(1024).await?;
    Ok(Response::new(Body::from(format!("hello, {}\n", String::from_utf8_lossy(&name)))))
}

/// Connects when none of its connections is free. How many calls there are at once is for the limit around it to say.
struct Pool {
    addr: SocketAddr,
    clients: RefCell<Vec<Client>>,
}

impl Pool {
    fn new(addr: SocketAddr) -> Self {
        Self { addr, clients: RefCell::default() }
    }

    async fn client(&self) -> Result<Client, http::Error> {
        if let Some(free) = self.free_client() {
            return Ok(free);
        }
        let client = Client::connect(self.addr).await?;
        self.clients.borrow_mut().push(client.clone());
        Ok(client)
    }

    fn free_client(&self) -> Option<Client> {
        let mut clients = self.clients.borrow_mut();
        clients.retain(|client| client.status() != Status::Closed);
        clients.iter().find(|client| client.status() == Status::Open).cloned()
    }
}

impl Service for Pool {
    type Req = Request<Body>;
    type Resp = Response<Body>;
    type Error = http::Error;

    async fn call(&self, req: Request<Body>) -> Result<Response<Body>, http::Error> {
        self.client().await?.call(req).await
    }
}
