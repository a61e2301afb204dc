//! Channels between threads.
pub mod oneshot;
