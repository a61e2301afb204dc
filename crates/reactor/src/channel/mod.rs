//! Channels between tasks of one core: no atomics, no locks, not `Send`.
//!
//! | | values | senders | when it is full |
//! |---|---|---|---|
//! | [`oneshot`] | one | one | it cannot be |
//! | [`mpsc`] | many, in order | many | senders queue up, first come, first served |
//!
//! Between threads the same names with the same shapes are in [`sync`](crate::sync).
//!
//! Both faces stand on one implementation, in `parts`: pure states that know neither `Rc` nor `Arc`, and ends
//! that are generic over how the state is shared.
//!
//! ```text
//!   channel::{oneshot, mpsc}   Rc<RefCell<State>>   ┐
//!                                                   ├── parts::{oneshot, mpsc} ── the state, pure
//!   sync::{oneshot, mpsc}      Arc<Mutex<State>>    ┘
//! ```

pub mod oneshot;
pub mod mpsc;
mod error;
pub(crate) mod parts;

pub use error::{Closed, SendError, TrySendError};
