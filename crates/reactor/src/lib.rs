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
//! # Waiting for several things at once
//!
//! Each method that waits says under *Cancel safety* what is lost when its future is dropped. What loses nothing may be
//! raced by any `select`, with futures made anew in each round:
//!
//! ```
//! use ekiden_reactor::{Latch, channel::mpsc, run, spawn, yield_now};
//! use futures_util::future::{Either, select};
//! use std::pin::pin;
//!
//! run(async {
//!     let ((sender, mut letters), stop) = (mpsc::channel(8), Latch::new());
//!     let stopped = stop.clone();
//!     let clerk = spawn(async move {
//!         let mut read = Vec::new();
//!         loop {
//!             match select(stopped.wait(), pin!(letters.recv())).await {
//!                 Either::Right((Some(letter), _)) => read.push(letter),
//!                 Either::Right((None, _)) | Either::Left(_) => return read,
//!             }
//!         }
//!     });
//!     sender.send("one").await.unwrap();
//!     yield_now().await;
//!     stop.open();
//!     assert_eq!(clerk.await.unwrap(), ["one"]);
//! });
//! ```
//!
//! A time limit is such a race too ([`timeout()`]), and so is whatever drops a future that it has begun to poll. There
//! are three traps, none of which the compiler sees.
//!
//! **Steps of which each is safe are not safe together.** What was received in the first step is lost when the future
//! is dropped in the second. Make such a future once, outside of the loop, and race it by reference; or give it to a
//! task of its own and race the [`JoinHandle`].
//!
//! ```
//! use ekiden_reactor::{channel::mpsc, run, timeout};
//! use std::{pin::pin, time::Duration};
//!
//! async fn pair(letters: &mut mpsc::Receiver<u32>) -> Option<(u32, u32)> {
//!     Some((letters.recv().await?, letters.recv().await?))
//! }
//!
//! run(async {
//!     let (sender, mut letters) = mpsc::channel(8);
//!     sender.send(1).await.unwrap();
//!     assert!(timeout(Duration::ZERO, pair(&mut letters)).await.is_err());
//!     sender.send(2).await.unwrap();
//!     assert_eq!(letters.recv().await, Some(2)); // where is 1?
//!
//!     let mut pair = pin!(pair(&mut letters));
//!     sender.send(3).await.unwrap();
//!     assert!(timeout(Duration::ZERO, pair.as_mut()).await.is_err());
//!     sender.send(4).await.unwrap();
//!     assert_eq!(pair.await, Some((3, 4)));
//! });
//! ```
//!
//! **A future that is kept and not polled keeps its turn.** It may be next to have a lock, a permit or a place, and
//! whoever comes after it then waits for somebody who does not come. Poll it to its end or drop it before you await
//! anything else.
//!
//! ```
//! use ekiden_reactor::{channel::Mutex, run, timeout};
//! use std::{pin::pin, time::Duration};
//!
//! run(async {
//!     let mutex = Mutex::new(0);
//!     let held = mutex.lock().await;
//!     let mut next = pin!(mutex.lock());
//!     assert!(timeout(Duration::ZERO, next.as_mut()).await.is_err());
//!     drop(held); // now it is the turn of `next`, which nobody polls
//!     assert!(timeout(Duration::from_millis(1), mutex.lock()).await.is_err());
//!     drop(next.await);
//!     assert_eq!(*mutex.lock().await, 0);
//! });
//! ```
//!
//! **What is always ready hides what is asked after it.** In which order a `select` asks is for its own docs to say;
//! where it is yours to choose, the stop comes before the work.
//!
//! A task that ticks meets none of the three: it asks everything it waits for by `try_` methods, which keep nothing of
//! its own between two ticks. And what need not be given up need not be raced: a [`TaskGroup`] runs it all at once.
//!
//! # What things cost
//!
//! What is kept for each of very many, by what becomes resident on 64-bit Linux. It stays flat as they grow; what is
//! slower among a million than among a thousand are the processor's caches. The benchmarks' scenarios `tasks`, `timers`,
//! `memory` and `idle` measure it beside our peers.
//!
//! | what | bytes each |
//! |---|---:|
//! | a task that waits, without its future | 160, and 60 more while somebody has its [`JoinHandle`] |
//! | a timer that is set, without its [`Sleep`] | 48 |
//! | a connected socket that somebody waits for | 170 |
//! | an idle connection of a framed echo, with its task, its socket and its place at a server | 410 to 430 |
//!
//! None of them owns a buffer while it waits ([`buffer`]). To wake a task and to run it took 23 ns among a thousand,
//! and 344 ns among a million, on the machine of the benchmarks' page.
//!
//! # The parts
//!
//! In reading order:
//!
//! - `reactor` is the loop, `turns` drive it from outside, `config` is how it behaves, `core` what everything on it shares;
//! - other threads: `inbox` is how they speak to it, by a `handle`, with a `bell` that wakes it, made of `atomics`; `presence`
//!   is whether it runs, for them to see without asking, and `pulse` what it is at;
//! - `spin` is whether it looks around for a moment before it sleeps, `timing` how long polls take, `watchdog` whether one of
//!   them holds its core, and who is told of that; `runtime` has the cores of a program, each of which is such a reactor;
//! - [`task`] is what it runs, [`context`] what goes with it through all that it calls; `pages` are the tables of tasks and
//!   sources;
//! - sources: `interest` is what one is ready for, `about` what it is, `registration` how it is used, `waiters` are
//!   those who wait for it, `wakers` says who is the same, `pauses` hold a listener back; [`time`], [`net`], [`channel`], [`sync`] and `latch` are such
//!   sources, and so are the ends of work that is `blocking`, the `shutdown`, whatever `signals` a program asks for, and
//!   the ends of child processes ([`process`]); of [`fs`] and [`stdio`] other threads do the work, `writes` one after the
//!   other; `entropy` is there at once;
//! - [`notice`](mod@notice) is what the operator is told, `events` what subscribers of tracing are, [`inspect`] what can
//!   be seen of it all while it runs;
//! - [`buffer`] is what is lent to read into;
//! - [`driver`] is what is asked of the world, with a clock for tests; `woken` serves tests, too.
#![forbid(unsafe_code)]

mod reactor;
mod turns;
mod config;
mod core;
mod atomics;
mod bell;
mod presence;
mod inbox;
mod pulse;
mod handle;
mod spin;
mod runtime;
mod timing;
mod watchdog;
pub mod task;
pub mod context;
mod interest;
mod about;
mod registration;
mod pages;
mod pauses;
mod wakers;
mod waiters;
#[cfg(test)]
mod woken;
pub mod time;
pub mod net;
pub mod channel;
pub mod sync;
mod latch;
mod blocking;
mod writes;
pub mod fs;
pub mod stdio;
mod shutdown;
mod signals;
pub mod process;
mod entropy;
pub mod notice;
mod events;
pub mod inspect;
pub mod buffer;
pub mod driver;

pub use blocking::{Blocking, BlockingError, blocking};
pub use config::{Config, OnLostPanic};
pub use driver::Signal;
pub use driver::os::Source;
pub use entropy::entropy;
pub use handle::{Handle, RemoteHandle};
pub use latch::Latch;
pub use notice::notice;
pub use reactor::{Reactor, run};
pub use runtime::{CoreId, CoreIds, CoreSeat, FileLimit, NewCore, Runtime, cores, on_every_core, spawn_on};
pub use shutdown::{Shutdown, is_shutting_down, request_shutdown, shutdown};
pub use signals::{Signals, signals};
pub use task::{
    AbortHandle, ChildError, JoinError, JoinHandle, Task, TaskGroup, Tick, schedule, spawn, spawn_named,
    yield_now,
};
pub use time::{
    Elapsed, Instant, Interval, Sleep, interval, sleep, sleep_until, timeout, timeout_at, wall_clock,
};
pub use turns::{Ready, Turned, Turns};
