//! An HTTP server whose connections are kept alive, asked over ten of them, which is how busy servers live; and our
//! own client.

use std::time::Duration;

use ekiden::http::header::{CONTENT_TYPE, HeaderValue};
use ekiden::http::server::{Config, RawRequest};
use ekiden::http::{self, Body, Client, Request, Response};
use ekiden::net::TcpListener;
use ekiden::proto::server::Server;
use ekiden::{MiddlewareExt, Service, service_fn};

use crate::world::{self, Stream, World};

const CONNECTIONS: u64 = 10;

const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Ten headers, as a browser of 2026 sends them.
const BROWSER: &[u8] = b"GET /articles/2026/11?page=2 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=1f3a5c7e9b2d4f60; theme=dark\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\r\n";

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 64\r\n\r\n\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(super) fn plain(count: u64) {
    kept_alive(count, PLAIN, 1, serve);
}

pub(super) fn browser(count: u64) {
    kept_alive(count, BROWSER, 1, serve);
}

pub(super) fn raw(count: u64) {
    kept_alive(count, PLAIN, 1, serve_raw);
}

pub(super) fn raw_browser(count: u64) {
    kept_alive(count, BROWSER, 1, serve_raw);
}

pub(super) fn pipelined(count: u64) {
    kept_alive(count, PLAIN, 10, serve);
}

pub(super) fn post(count: u64) {
    kept_alive(count, POST, 1, serve_back);
}

pub(super) fn connection(count: u64) {
    world::run(async |world| {
        let _server = serve(listen().await);
        for _ in 0..count / CONNECTIONS {
            let peers: Vec<_> = (0..CONNECTIONS).map(|_| world.dial()).collect();
            ask_each(&world, &peers, PLAIN, 1).await;
            drop(peers);
            world.quiet().await;
        }
    });
}

pub(super) fn call(count: u64) {
    world::run(async |_| {
        let listener = listen().await;
        let addr = listener.local_addr().expect("it has one");
        let _server = serve(listener);
        let client = Client::connect(addr).await.expect("somebody listens");
        for _ in 0..count {
            let request = Request::get("/").body(Body::empty()).expect("a request");
            let response = client.call(request).await.expect("a response");
            assert_eq!(response.into_body().collect(1024).await.expect("a body"), HELLO);
        }
    });
}

/// Asks over and over, by so many requests at a time, until `count` are answered.
fn kept_alive(count: u64, request: &[u8], together: u64, serve: fn(TcpListener) -> Server) {
    world::run(async |world| {
        let _server = serve(listen().await);
        let peers: Vec<_> = (0..CONNECTIONS).map(|_| world.dial()).collect();
        let requests = request.repeat(together as usize);
        for _ in 0..count / CONNECTIONS / together {
            ask_each(&world, &peers, &requests, together).await;
        }
    });
}

async fn ask_each(world: &World, peers: &[Stream], requests: &[u8], together: u64) {
    for peer in peers {
        peer.send(requests);
    }
    world.quiet().await;
    for peer in peers {
        peer.take(|bytes| assert!(is_answered(bytes, together), "{}", bytes.escape_ascii()));
    }
}

/// Whether these are so many good responses; what is looked at is not much, as it counts too.
fn is_answered(bytes: &[u8], together: u64) -> bool {
    let length = bytes.len() / together as usize;
    bytes.len().is_multiple_of(length)
        && bytes.chunks(length).all(|one| one.starts_with(b"HTTP/1.1 200 OK\r\n"))
        && (bytes.ends_with(HELLO.as_bytes()) || bytes.ends_with(b"0123456789abcdef"))
}

async fn listen() -> TcpListener {
    TcpListener::bind(([127, 0, 0, 1], 0)).await.expect("a place to listen")
}

fn serve(listener: TcpListener) -> Server {
    let service = service_fn(async |_: Request<Body>| Ok::<_, http::Error>(text(HELLO.into())));
    http::serve(listener, service.timeout(Duration::from_secs(10)))
}

fn serve_back(listener: TcpListener) -> Server {
    let service = service_fn(async |request: Request<Body>| {
        Ok::<_, http::Error>(text(request.into_body().collect(1024).await?.into()))
    });
    http::serve(listener, service.timeout(Duration::from_secs(10)))
}

fn serve_raw(listener: TcpListener) -> Server {
    let service = service_fn(async |_: RawRequest| Ok::<_, http::Error>(text(HELLO.into())));
    Config::default().serve_raw(listener, service)
}

fn text(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

const HELLO: &str = "Hello, World!";
