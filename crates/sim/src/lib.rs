//! A seeded world for Ekiden programs: many hosts on one thread, a virtual clock, a network that fails.
//!
//! The code under test is the production code: whatever is below the asynchronous function that a `main` hands to `run`, with
//! no feature and no other type. Below its reactor is another driver, and that is all. Everything that the world leaves open
//! is drawn from a seed: latencies, short reads and writes, the order of ready tasks, wake-ups for nothing. So a run that
//! fails can be had again.
//!
//! ```
//! use ekiden_reactor::net::{TcpListener, TcpStream};
//! use ekiden_reactor::{sleep, spawn, timeout};
//! use std::{io, time::Duration};
//!
//! async fn echo() -> io::Result<()> {
//!     let listener = TcpListener::bind("0.0.0.0:7").await?;
//!     loop {
//!         let (stream, _peer) = listener.accept().await?;
//!         spawn(async move {
//!             let mut buf = [0; 64];
//!             loop {
//!                 match stream.read(&mut buf).await? {
//!                     0 => return io::Result::Ok(()),
//!                     n => stream.write_all(&buf[..n]).await?,
//!                 }
//!             }
//!         });
//!     }
//! }
//!
//! async fn ask() -> io::Result<u8> {
//!     let stream = TcpStream::connect("server:7").await?;
//!     stream.write_all(&[42]).await?;
//!     let mut answer = [0];
//!     stream.read(&mut answer).await?;
//!     Ok(answer[0])
//! }
//!
//! // Who asks while the link is cut is answered once it is whole again.
//! ekiden_sim::check(|sim| {
//!     sim.host("server", echo);
//!     sim.run(async |sim| {
//!         sleep(Duration::from_millis(1)).await;
//!         sim.partition("main", "server");
//!         let asked = spawn(ask());
//!         sleep(Duration::from_secs(2)).await;
//!         assert!(!asked.is_finished());
//!         sim.heal("main", "server");
//!         assert_eq!(timeout(Duration::from_secs(60), asked).await.unwrap().unwrap().unwrap(), 42);
//!     });
//! });
//! ```
//!
//! # What there is
//!
//! Hosts with names and addresses, that [crash, are started again, pause, are slow](Sim#hosts) and get signals; each has [as many
//! cores](Sim::set_cores) as it is given, whose turns come in a drawn order. TCP between hosts and within one, by the
//! rules of Linux, errors and time-outs included: handshakes, backlogs that fill, bytes in order, ends of one
//! direction, resets, what a system closes for a program that was killed, windows that fill, keepalive, refusals, ports that run out; any segment may be lost, is sent again, and
//! given up at last. UDP, whose datagrams are lost, come twice, and overtake each other; who is connected is told
//! when nobody receives them. [Links](Sim#links) that are slow, always or now and then, lose what is sent, have a bandwidth,
//! come and go, or are cut one way or both.
//! Unix sockets within a host, streams and datagrams; their paths are the host's own and in no file system.
//! Name resolution, `blocking`, entropy, both clocks, which may be off and [drift](Sim#clocks) from host to host.
//! Ready tasks run in a drawn order, and so do those whose timers are due together, on one host and on several; two timers
//! that one task waits for are looked at in the order in which it does, as everywhere. A scenario is run for many seeds by
//! [`check()`].
//!
//! What goes wrong is done by the scenario at once, comes by a schedule that it gives ([`Faults`]), or by one that is drawn from
//! the seed ([`Profile`]). A run that fails by the last is made smaller, and what is told is a schedule that suffices.
//! Whether common promises are kept is seen by the [`oracle`]s: nothing is done twice, nothing acknowledged is lost, nobody
//! waits in vain, and what a program holds is bounded.
//!
//! # What there is not
//!
//! - Files, child processes, standard streams, IPv6, sizes of buffers but the
//!   configuration's, a port for several sockets, broadcast, multicast: to ask for one is an error that names it, and never something else.
//! - Threads for what blocks: a job of `blocking` is run [in line](Config::blocking), and one that waits for a task holds the
//!   whole world, and is not found.
//! - A reactor of the system: to [`run`](ekiden_reactor::run) one within a host's program, or in a job of it, is a panic that says so.
//! - A task that never comes back from its poll holds the whole world, as there is one thread. One that goes on and on
//!   without waiting is found ([`Config::busy_turns_max`]), and so is one that waits only for what comes at once ([`Config::steps_max`]).
//! - What a program asks of the system and not of the reactor is not of the seed: `std`'s clocks, threads, `HashMap`s and files. [`check()`] finds it by running a seed twice, if it shows; [`leaks`] lists who does so, and what helps.
//!
//! # How fast it is
//!
//! Ten hosts that ask each other a request a second each, on connections of their own, for an hour: `cargo run --release -p
//! ekiden-sim --example cluster` took 0.26 s, 13,700 times less, on one core of a virtual machine; a minute of 1,000 such hosts
//! (`cluster 1000 60`), 60,000 requests, took 0.9 s. On a machine whose cores others use it has been ten times as much.
//!
//! # The parts
//!
//! In reading order: [`Sim`] is the world as scripts see it, `config` how it behaves, `links` and `clocks` what scripts do to
//! those; `run` is its loop, `check` the many seeds, `faults` what goes wrong and when, [`oracle`] whether promises are kept; `program` is what a host runs, `driver`
//! what its reactor asks; `world` has the network, as data; `chance` draws, `journal` writes everything down, `trace` all of it into a file, `failure` says what was wrong; `quiet` keeps panics
//! from being printed.
//!
//! [`guide`] leads from nothing to a bug that is found and mended.
#![forbid(unsafe_code)]

mod sim;
mod config;
mod links;
mod clocks;
mod run;
mod check;
mod faults;
pub mod oracle;
mod program;
mod driver;
mod world;
mod chance;
mod journal;
mod trace;
mod failure;
mod quiet;
pub mod guide;
pub mod leaks;

pub use check::{check, check_with};
pub use clocks::Skew;
pub use config::Config;
pub use failure::Failure;
pub use faults::{Fault, Faults, Profile, ScriptError};
pub use program::Outcome;
pub use sim::Sim;
