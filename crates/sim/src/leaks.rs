//! What is not of the seed: who asks the system behind the world's back, and what helps.
//!
//! # How it is found
//!
//! A program is in the world by what it asks of its reactor. What it asks of the system instead is the system's: it need not
//! be the same in the next run, and nobody can forbid it, since it is a call like any other. So [`check()`](crate::check()) runs some seeds
//! twice and holds their events against each other: the first one that differs says where to look. What never shows in
//! an event, nor in the order of tasks, is no matter.
//!
//! ```should_panic
//! # use ekiden_reactor::net::UdpSocket;
//! use std::collections::HashMap;
//!
//! // Each of std's hash maps has an order of its own.
//! ekiden_sim::check(|sim| {
//!     let prices: HashMap<&str, u8> =
//!         ["apples", "pears", "plums", "figs", "dates", "limes", "kiwis"].into_iter().zip(0..).collect();
//!     sim.run(async move |_sim| {
//!         let socket = UdpSocket::bind("127.0.0.1:7").await.unwrap();
//!         socket.connect("127.0.0.1:7").await.unwrap();
//!         for price in prices.values() {
//!             socket.send(&[*price]).await.unwrap();
//!         }
//!     });
//! });
//! ```
//!
//! says:
//!
//! ```text
//! two runs of seed 0 differ, so something came in that is not of the seed: a clock, entropy, a thread, the order of a std HashMap
//! event 2 is the first that differs
//!   both:    0.000000000 s main       listens on 127.0.0.1:7
//!   once:    0.000000000 s main       #1 writes 1 bytes (296207de)
//!   then:    0.000000000 s main       #1 writes 1 bytes (2962172c)
//! ```
//!
//! # Who does, as far as we know
//!
//! Ours do not. Of what stands on us, or beside us in programs:
//!
//! | who | asks for | and so | what helps |
//! |---|---|---|---|
//! | `std`'s `HashMap` and `HashSet` | a random key of each | what is done in their order is done in another | a `BTreeMap`; or a hasher that is always the same, as in `HashMap<K, V, BuildHasherDefault<DefaultHasher>>` |
//! | `futures::select!`, `stream_select!` | a counter of the thread, for who comes first | another branch is taken where two are ready | `select_biased!`, `future::select` |
//! | hyper's servers | the wall clock, for `Date` | another header every second | `auto_date_header(false)`, and a header of the program's own by [`wall_clock`](ekiden_reactor::wall_clock) |
//! | h2, under hyper's client of HTTP/2 | the monotonic clock, for how long it has known a stream that it has reset | after a second it answers what comes late for it | `max_concurrent_reset_streams(0)` of the client's builder: none is known |
//! | the same under hyper's server | the same | the same | hyper has no such knob for it: see below |
//! | hyper without a timer | the monotonic clock | | the adapter's `Timer`, in the builder |
//! | tower's `balance`, and the jitter of its `retry::backoff` | random keys, as of a `HashMap` | another backend, another pause | a generator of the program's own: `Balance::from_rng`, `ExponentialBackoffMaker::new` |
//! | tower's `load::PeakEwma`, `hedge` and the budget of its retries | the monotonic clock | | our limits and time-outs, around the whole |
//! | `uuid`, `rand` and whoever else uses `getrandom` | entropy of the system | | a generator that is seeded by [`entropy`](fn@ekiden_reactor::entropy) |
//! | statics and thread locals that a run leaves changed | what the run before has left | the second run of a seed differs from the first | to begin each run with new ones, or to give a program what it counts |
//!
//! Each of the first four is a test of ours, which shows the leak and that its remedy is one; when a new release of theirs has
//! closed it, the test says so. That the remedy for hyper's timers is one is a test, too, and so are our limits and time-outs, in worlds; for
//! generators and for statics it is shown [below](#remedies). What is said of tower's `balance` and `backoff` is read from their
//! sources, and not tested: with these features tower brings tokio.
//!
//! h2 under hyper's server is the one without a remedy. It shows only where a stream was reset by the server, and something
//! comes for it more than a second of **real** time later; in a world that second is minutes or hours away. Where it does, `check` has
//! two runs that differ by 13 bytes that the server writes, or not.
//!
//! What insists on tokio's runtime (tower's and tower-http's time-outs, `tokio::time`) fails in a world as it does anywhere
//! without that runtime: by a panic that names it.
//!
//! Statics and thread locals are not only of all runs but of all hosts of one: those are in one process and on one thread. A crash
//! or a [restart](crate::Sim::restart) of a host, by which a process would lose them, leaves them as they are.
//!
//! # Remedies
//!
//! A generator that is seeded by [`entropy`](fn@ekiden_reactor::entropy) is of the seed, and on a machine as good as before:
//!
//! ```
//! use ekiden_reactor::{entropy, net::UdpSocket};
//!
//! /// SplitMix64; `rand`'s generators take such a seed by `SeedableRng::from_seed`.
//! struct Dice(u64);
//!
//! impl Dice {
//!     fn new() -> std::io::Result<Self> {
//!         let mut seed = [0; 8];
//!         entropy(&mut seed)?;
//!         Ok(Self(u64::from_le_bytes(seed)))
//!     }
//!
//!     fn roll(&mut self) -> u64 {
//!         self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
//!         let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
//!         let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
//!         (mixed ^ (mixed >> 31)) % 6 + 1
//!     }
//! }
//!
//! // Each seed twice is the same run, or this says where they differ.
//! ekiden_sim::check(|sim| {
//!     sim.run(async |_sim| {
//!         let mut dice = Dice::new().unwrap();
//!         let socket = UdpSocket::bind("127.0.0.1:7").await.unwrap();
//!         for _ in 0..10 {
//!             socket.send_to(&[dice.roll() as u8], "127.0.0.1:7".parse().unwrap()).await.unwrap();
//!         }
//!     });
//! });
//! ```
//!
//! What counts in a static goes on in the next run, where the first began at zero:
//!
//! ```should_panic
//! # use ekiden_reactor::net::UdpSocket;
//! use std::sync::atomic::{AtomicU8, Ordering};
//!
//! static NEXT_ID: AtomicU8 = AtomicU8::new(0);
//!
//! ekiden_sim::check(|sim| {
//!     sim.run(async |_sim| {
//!         let socket = UdpSocket::bind("127.0.0.1:7").await.unwrap();
//!         let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
//!         socket.send_to(&[id], "127.0.0.1:7".parse().unwrap()).await.unwrap();
//!     });
//! });
//! ```
//!
//! Where a program is given what it counts in, each run begins with a new one:
//!
//! ```
//! # use ekiden_reactor::net::UdpSocket;
//! use std::sync::atomic::{AtomicU8, Ordering};
//!
//! async fn program(next_id: &AtomicU8) {
//!     let socket = UdpSocket::bind("127.0.0.1:7").await.unwrap();
//!     let id = next_id.fetch_add(1, Ordering::Relaxed);
//!     socket.send_to(&[id], "127.0.0.1:7".parse().unwrap()).await.unwrap();
//! }
//!
//! ekiden_sim::check(|sim| sim.run(async |_sim| program(&AtomicU8::new(0)).await));
//! ```
//!
//! # What a world does not have
//!
//! To ask a reactor for it is an error of the kind [`Unsupported`](std::io::ErrorKind::Unsupported) that names it, at once: files,
//! child processes, standard streams, sockets of the system, and what else is listed [on the front page](crate#what-there-is-not).
//!
//! To run a reactor of the system (`run`, `Runtime::run`) within a program, or a job of it, is a panic.
//!
//! A program that calls what blocks by itself (`std::thread::sleep`, `std::net`, a lock that another thread holds) holds the
//! world, and no virtual time goes by. So does a job of [`blocking`](fn@ekiden_reactor::blocking) that waits for a task, which it
//! may on a machine: there is one thread, so what it waits for never comes, and the test hangs without a word. To find it, see where
//! the thread stands (`gdb -p`, `eu-stack -p`): in `run_in_line`. The lints that forbid it (`disallowed-methods` of clippy) are the remedy: this repository's `clippy.toml` has a
//! list to begin with.
