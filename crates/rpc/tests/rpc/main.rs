//! Both ends over sockets of the system, and each end against whatever else may be at the other.
#![forbid(unsafe_code)]

#[path = "../fuzzed/checksum.rs"]
mod checksum;
mod library;
mod raw;
mod calls;
mod cores;
mod streams;
mod context;
mod evolution;
mod attribute;
mod limits;
mod endings;
mod again;
mod hostile;
mod checksums;
mod proxy;
mod other_language;
