//! A service is an asynchronous function from request to response.
//!
//! One trait, [`Service`], is what every client and every server is. A middleware is a struct around a
//! service that is a service itself, so it is written once and used on either side of any protocol.
//!
//! This crate knows no runtime, no clock, no protocol and no other crate.
#![forbid(unsafe_code)]

mod service;

pub use service::{Service, Status};
