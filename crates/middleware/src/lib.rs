//! Time-outs and limits for any service, on either side of any protocol.
//!
//! A middleware is a struct around a service that is a service itself: a file each, named for what it does. It
//! works around a handler on a server, around a client, and around another middleware, and it has heard of no
//! protocol. What it can fail with by itself it makes the service's own error, by `From`.
#![forbid(unsafe_code)]

mod ext;
mod concurrency_limit;

pub use concurrency_limit::ConcurrencyLimit;
pub use ext::MiddlewareExt;
