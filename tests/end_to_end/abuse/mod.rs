//! Bad input gets a clear answer and harms nobody else: what a hostile or broken client can do to a server, done to the
//! programs in `examples/` over real sockets.
//!
//! ```text
//!   abuser ── garbage, silence, floods, resets ──► ┌────────┐
//!                                                  │ server │
//!   bystanders ◄── served all the while ─────────► └────────┘
//! ```
//!
//! Every test has its [`Bystanders`](bystanders::Bystanders): one who was connected before the abuse began and is
//! served on, and new ones who are served too. Where a limit is one of time, the server runs on a thread of the test
//! with a clock set by hand ([`by_hand`]), and a minute passes when the test says so; where it is one of memory, of
//! files or of signals, it is a process of its own ([`started`]). No test waits for time to pass: the time-outs of the
//! sockets here are guards, met only by a test that fails.
//!
//! In reading order: `peer` is the client who may do anything, `bystanders` are those who must not feel it; then one
//! kind of abuse a file. `refusals`: what cannot be read. `slowness` and `unread`: who is silent, or never takes his
//! answers. `frames`: what is too long. `crowds`: many connections at once. `files`: none left. `endings`: Ctrl-C in the
//! middle of things. The servers are those of the examples `hello` and `lines`.

mod peer;
mod bystanders;
pub(crate) mod started;
mod by_hand;
mod refusals;
mod slowness;
mod unread;
mod frames;
mod crowds;
mod files;
mod endings;

// The examples whose servers the tests run on a clock of their own.
#[path = "../../../examples/hello.rs"]
#[allow(dead_code, unreachable_pub, reason = "here it is a module of a test, and its `main` is not run")]
mod hello;
#[path = "../../../examples/lines.rs"]
#[allow(dead_code, unreachable_pub, reason = "the same")]
mod lines;
