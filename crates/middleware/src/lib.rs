//! Time-outs, limits and connections made anew, for any service, on either side of any protocol.
//!
//! A middleware is a service around a service, in a module of its own that is named for what it does. It
//! works around a handler on a server, around a client, and around another middleware, and it has heard of no
//! protocol. What it can fail with by itself it makes the service's own error, by `From`.
//!
//! ```
//! use std::time::Duration;
//! use ekiden_middleware::{Expired, MiddlewareExt};
//! use ekiden_service::{Refused, service_fn};
//!
//! #[derive(Debug)]
//! enum Error {
//!     Overloaded,
//!     Late,
//! }
//!
//! impl From<Refused> for Error {
//!     fn from(_: Refused) -> Self {
//!         Self::Overloaded
//!     }
//! }
//!
//! impl From<Expired> for Error {
//!     fn from(_: Expired) -> Self {
//!         Self::Late
//!     }
//! }
//!
//! let report = service_fn(async |year: u32| Ok::<_, Error>(format!("the report of {year}")));
//! // Two at once and ten waiting; whoever waits and works longer than five seconds in all is late.
//! let report = report.concurrency_limit(2, 10).timeout(Duration::from_secs(5));
//! ```
//!
//! In reading order: `ext` has the methods that add a middleware; [`Timeout`], [`ConcurrencyLimit`] and [`Reconnect`] are the
//! middlewares; [`Backoff`] says how long those wait that try again.
//!
//! What is done under a [deadline](ekiden_reactor::context::deadline) that has passed is done for nobody, so a
//! time-out and a limit begin no call then, and no connection is waited for.
//!
//! The methods read from the inside out: the one added last sees a request first. A time-out outside of a limit
//! counts the time spent in the limit's queue, one inside of it does not.
#![forbid(unsafe_code)]

mod ext;
mod timeout;
mod concurrency_limit;
mod reconnect;
mod backoff;

pub use backoff::Backoff;
pub use concurrency_limit::ConcurrencyLimit;
pub use ext::MiddlewareExt;
pub use reconnect::{Reconnect, ReconnectConfig, WhileApart};
pub use timeout::Timeout;

// It lives with `Refused`, where every protocol can make its error from it; but it is here that people look for it.
pub use ekiden_service::Expired;
