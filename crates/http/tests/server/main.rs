//! The server against a client whose every byte, and every moment, a test chooses.
//!
//! The stream is a pipe in memory and the clock is set by hand, so that each schedule is played as it is written.
//! Tests are scripts, which [`script`] knows how to play.

#[path = "../world/mod.rs"]
mod world;

mod script;

mod allocations;
mod answers;
mod bodies;
mod endings;
mod hostile;
mod listener;
mod pipelines;
mod times;
mod upgrades;
