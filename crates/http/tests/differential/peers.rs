//! The two servers: ours, and hyper's on our reactor, each with the same service behind it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use ekiden_http::adapt::hyper::Io;
use ekiden_http::{Body, Error, server};
use ekiden_reactor::spawn;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;

use crate::outcome::{End, Exchange, Outcome};
use crate::world::World;
use crate::world::judge::{self, Asked, Connection};
use crate::world::pipe::{self, Peer, pipe};

/// Plays a connection to our server: the pieces one after the other, then the client's end.
pub(crate) async fn ours(world: &World, pieces: &[&[u8]]) -> Outcome {
    let (io, peer) = pipe();
    let log = Log::default();
    let service = ekiden_service::service_fn({
        let log = log.clone();
        async move |request: Request<Body>| Ok::<_, Error>(answer(&log, request).await.map(Body::full))
    });
    let task = spawn(async move { server::serve_connection(io, service).await });
    let is_early = play(world, &peer, pieces).await;
    task.abort();
    judge_ours(&log, &peer.seen(), is_early)
}

/// What our server made of it. Every byte it wrote is read again, strictly.
fn judge_ours(log: &Log, seen: &[u8], is_early: bool) -> Outcome {
    let exchanges = log.0.borrow().clone();
    let asked: Vec<_> = exchanges.iter().map(|exchange| Asked::from(method(exchange))).collect();
    let responses = judge::responses(seen, &asked, Connection::Closed);
    let responses = responses.unwrap_or_else(|error| panic!("{error} in {}", seen.escape_ascii()));
    for (exchange, response) in exchanges.iter().zip(&responses) {
        assert!(response.is_whole, "an answer is cut short: {}", seen.escape_ascii());
        let expected: &[u8] = if method(exchange) == "HEAD" { b"" } else { exchange.head.as_bytes() };
        assert!(exchange.body.is_none() || response.body == expected, "{}", seen.escape_ascii());
    }
    let refusal = responses.get(exchanges.len()).map(|response| response.status);
    let broken = exchanges.iter().find(|exchange| exchange.body.is_none());
    let broken = broken.map(|_| responses.last().map_or(0, |response| response.status));
    let end = match refusal.or(broken) {
        Some(status) if is_early => End::Refused(Some(status)),
        Some(status) => End::CutShort(Some(status)),
        None if is_early => End::Closed,
        None => End::Kept,
    };
    let continues = responses.iter().map(|response| response.interims.len()).sum();
    Outcome { exchanges, continues, end }
}

/// Plays a connection to hyper's server.
pub(crate) async fn hypers(world: &World, pieces: &[&[u8]]) -> Outcome {
    let (io, peer) = pipe();
    let log = Log::default();
    let service = hyper::service::service_fn({
        let log = log.clone();
        move |request| {
            let log = log.clone();
            async move { Ok::<_, Infallible>(answer(&log, request).await.map(Full::new)) }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(Io::new(io), service);
    let task = spawn(connection);
    let is_early = play(world, &peer, pieces).await;
    assert!(task.is_finished(), "hyper's connection outlives its client");
    let result = task.await.expect("hyper does not panic");

    let exchanges = log.0.borrow().clone();
    let is_broken = exchanges.iter().any(|exchange| exchange.body.is_none());
    let end = match (result, is_early) {
        (Err(_), true) => End::Refused(None),
        (Err(_), false) => End::CutShort(None),
        (Ok(()), true) if is_broken => End::Refused(None),
        (Ok(()), false) if is_broken => End::CutShort(None),
        (Ok(()), true) => End::Closed,
        (Ok(()), false) => End::Kept,
    };
    let continues = count(&peer.seen(), b"HTTP/1.1 100 Continue\r\n\r\n");
    Outcome { exchanges, continues, end }
}

/// Sends the pieces, then ends; says whether the server had ended before that.
async fn play(world: &World, peer: &Peer, pieces: &[&[u8]]) -> bool {
    for piece in pieces {
        peer.send(piece);
        world.quiet().await;
    }
    let is_early = peer.other_end() != pipe::End::Open;
    peer.end();
    world.quiet().await;
    assert_ne!(peer.other_end(), pipe::End::Open, "the connection outlives its client");
    is_early
}

/// What the service saw, in the order of the requests.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<Exchange>>>);

/// The service: notes what it sees, reads the whole body, and answers with the head as it was seen. It opens no tunnels.
async fn answer<B>(log: &Log, request: Request<B>) -> Response<Bytes>
where
    B: http_body::Body<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    let version =
        if parts.version == Version::HTTP_11 { String::new() } else { format!(" {:?}", parts.version) };
    let fields = told(&parts.headers);
    let fields = if fields.is_empty() { String::new() } else { format!(" [{}]", fields.join("; ")) };
    let head = format!("{} {}{version}{fields}", parts.method, parts.uri);
    let index = log.0.borrow().len();
    log.0.borrow_mut().push(Exchange { head: head.clone(), ..Exchange::default() });
    let mut response = Response::new(Bytes::from(head));
    if parts.method == Method::CONNECT {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    match read(body).await {
        Some((body, trailers)) => {
            let mut log = log.0.borrow_mut();
            log[index].body = Some(body);
            log[index].trailers = told(&trailers);
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// A body and its trailers; `None` if it is broken.
async fn read<B: http_body::Body<Data = Bytes>>(body: B) -> Option<(Vec<u8>, HeaderMap)> {
    let mut body = pin!(body);
    let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        match frame.ok()?.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Some((bytes, trailers))
}

/// Fields in the order of their names. The usual host goes without saying.
fn told(fields: &HeaderMap) -> Vec<String> {
    let is_told = |(name, value): &(&HeaderName, &HeaderValue)| *name != "host" || *value != "a";
    let told = |(name, value): (_, &HeaderValue)| format!("{name}: {}", value.as_bytes().escape_ascii());
    let mut fields: Vec<_> = fields.iter().filter(is_told).map(told).collect();
    // The values of one name stay in their order.
    fields.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    fields
}

fn method(exchange: &Exchange) -> &str {
    exchange.head.split(' ').next().unwrap_or_default()
}

fn count(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).filter(|window| window == &needle).count()
}
