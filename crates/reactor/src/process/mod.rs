//! Child processes: a command is started, its pipes are read and written like sockets, and its end is waited for.
//!
//! A command is `std`'s ([`Command`]). A [`Child`] in `child` is the process that came of it, [`PipeReader`] and
//! [`PipeWriter`] in `pipes` are our ends of its pipes, `output` collects what a command says, and `orphans` are the
//! processes that were dropped before they ended.
//!
//! ```
//! use ekiden_reactor::process::{self, Command, Stdio};
//!
//! # ekiden_reactor::run(async {
//! let mut shout = process::spawn(Command::new("tr").args(["a-z", "A-Z"]).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
//! let (stdin, stdout) = (shout.stdin.take().unwrap(), shout.stdout.take().unwrap());
//! stdin.write_all(b"hello").await?;
//! drop(stdin); // that is all
//! let mut buf = [0; 64];
//! let n = stdout.read(&mut buf).await?;
//! assert_eq!(&buf[..n], b"HELLO");
//! assert!(shout.wait().await?.success());
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```

mod child;
mod pipes;
mod output;
mod orphans;

pub use std::process::{Command, ExitStatus, Output, Stdio};

pub use child::{Child, spawn};
pub use output::output;
pub use pipes::{PipeReader, PipeWriter};

pub(crate) use orphans::Orphans;
