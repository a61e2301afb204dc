//! Events: what happens at the edges, for who looks closely. With the feature `tracing` they and the notices are events
//! of the `tracing` crate; without it nothing is compiled.
//!
//! An edge is where something begins or ends that lasts: a core, a connection, a server, a pause, a task by a panic.
//! Nothing on the way of a request is one, so a program that serves a million of them in a second has no more events
//! than one that serves ten.
//!
//! `told` is one of two files: whoever subscribes, or nobody.

#[cfg(feature = "tracing")]
#[path = "tracing.rs"]
mod told;
#[cfg(not(feature = "tracing"))]
#[path = "nobody.rs"]
mod told;

pub(crate) use told::{debug, notice};
