//! A network application framework.
#![forbid(unsafe_code)]

pub use ekiden_reactor::{
    Config, Elapsed, Handle, Instant, Interval, JoinError, JoinHandle, Latch, Reactor, Sleep, Source, Task,
    Tick, blocking, buffer, channel, driver, entropy, interval, is_shutting_down, net, notice,
    request_shutdown, run, schedule, shutdown, sleep, sleep_until, spawn, spawn_named, sync, testing,
    timeout, timeout_at, wall_clock, yield_now,
};
