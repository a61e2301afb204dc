//! Channels and semaphores against all that may come between two of their steps.
//!
//! `mpsc` and `semaphore` play orders of whole steps, by hand and at random, and clones and drops of wakers that come back;
//! `modelled` has threads use all of them, and lets a step of one fall between any two of another.

mod mpsc;
mod semaphore;
mod modelled;
