//! What `#[ekiden::test]` is made of.

use std::fmt::Debug;
use std::future::Future;

use crate::reactor::{Config, Reactor};

/// Runs a test's future on a reactor of its own.
///
/// # Panics
///
/// If the system gives no reactor, or the test panics.
pub fn run<F: Future>(test: F) -> F::Output {
    let reactor = Reactor::new(Config::default());
    reactor.unwrap_or_else(|error| fail("the system gives no reactor", &error)).run(test)
}

#[cold]
fn fail(what: &str, error: &dyn Debug) -> ! {
    panic!("{what}: {error:?}")
}
