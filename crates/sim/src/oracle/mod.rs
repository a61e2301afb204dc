//! Oracles: promises that are common, each with what it takes to see whether they are kept.
//!
//! A scenario knows what it did, and its faults what they did; what must hold nevertheless is often one of these:
//!
//! | promise | who knows |
//! |---|---|
//! | a request is begun at most once, and its caller is told the truth about it | [`Ledger`] |
//! | nothing that was acknowledged is lost | [`Writes`] |
//! | nobody waits for what can no longer happen | [`Sim::assert_nobody_waits_in_vain`](crate::Sim::assert_nobody_waits_in_vain) |
//! | what a program holds is bounded | [`Sim::bound`](crate::Sim::bound) with [`Bounds`], and [`Sim::always`](crate::Sim::always) |
//!
//! The first two are told what happens by whoever sees it, from any host and any core of it. They are clones of one book, and
//! `Send`, as what goes to another core has to be. The others look at the world itself.
//!
//! In reading order: `ledger`, `writes`, `waits` for nothing, `bounds`; and `panics`, of which every run is to be free.

mod ledger;
mod writes;
mod waits;
mod bounds;
mod panics;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use bounds::Bounds;
pub use ledger::{Ledger, Told};
pub use writes::{Write, Writes};

pub(crate) use bounds::Watched;
pub(crate) use waits::Roll;

/// A book is good also after a panic of whoever had it: each entry is made at once.
fn lock<T>(book: &Mutex<T>) -> MutexGuard<'_, T> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says all that is wrong at once, if something is.
#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
