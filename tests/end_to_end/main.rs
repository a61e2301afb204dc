//! Our servers and clients against programs we did not write: the last of the four floors of tests.
//!
//! What is here is here because only the other program can show it. How a message is framed, what is refused and what
//! times out has its tests on the floors below. What a client of bad will can do to a whole program is in [`abuse`], what
//! networks and machines do to both ends in [`mishaps`].
#![forbid(unsafe_code)]

mod hello;
mod axum;
mod client;
mod programs;
mod rpc;
mod connections;
mod syscalls;
mod inspect;
mod abuse;
mod mishaps;
