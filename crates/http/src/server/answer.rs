//! What is said when there is no answer from the service, and what the operator is told of it.

use ekiden_proto::server::Panic;
use ekiden_reactor::notice;
use ekiden_reactor::notice::{Causes, Level};
use http::{HeaderValue, Response, StatusCode, header};

use crate::body::Body;
use crate::error::Error;
use crate::h1::encode::Invalid;
use crate::refusal::Refusal;

/// To a request that cannot be read: what is wrong with it, in a line.
pub(super) fn to_refusal(refusal: Refusal) -> Response<Body> {
    text(refusal.status(), format!("{refusal}\n"))
}

/// To a request whose call failed. The operator is told if it is for him to mend.
pub(super) fn to_failure(error: &Error) -> Response<Body> {
    let status = error.status();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        notice(Level::Error, "http", format_args!("a service failed: {}", Causes(error)));
    }
    let mut response = reason(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        // In a second a queue that is full now has moved.
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// To a request whose call panicked. The connection ends: nobody knows in what state the service left things.
pub(super) fn to_panic(panic: &Panic, count: u64) -> Response<Body> {
    notice(Level::Error, "http", format_args!("a service panicked ({count} so far): {panic}"));
    let mut response = reason(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// In place of a response that cannot be sent.
pub(super) fn to_invalid(invalid: Invalid) -> Response<Body> {
    notice(Level::Error, "http", format_args!("a response cannot be sent: {invalid}"));
    reason(StatusCode::INTERNAL_SERVER_ERROR)
}

/// In place of a 2xx to a CONNECT that nobody took: most services look at no method, and the client would believe that
/// there is a tunnel. The operator is not told, since any client can bring this about.
pub(super) fn to_unwanted_tunnel() -> Response<Body> {
    reason(StatusCode::NOT_IMPLEMENTED)
}

/// Tells the operator of a response that was begun and cannot be ended.
pub(super) fn tell_of_cut(error: &Error) {
    notice(Level::Warning, "http", format_args!("a response was cut short: {}", Causes(error)));
}

fn reason(status: StatusCode) -> Response<Body> {
    text(status, format!("{}\n", status.canonical_reason().unwrap_or("error")))
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
