//! A service is an asynchronous function from request to response.
//!
//! One trait, [`Service`], is what every client is and every server takes. A middleware is a service around a
//! service, so it is written once and used on either side of any protocol.
//!
//! ```text
//!   your code ── req ──► Timeout ── req ──► MapReq ── req ──► client, or handler
//!             ◄─ resp ──         ◄─ resp ──        ◄─ resp ──
//! ```
//!
//! A small service is a closure, and small changes to one are methods:
//!
//! ```
//! use ekiden_service::{Refused, Service, ServiceExt, service_fn};
//!
//! # fn block_on(f: impl Future<Output = ()>) {
//! #     assert!(std::pin::pin!(f).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
//! # }
//! # block_on(async {
//! let greet = service_fn(async |name: String| Ok::<_, Refused>(format!("hello, {name}")));
//! let shout = greet.map_resp(|text| text.to_uppercase());
//!
//! assert_eq!(shout.call("Ada".to_owned()).await.unwrap(), "HELLO, ADA");
//! # });
//! ```
//!
//! What a service answers when it cannot answer stays typed, and every such error says whose fault it was and
//! whether the request was begun: see [`Failure`].
//!
//! # What generic code may not ask
//!
//! The future of a call has no name, so no bound can say that it is `Send` or `'static`. To spawn a call, clone
//! the service into an async block; to store one, box it.
//!
//! In reading order: [`Service`] is the trait, and [`ServiceFn`] makes one of a closure; `ext` has the methods that
//! change one, `map`, [`AndThen`] and `boxed` what they make; [`Failure`] is what an error can be asked, and [`Refused`]
//! the error of a call that was not begun, [`Expired`] of one whose time ran out.
//!
//! This crate knows no runtime, no clock, no protocol and no other crate. Methods that need a clock, such as
//! `timeout`, are in `ekiden-middleware`.
#![forbid(unsafe_code)]

mod service;
mod service_fn;
mod ext;
mod map;
mod and_then;
mod boxed;
mod failure;
mod refused;
mod expired;

pub use and_then::AndThen;
pub use boxed::BoxService;
pub use expired::Expired;
pub use ext::ServiceExt;
pub use failure::{Begun, Failure, Fault};
pub use map::{MapErr, MapReq, MapResp};
pub use refused::Refused;
pub use service::{Service, Status};
pub use service_fn::{ServiceFn, service_fn};
