//! Seeing inside: what the reactors of this process do, asked from any thread at any time, in a normal build.
//!
//! In reading order: `stats` are the counters of each core.

mod stats;

pub use stats::{CoreState, CoreStats, Spawned, stats};
