//! Where other people's code meets ours.
//!
//! `hyper` runs on our sockets, timers and tasks; a service of `tower` is served by our server, and a
//! client of ours is called as one of theirs. Each adapter stands behind the feature of its name. Nothing in
//! here knows a protocol: bytes, time, tasks and calls pass through, and no more.
