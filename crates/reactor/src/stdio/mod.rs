//! Standard input, standard output and standard error, each on a thread of its own.
//!
//! They may block for as long as a person thinks, or a pipe stays full; so they are not given to the pool of
//! [`blocking`](crate::blocking()), which would have so many threads less, nor made non-blocking, which would make them so
//! for every program that shares the terminal. A thread begins when it is first needed, ends when it has been idle for
//! ten seconds, and does not keep the program from ending. [`Input`] in `input` reads, [`Output`] in `output` writes.
//!
//! ```no_run
//! use ekiden_reactor::net::copy;
//! use ekiden_reactor::stdio::{stdin, stdout};
//!
//! # ekiden_reactor::run(async {
//! copy(stdin(), stdout()).await?;
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```

mod input;
mod output;

pub use input::{Input, stdin};
pub use output::{Output, stderr, stdout};
