//! HTTP/1.1 as services: a server takes one, a client is one.
//!
//! ```
//! use ekiden_http::{Body, Client, Error, Request, Response, serve};
//! use ekiden_reactor::net::TcpListener;
//! use ekiden_service::{Service, service_fn};
//!
//! # ekiden_reactor::run(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! let _server = serve(listener, service_fn(async |request: Request<Body>| {
//!     Ok::<_, Error>(Response::new(Body::from(format!("hello from {}", request.uri().path()))))
//! }));
//!
//! let client = Client::connect(addr).await?;
//! let response = client.call(Request::get("/here").body(Body::empty())?).await?;
//! assert_eq!(response.into_body().collect(1024).await?, "hello from /here");
//! # Ok::<_, Error>(())
//! # }).unwrap();
//! ```
//!
//! - [`server`] has what a production server needs switched on: a time-out for each phase, a limit on each queue,
//!   drain, panics answered by 500.
//! - [`client`] is one connection, reused; pools stand on it.
//! - [`Body`] is the one body of both, in both directions, and an [`http_body::Body`].
//! - [`Error`] is the one error of both: it says whose fault it was, and whether the request was begun.
//! - [`head`] is what lies beneath `http`'s types: the head of a message as it was parsed. A [`Refusal`] is what may be
//!   wrong with a message.
//! - `adapt`, by the features `hyper` and `tower`, lets the programs that people have move in.
//!
//! The wire is ours (`h1`, without a socket or a clock), so that a request costs what the wire needs; `write` hands
//! to a stream what both ends have to say. It is strict:
//! there is one way to frame a body, and whatever two programs might read differently is refused.
#![forbid(unsafe_code)]

pub mod head;
mod refusal;
mod body;
mod error;
mod h1;
mod write;
pub mod client;
pub mod server;
#[cfg(any(feature = "hyper", feature = "tower"))]
pub mod adapt;

pub use body::{Body, OnUpgrade, Upgraded};
pub use client::Client;
pub use error::Error;
pub use refusal::Refusal;
pub use server::{serve, serve_connection, serve_on_cores};

/// The types of the `http` crate that everybody needs, so that a program need not name that crate.
pub use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
