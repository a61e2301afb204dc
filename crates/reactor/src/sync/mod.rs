//! Channels between threads, and so between cores, and what else is waited for there: [`oneshot`], [`mpsc`],
//! [`watch`], [`broadcast`], [`Semaphore`](semaphore) and [`Notify`](notify), as in [`channel`](crate::channel).
//!
//! The ends are `Send` if the values are, and work from any thread and under any executor. What they cost more
//! is a lock for each step, held for a few dozen instructions, and the wake-up of another core. Nobody's code runs
//! under the lock: wakers are called and values dropped after it.

pub mod oneshot;
pub mod mpsc;
pub mod watch;
pub mod broadcast;
pub mod semaphore;
pub mod notify;

pub use notify::Notify;
pub use semaphore::Semaphore;
