//! A network application framework: services, a reactor, protocols.
#![forbid(unsafe_code)]

pub use ekiden_middleware as middleware;
pub use ekiden_proto as proto;
pub use ekiden_reactor as reactor;
pub use ekiden_service as service;

#[cfg(feature = "http")]
pub use ekiden_http as http;

pub use ekiden_middleware::{ConcurrencyLimit, Expired, MiddlewareExt, Timeout};
pub use ekiden_reactor::{
    Config, Elapsed, Handle, Instant, Interval, JoinError, JoinHandle, Latch, Reactor, Sleep, Source, Task,
    Tick, blocking, buffer, channel, driver, entropy, interval, is_shutting_down, net, notice,
    request_shutdown, run, schedule, shutdown, sleep, sleep_until, spawn, spawn_named, sync, testing,
    timeout, timeout_at, wall_clock, yield_now,
};
pub use ekiden_service::{
    Begun, BoxService, Failure, Fault, Refused, Service, ServiceExt, ServiceFn, Status, service_fn,
};

#[cfg(feature = "macros")]
pub use ekiden_macros::test;
