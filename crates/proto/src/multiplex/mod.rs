//! Multiplexed dispatch: many calls in flight, each frame says of which it is, and answers come as they are done.
//!
//! ```text
//!   caller ─┐                                                                   ┌─ call
//!   caller ─┼─► Client ─ Calls ─► Transport ◄─── wire ───► Transport ─ Streams ─┼─ call
//!   reader ─┘      (Inlet, Outlet: bodies, each with credit of its own)         └─ call
//! ```
//!
//! A protocol is a codec of [`Frame`]s: it says how they become bytes and back. What it gets for that: a client that is a
//! service, and a server that takes one, with calls that are cancelled at the other end when their callers drop them, ids that
//! are used again only when it is safe, bodies that stream both ways with credit, so that a slow reader holds back only
//! itself, refusals that survive the wire, drains, and limits on all of it.
//!
//! Here is a whole protocol, of lines such as `7 hello`, without bodies and without signs of life:
//!
//! ```
//! use bytes::BytesMut;
//! use ekiden_proto::codec::{Decoded, Decoder, Encoder, Lines};
//! use ekiden_proto::multiplex::{self, Client, ClientConfig, Frame, Message, Reset, ServerConfig};
//! use ekiden_reactor::net::{TcpListener, TcpStream};
//! use ekiden_service::{Refused, Service, service_fn};
//!
//! /// At the server a line is a request; at the client it is a reply.
//! #[derive(Clone)]
//! struct Numbered<const IS_SERVER: bool>(Lines);
//!
//! type Error = Box<dyn std::error::Error + Send + Sync>;
//!
//! impl<const IS_SERVER: bool> Decoder for Numbered<IS_SERVER> {
//!     type Item = Frame<String>;
//!     type Error = Error;
//!
//!     fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Self::Item>, Error> {
//!         let Decoded::Frame(line) = self.0.decode(buf)? else { return Ok(Decoded::Incomplete) };
//!         let (id, text) = line.split_once(' ').ok_or("a line without a number")?;
//!         let (id, head) = (id.parse()?, text.to_owned());
//!         Ok(Decoded::Frame(match text {
//!             "cancel" => Frame::Cancel { id },
//!             "refused" => Frame::Reset { id, reason: Reset::Refused },
//!             "failed" => Frame::Reset { id, reason: Reset::Failed },
//!             _ if IS_SERVER => Frame::Open { id, head, more: false },
//!             _ => Frame::Reply { id, head, more: false },
//!         }))
//!     }
//! }
//!
//! impl<const IS_SERVER: bool> Encoder<Frame<String>> for Numbered<IS_SERVER> {
//!     type Error = Error;
//!
//!     fn encode(&mut self, frame: Frame<String>, buf: &mut BytesMut) -> Result<(), Error> {
//!         let line = match frame {
//!             Frame::Open { id, head, more: false } | Frame::Reply { id, head, more: false } => format!("{id} {head}"),
//!             Frame::Cancel { id } => format!("{id} cancel"),
//!             Frame::Reset { id, reason: Reset::Refused } => format!("{id} refused"),
//!             Frame::Reset { id, .. } => format!("{id} failed"),
//!             Frame::Drain => return Ok(()), // Calls that come too late are refused, which is enough.
//!             _ => return Err("this protocol has no such frame".into()),
//!         };
//!         Ok(self.0.encode(line, buf)?)
//!     }
//! }
//!
//! # ekiden_reactor::run(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! let hello = service_fn(async |req: Message<String>| {
//!     Ok::<_, Refused>(Message::new(format!("hello, {}", req.head)))
//! });
//! let mut config = ServerConfig::default();
//! config.ping_interval = None;
//! let _server = config.serve(listener, Numbered::<true>(Lines::default()), hello);
//!
//! let mut config = ClientConfig::default();
//! config.ping_interval = None;
//! let stream = TcpStream::connect(addr).await?;
//! let (client, connection) = Client::with_config(stream, Numbered::<false>(Lines::default()), config);
//! drop(ekiden_reactor::spawn(connection));
//! assert_eq!(client.call("Ada".to_owned().into()).await?.head, "hello, Ada");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! What decides is pure and is played by hand in its tests: `calls` of the client's requests, `streams` of the server's.
//!
//! In reading order: [`Frame`] is what is said, [`Message`] and [`Body`] what services see of it. Between the two, `queue`
//! is what waits to be sent, `inlet` a body that comes, `outlet` one that goes, and `pump` what fills that;
//! `keepalive` sees whether the peer is there. `client` has its `calls` and what drives its `connection`, `server` its
//! `streams`, which are the open calls, and the `session` of each connection. `config` has the knobs of both, and
//! [`Stats`] how calls end.

mod frame;
mod queue;
mod outlet;
mod pump;
mod keepalive;
mod client;
mod server;
mod config;
mod stats;
#[cfg(test)]
mod text;
#[cfg(test)]
mod tests;

pub use crate::body::{Body, CHUNK_COST, Message};
pub use crate::dispatch::error::{ConnectionError, Error};
pub use crate::dispatch::reset::{Reset, Unsendable};
pub use client::{Client, Connection};
pub use config::{ClientConfig, ServerConfig};
pub use frame::Frame;
pub use server::{serve, serve_connection, serve_on_cores};
pub use stats::Stats;
