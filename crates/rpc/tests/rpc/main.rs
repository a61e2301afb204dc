//! Both ends over sockets of the system, and each end against whatever else may be at the other.
#![forbid(unsafe_code)]

mod library;
mod raw;
mod calls;
mod streams;
mod context;
mod evolution;
mod limits;
mod endings;
mod again;
mod hostile;
mod proxy;
mod other_language;
