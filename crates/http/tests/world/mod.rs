//! A world without a system, for tests that play many connections.
//!
//! Its clock and its reactor are `memory`, its connections are [`pipe`]s: both are those of the tests of ekiden-proto, which
//! know no protocol. [`judge`] reads HTTP by itself, and nothing here knows the crate under test. The tests that play one
//! connection step by step, on a clock set by hand, take [`pipe`] and [`script`] alone.
#![allow(dead_code, reason = "each test program uses a part of it")]

#[path = "../../../proto/tests/world/memory.rs"]
mod memory;
#[path = "../../../proto/tests/world/pipe.rs"]
pub(crate) mod pipe;
pub(crate) mod script;
pub(crate) mod judge;

#[allow(unused_imports, reason = "the same")]
pub(crate) use memory::{World, run};
