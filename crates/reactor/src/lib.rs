//! One event loop per core, where using a source is asking for it.
//!
//! A reactor runs tasks on one thread. A task never registers interest: it reads a socket, waits for a timer or
//! takes from a channel, and if that is not ready yet, the source remembers the task and the reactor runs it
//! again when it is.
//!
//! ```text
//!            wake                     ready
//!   tasks ◄──────── sources ◄──────────────── driver: the system, or a world made up for a test
//!     │                ▲
//!     └── use, ask ────┘     sockets, timers, channels
//! ```
//!
//! A task is any `Future` ([`spawn`]) or any [`Task`] ([`schedule`]), and neither needs to be `Send`. Both use the
//! same sources: the asynchronous methods (`read`, `accept`, `recv`) for futures, their `try_` twins for tasks that
//! tick.
//!
//! ```
//! use ekiden_reactor::{net, run, spawn};
//!
//! run(async {
//!     let listener = net::TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     spawn(async move {
//!         let (stream, _peer) = listener.accept().await?;
//!         let mut buf = [0; 64];
//!         let n = stream.read(&mut buf).await?;
//!         stream.write_all(&buf[..n]).await
//!     });
//!
//!     let stream = net::TcpStream::connect(addr).await?;
//!     stream.write_all(b"hello").await?;
//!     let mut buf = [0; 64];
//!     assert_eq!(stream.read(&mut buf).await?, 5);
//!     std::io::Result::Ok(())
//! })
//! # .unwrap();
//! ```
//!
//! The reactor has no idea what a request is; that is for the floors above. What it knows of the world below it
//! asks of a [`driver`].
//!
//! In reading order:
//!
//! - `reactor` is the loop, `core` what everything on it shares, `inbox` how other threads speak to it, by a
//!   `handle`, `spin` whether it looks around for a moment before it sleeps;
//! - [`task`] is what it runs;
//! - sources: `interest` is what one is ready for, `waiters` are those who wait for it, `pauses` hold a listener back;
//!   [`time`], [`net`], [`channel`], [`sync`] and `latch` are such sources, and so are the ends of work that is
//!   `blocking` and the `shutdown`; `entropy` is there at once;
//! - [`notice`](mod@notice) is what the operator is told, [`buffer`] what is lent to read into;
//! - [`driver`] is what is asked of the world, with a clock for tests; `woken` serves tests, too.
#![forbid(unsafe_code)]

mod reactor;
mod core;
mod inbox;
mod handle;
mod spin;
pub mod task;
mod interest;
mod pauses;
mod waiters;
#[cfg(test)]
mod woken;
pub mod time;
pub mod net;
pub mod channel;
pub mod sync;
mod latch;
mod blocking;
mod shutdown;
mod entropy;
pub mod notice;
pub mod buffer;
pub mod driver;

pub use blocking::{BlockingError, blocking};
pub use driver::os::Source;
pub use entropy::entropy;
pub use handle::{Handle, RemoteHandle};
pub use latch::Latch;
pub use notice::notice;
pub use reactor::{Config, Reactor, run};
pub use shutdown::{Shutdown, is_shutting_down, request_shutdown, shutdown};
pub use task::{
    ChildError, JoinError, JoinHandle, Task, TaskGroup, Tick, schedule, spawn, spawn_named, yield_now,
};
pub use time::{
    Elapsed, Instant, Interval, Sleep, interval, sleep, sleep_until, timeout, timeout_at, wall_clock,
};
