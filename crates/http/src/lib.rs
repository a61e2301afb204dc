//! HTTP/1.1 as services.
#![forbid(unsafe_code)]

pub mod head;
mod body;
mod error;
mod h1;
pub mod client;
pub mod server;
#[cfg(any(feature = "hyper", feature = "tower"))]
pub mod adapt;

pub use body::{Body, OnUpgrade, Upgraded};
pub use client::Client;
pub use error::Error;
pub use server::{serve, serve_connection};

/// The types of the `http` crate that everybody needs, so that a program need not name that crate.
pub use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
