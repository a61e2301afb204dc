//! HTTP/1.1 as services.
#![forbid(unsafe_code)]
#![allow(dead_code, unused_imports, reason = "the server and the client are on their way")]

pub mod head;
mod body;
mod error;
mod h1;
pub mod client;
#[cfg(any(feature = "hyper", feature = "tower"))]
pub mod adapt;

pub use body::{Body, OnUpgrade, Upgraded};
pub use error::Error;

/// The types of the `http` crate that everybody needs, so that a program need not name that crate.
pub use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
