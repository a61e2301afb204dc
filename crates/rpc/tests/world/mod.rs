//! A world without a system, for tests that play many connections: the clock, the reactor and the connections of the tests of
//! ekiden-proto, `memory` and [`pipe`], which know no protocol.
#![allow(dead_code, reason = "each test program uses a part of it")]

#[path = "../../../proto/tests/world/memory.rs"]
mod memory;
#[path = "../../../proto/tests/world/pipe.rs"]
pub(crate) mod pipe;

pub(crate) use memory::{World, run};
