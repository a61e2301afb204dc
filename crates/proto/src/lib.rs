//! A protocol is a codec and a dispatch rule.
//!
//! Say how bytes become frames, and whether replies come in the order of the requests, and you have a client that is a
//! [`Service`](ekiden_service::Service) and a server that takes one:
//!
//! ```text
//!   Service ◄── pipeline  ◄── frames ── Transport ◄── bytes ── any AsyncRead + AsyncWrite
//!               multiplex                  │
//!                                        codec
//! ```
//!
//! ```
//! use ekiden_proto::codec::Lines;
//! use ekiden_proto::pipeline::{self, Client};
//! use ekiden_reactor::net::{TcpListener, TcpStream};
//! use ekiden_service::{Service, service_fn};
//! use std::convert::Infallible;
//!
//! # ekiden_reactor::run(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! let hello = service_fn(async |name: String| Ok::<_, Infallible>(format!("hello, {name}")));
//! let _server = pipeline::serve(listener, Lines::default(), hello);
//!
//! let client = Client::<_, String>::new(TcpStream::connect(addr).await?, Lines::default());
//! assert_eq!(client.call("Ada").await?, "hello, Ada");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What the operator is told
//!
//! By [`notice`](fn@ekiden_reactor::notice), on these topics besides the reactor's own:
//!
//! - `accept` ([`server`]): connections wait for others to close, or for files; a listener has failed for good;
//! - `drain` ([`server`]): connections had not finished in time, or were given away and go on;
//! - `pipeline` ([`pipeline`]): what a service did ended a connection;
//! - `multiplex` ([`multiplex`]): a call panicked, or its reply or the body of it cannot be sent.
//!
//! In reading order: [`codec`] turns bytes into frames; [`Transport`] does that for a byte stream, with as few system
//! calls as there can be; [`pipeline`] gives each request its reply, in order, and [`multiplex`] by an id that each frame
//! carries; `dispatch` is what the two share, and `body` what messages are to both, with what streams behind their heads; [`server`] accepts connections, counts them and drains. Beneath them, `spare`
//! keeps buffers that nobody holds while waiting, and `slots` places for what comes and goes. `wire` plays the peer in
//! tests.
//!
//! This crate knows no protocol: each is a crate above it.
#![forbid(unsafe_code)]

pub mod codec;
mod transport;
mod spare;
mod slots;
#[cfg(test)]
mod wire;
mod body;
mod dispatch;
pub mod pipeline;
pub mod multiplex;
pub mod server;

pub use transport::{NextFrame, Parts, ReadError, SendError, Transport};
