//! What the peers of tasks, channels and timers share, so that all do the same and are measured alike.
//!
//! A peer is `PACKAGE SCENARIO N`, and prints one line of JSON; `PACKAGE list` names its scenarios. What one operation
//! is in each:
//!
//! | scenario | an operation |
//! |---|---|
//! | `spawn_join_one` | a task that returns at once is spawned and joined, before the next |
//! | `spawn_join_1000` | the same for a thousand at a time: all spawned, then all joined; counted per task |
//! | `yield` | a task yields, and is alone |
//! | `wake` | of [two tasks](play) on one thread one wakes the other, which runs |
//! | `wake_threads` | the same between [two threads](Threads), there and back |
//! | `wake_idle_1e3` to `_1e6` | of that many tasks [that wait](wait) one is woken and runs, a hundred at a time; the bytes are those of each task |
//! | `oneshot` | two oneshot channels are made, one carries a value to another task, the other one back |
//! | `mpsc_round_trip` | a value goes to another task by a bounded channel, and one comes back by another |
//! | `mpsc_throughput` | a value goes to another task by a channel with room for 128 |
//! | `call_bare`, `call_timeout`, … | a service is called that answers at once: bare, and with one middleware around it |
//! | `call_waits_bare`, … | the same with a service that yields before it answers |
//! | `timer_cancel_1e3` to `_1e6` | a timer is set and dropped while that many [others](delay) are pending, of which each holds so many bytes |
//!
//! A peer that has no such thing leaves the scenario out. The work is itself a task, as a connection's is, and not the
//! runtime's outermost future, which some treat apart: tokio is up to two and a half times as fast so (a wake-up 32 ns for
//! 79), most others do not mind, and compio, which does, has it the other way round.
#![forbid(unsafe_code)]

mod idle;
mod meter;
mod wake;

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

pub use idle::{all_have_heard, bytes_each, call, make_room, wait};
pub use meter::{Meter, Scenario, main};
pub use wake::{Threads, play, yield_now};

/// Room in the channels of `mpsc_throughput`.
pub const ROOM: usize = 128;

/// How long the `i`th timer of a `timer_cancel` scenario is set for: 10 to 70 seconds, in no order.
pub fn delay(i: u64) -> Duration {
    Duration::from_millis(10_000 + i.wrapping_mul(2_654_435_761) % 60_000)
}

/// Polls a timer once, which is when most runtimes set it.
pub async fn set<F: Future<Output = T>, T>(mut timer: Pin<&mut F>) {
    std::future::poll_fn(|cx| {
        assert!(timer.as_mut().poll(cx).is_pending(), "the timer is far away");
        Poll::Ready(())
    })
    .await;
}
