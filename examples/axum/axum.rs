//! An axum router under a layer of tower-http, without tokio's runtime: our server serves it, and its handler calls a
//! client of ours.
//!
//! ```console
//! $ cargo run --release --example axum
//! $ curl -i http://127.0.0.1:8081/greet/Ada
//! ```
//!
//! ```text
//!   curl ──► server ──► layer ──► Router ──► handler ──► client ──► another server of this program
//! ```
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response as AxumResponse};
use axum::routing::get;
use ekiden::http::adapt::tower::{FromTower, IntoTower};
use ekiden::http::client::Client;
use ekiden::http::{self, Body, HeaderValue, Request, Response, StatusCode, header, server};
use ekiden::net::TcpListener;
use ekiden::{Service, Status, service_fn};
use tower::Service as _;
use tower_http::set_header::SetResponseHeaderLayer;

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on http://{addr}; in another terminal: curl -i http://{addr}/greet/Ada");
        serve(listener).await
    })
}

/// Serves until somebody asks the program to end, and then finishes what was begun.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    // The handlers need it to the end, so it does not drain by itself.
    let mut config = server::Config::default();
    config.accept.drain_on_shutdown = false;
    let behind = TcpListener::bind("127.0.0.1:0").await?;
    let backend = Backend::new(behind.local_addr()?);
    let behind = config.serve(behind, service_fn(greet));

    server::serve(listener, FromTower::new(router(backend))).await?;
    behind.drain(Duration::from_secs(1)).await;
    Ok(())
}

fn router(backend: Backend) -> Router {
    let nosniff = HeaderValue::from_static("nosniff");
    Router::new()
        .route("/", get(async || "ask for /greet/ and a name\n"))
        .route("/greet/{name}", get(ask))
        .with_state(IntoTower::new(Rc::new(backend)))
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, nosniff))
}

/// A handler of axum's, which must be `Send`: that is why it holds the client as a service of tower's.
async fn ask(
    State(mut backend): State<IntoTower<Rc<Backend>>>,
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

/// A client that connects when it is first asked, and again when the connection is gone.
struct Backend {
    addr: SocketAddr,
    client: RefCell<Option<Client>>,
}

impl Backend {
    fn new(addr: SocketAddr) -> Self {
        Self { addr, client: RefCell::new(None) }
    }

    async fn client(&self) -> Result<Client, http::Error> {
        let current = self.client.borrow().clone();
        match current {
            Some(client) if client.status() != Status::Closed => Ok(client),
            _ => {
                let client = Client::connect(self.addr).await?;
                self.client.replace(Some(client.clone()));
                Ok(client)
            }
        }
    }
}

impl Service for Backend {
    type Req = Request<Body>;
    type Resp = Response<Body>;
    type Error = http::Error;

    async fn call(&self, req: Request<Body>) -> Result<Response<Body>, http::Error> {
        self.client().await?.call(req).await
    }
}
