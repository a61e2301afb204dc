//! client
mod config;
mod queue;
mod request;
pub use config::{Config, TargetForm};
