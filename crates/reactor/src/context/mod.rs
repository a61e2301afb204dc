//! Contexts: what goes with a piece of work through everything that it calls, without being passed by hand.
//!
//! A [`Context`] is a value: a deadline, a [`Trace`], and what users keep under [`Key`]s of their own. It is put around
//! a future ([`Context::scope`]) or a call ([`Context::sync_scope`]), and whatever runs within finds it here, by
//! [`deadline`], [`trace()`] and the keys.
//!
//! ```text
//!   Context::current().with_deadline(..)     a new value; nobody's context has changed
//!        │
//!        └── .scope(future) ──► each poll:  swap in · poll · swap out, also by a panic
//!                                               │
//!                                               └── spawn: the task begins with what is inherited
//! ```
//!
//! There is no way to change the context that one is in, other than for what one calls. So two requests in one
//! connection's task cannot meet in one context, nobody finds what a neighbour left behind, and a server that opens no
//! scope pays for none.
//!
//! ```
//! use ekiden_reactor::context::{self, Context, Key};
//! use ekiden_reactor::{Instant, run, spawn};
//! use std::time::Duration;
//!
//! static TENANT: Key<String> = Key::inherited();
//!
//! async fn query() -> Option<String> {
//!     assert!(context::remaining() <= Some(Duration::from_secs(5)));
//!     TENANT.with(|tenant| format!("select … where tenant = '{tenant}'"))
//! }
//!
//! run(async {
//!     let context = Context::current()
//!         .with_deadline(Instant::now() + Duration::from_secs(5))
//!         .with(&TENANT, "acme".to_owned());
//!     let query = context.scope(async { spawn(query()).await }).await;
//!     assert_eq!(query.unwrap().as_deref(), Some("select … where tenant = 'acme'"));
//!     assert_eq!(context::deadline(), None);
//! });
//! ```
//!
//! # What a task inherits
//!
//! A task that is spawned begins with the deadline and the trace of whoever spawns it, and with the values of those keys
//! that [say so](Key::inherited). Most tasks that a request spawns work for the request: it waits for them, and what
//! they call is to end when it does. **Work that outlives its request must leave the deadline behind**, or all that it
//! calls will fail before long:
//!
//! ```
//! use ekiden_reactor::{context::Context, spawn};
//! # async fn refresh_the_cache() {}
//! # ekiden_reactor::run(async {
//! spawn(Context::current().without_deadline().scope(refresh_the_cache())); // still of the same trace
//! spawn(Context::none().scope(refresh_the_cache())); // of nobody's
//! # });
//! ```
//!
//! Servers and the connections of clients are such work, and Ekiden's own begin with nothing, whoever starts them. The
//! future that a reactor is asked to run begins with nothing too. Through a [`Handle`](crate::Handle), to the reactor of
//! another thread, go the deadline and the trace; users' values stay on their core, as they need not be `Send`. To a
//! thread that does [blocking](crate::blocking()) work goes nothing.
//!
//! All of this is decided in one place, `Context::inherited` in `value`, and for what goes to another thread next to it, in
//! `Departing`; a key says by its constructor what it wants. `spawn` asks there, and `task::in_context` only puts the answer
//! around each poll of the task.
//!
//! What is handed over to another task is polled there, outside of the scope that it came from: a body that streams is
//! its connection's.
//!
//! # What a deadline does
//!
//! By itself, nothing: a future is not dropped because its deadline has passed. It is a promise that nobody waits any
//! longer, for whoever is about to begin something ([`is_expired`]). [`timeout_at`], and the `Timeout` of
//! ekiden-middleware that is made of it, narrow it and wait no longer; Ekiden's clients ask it in `call`, before they take
//! what they are asked, which is the one place that everything passes that is sent.
//!
//! # What it costs
//!
//! To swap a context is a few stores, and to narrow a deadline allocates nothing. A trace is one allocation, a user's
//! value two or three. To read the deadline is to load a word, and a user's value is found by an index.
//!
//! A program that never uses it pays for a look, at each spawn, whether there is anything to inherit; and what Ekiden's own
//! limits narrow of the deadline. In instructions of user space, an operation, on the day on which it was measured:
//!
//! | scenario | with contexts | without | share |
//! |---|---:|---:|---:|
//! | `echo`, in memory | 1,194 | 1,195 | none |
//! | `echo_system`, over loopback | 2,290 | 2,292 | none |
//! | `http`, a server that limits each call | 7,454 | 7,444 | 0.1 % |
//! | `spawn_join_one`, to spawn and join a task | 1,087 | 1,081 | 0.6 % |
//!
//! Measured with callgrind by the scenarios of `bench/guard`, none of which uses a context, as they were and with `narrow`,
//! `deadline` and the look of `spawn` taken out of `current`; on x86-64 in November 2026. A difference of two or three is
//! how the compiler lays code out. What the scenarios cost today stands in `bench/guard/baseline.txt`; it is the difference
//! that this is about.
//!
//! In reading order: `value` is a [`Context`], `current` the one that is in effect, `scope` how it comes to be,
//! `limit` a deadline that is kept, `key` are users' values, `trace` whose work it is.

mod value;
mod current;
mod scope;
mod limit;
mod key;
mod trace;

use std::time::Duration;

use crate::time::Instant;

pub use key::Key;
pub use limit::timeout_at;
pub use scope::Scope;
pub use trace::{Trace, TraceError};
pub use value::Context;

pub(crate) use current::{departing, is_none, swap_in};
pub(crate) use trace::TraceIds;

/// When nobody waits any longer for what is being done; `None` if there is no such moment.
///
/// ```
/// use ekiden_reactor::{Instant, context, context::Context};
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let soon = Instant::now() + Duration::from_secs(1);
/// let within = Context::current().with_deadline(soon).scope(async { context::deadline() });
/// assert_eq!(within.await, Some(soon));
/// # });
/// ```
#[must_use]
#[inline]
pub fn deadline() -> Option<Instant> {
    current::deadline()
}

/// How long until the [`deadline`]; zero if it has passed, `None` if there is none.
///
/// What goes over a wire is this and not the deadline, since clocks differ from one machine to the next.
///
/// # Panics
///
/// If there is a deadline and no reactor runs on this thread.
#[must_use]
#[track_caller]
pub fn remaining() -> Option<Duration> {
    deadline().map(|deadline| deadline.duration_since(Instant::now()))
}

/// Whether the [`deadline`] has passed, so that nothing should be begun any more. Looks at the clock only if there is
/// one.
///
/// # Panics
///
/// If there is a deadline and no reactor runs on this thread.
#[must_use]
#[track_caller]
#[inline]
pub fn is_expired() -> bool {
    deadline().is_some_and(|deadline| deadline <= Instant::now())
}

/// Whose work it is, if it is traced.
#[must_use]
pub fn trace() -> Option<Trace> {
    current::with_rest(|rest| rest.trace).flatten()
}
