//! Where other people's code meets ours.
//!
//! `hyper` runs on our sockets, timers and tasks; a service of `tower` is served by our server, and a
//! client of ours is called as one of theirs. Each adapter stands behind the feature of its name. Nothing in
//! here knows a protocol: bytes, time, tasks and calls pass through, and no more.
//!
//! Their types may cross threads, ours may not. Where they ask for `Send`, our values cross in a wrapper that
//! checks at run time that the thread is the same; on another it panics, and it never lets two threads in.
//!
//! In reading order: `send` is that wrapper; `hyper` and `tower` are the adapters.
//!
//! | you have | you want | you take |
//! |---|---|---|
//! | hyper's server or client | to run it on the reactor | `hyper::{Io, Timer, Executor}` |
//! | an axum `Router`, a tonic server, any tower service | to serve it, or to call it | `tower::FromTower` |
//! | a client of ours | a tower service | `tower::IntoTower` |
//! | a body, a future, a stream of ours | to get it through code that insists on `Send` | [`SendBody`], [`SendFuture`], [`SendIo`] |

mod send;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tower")]
pub mod tower;

pub use send::{SendBody, SendFuture, SendIo};
