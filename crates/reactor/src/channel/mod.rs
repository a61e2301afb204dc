//! Channels between tasks of one core, and what else they wait for each other by: no atomics, no locks, not `Send`.
//!
//! | | values | senders | when it is full |
//! |---|---|---|---|
//! | [`oneshot`] | one | one | it cannot be |
//! | [`mpsc`] | many, in order | many | senders queue up, first come, first served |
//! | [`watch`] | the latest | one | it cannot be: a new value takes the place of the old |
//! | [`broadcast`] | many, in order, to every receiver | many | the oldest value goes, and who has not taken it is told |
//!
//! | | what is waited for | served |
//! |---|---|---|
//! | [`Semaphore`](semaphore) | one of so many permits, or several | in the order they came |
//! | [`Notify`](notify) | a word that something has happened | the one who has waited longest, or all |
//! | [`Mutex`](mutex) | a value for oneself, across awaits; says who has it | in the order they came |
//!
//! Why one did not do what it was asked says an `error`, which gives back what was to be sent.
//!
//! Between threads the same names with the same shapes are in [`sync`](crate::sync).
//!
//! Both faces stand on one implementation, in `parts`: pure states that know neither `Rc` nor `Arc`, and ends
//! that are generic over how the state is shared.
//!
//! ```text
//!   channel::{oneshot, mpsc, …}   Rc<RefCell<State>>   ┐
//!                                                      ├── parts::{oneshot, mpsc, …} ── the state, pure
//!   sync::{oneshot, mpsc, …}      Arc<Mutex<State>>    ┘
//! ```

pub mod oneshot;
pub mod mpsc;
pub mod watch;
pub mod broadcast;
pub mod semaphore;
pub mod notify;
pub mod mutex;
mod error;
pub(crate) mod parts;

pub use error::{Closed, Lagged, RecvError, SendError, TrySendError};
pub use mutex::Mutex;
pub use notify::Notify;
pub use semaphore::Semaphore;
