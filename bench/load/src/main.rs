//! The echo load: many connections from one thread on epoll.
#![forbid(unsafe_code)]

fn main() {}
