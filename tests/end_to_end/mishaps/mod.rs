//! What networks and machines do to those who speak over them: connections that are cut at any byte, bytes that wait or
//! change, peers that are killed or stand still.
//!
//! ```text
//!   callers ──► client that reconnects ──► Proxy ──► server
//!                                            ▲         ▲
//!                       cuts, delays, changed bytes   SIGKILL, SIGSTOP
//! ```
//!
//! Whatever happens, every call comes to an end, no answer is another's, and an error that says that the request was not
//! begun tells the truth. When the mishap is over the client is back by itself. What is waited for is always something
//! that can be seen: bytes that were passed, the state of a process, an answer.
//!
//! In reading order: `load` is many callers at once, and what they were answered; then one protocol a file, `lines`,
//! `redis` and `rpc`.

mod load;
mod lines;
mod redis;
mod rpc;
