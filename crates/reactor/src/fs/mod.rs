//! Files, through the pool of [`blocking`]: the system has no way to wait for a disk that would suit a reactor.
//!
//! A [`File`] in `file` is read, written and moved about in, one operation at a time, of which `operations` takes care; the
//! functions here do a whole thing at once. What is missing is done by [`blocking`] and `std::fs`, as all of this is.
//!
//! Each operation is handed to a thread and costs some 20 µs more than the system call, so few large ones are better than
//! many small ones. When too many wait, it fails with [`ResourceBusy`](io::ErrorKind::ResourceBusy): it was not begun, and
//! trying again later is safe. What has begun goes on when its future is dropped.
//!
//! ```
//! use ekiden_reactor::fs;
//!
//! # ekiden_reactor::run(async {
//! let path = std::env::temp_dir().join(format!("greeting-{}", std::process::id()));
//! fs::write(&path, "hello").await?;
//! assert_eq!(fs::read_to_string(&path).await?, "hello");
//! fs::remove_file(&path).await?;
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```

mod file;
mod operations;

use std::fmt::Display;
use std::fs::Metadata;
use std::io;
use std::path::Path;

use crate::blocking::blocking;
use crate::core;

pub use file::File;
pub use std::fs::OpenOptions;

/// Reads a whole file. It should be of a size that the program foresees; for others there is [`File`].
///
/// # Cancel safety
///
/// Dropping the future changes nothing; a read that has begun goes on, and is dropped.
///
/// # Errors
///
/// As the system's, naming the file; [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it was not begun.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    at("read", path, |path| std::fs::read(path)).await
}

/// Reads a whole file of text; see [`read`].
///
/// # Cancel safety
///
/// As for [`read`].
///
/// # Errors
///
/// As for [`read`], and [`InvalidData`](io::ErrorKind::InvalidData) if it is not UTF-8.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    at("read", path, |path| std::fs::read_to_string(path)).await
}

/// Writes a whole file, in place of what was there. Whoever looks meanwhile sees a part; to avoid that write another file,
/// and [`rename`] it.
///
/// # Cancel safety
///
/// Dropping the future stops nothing that has begun: the file may be written or not. But when the program ends it may be
/// written in part.
///
/// # Errors
///
/// As for [`read`].
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]> + Send + 'static) -> io::Result<()> {
    at("write", path, move |path| std::fs::write(path, bytes)).await
}

/// Copies a file, with its permissions, and says how many bytes that were.
///
/// # Cancel safety
///
/// As for [`write()`].
///
/// # Errors
///
/// As for [`read`], naming the source.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let to = to.as_ref().to_owned();
    at("copy", from, move |from| std::fs::copy(from, to)).await
}

/// Gives a file or a directory another name, in place of a file that had it.
///
/// # Cancel safety
///
/// Dropping the future stops nothing that has begun: it is done or not, never half.
///
/// # Errors
///
/// As for [`read`], naming the old name.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let to = to.as_ref().to_owned();
    at("rename", from, move |from| std::fs::rename(from, to)).await
}

/// Removes a file.
///
/// # Cancel safety
///
/// As for [`rename`].
///
/// # Errors
///
/// As for [`read`].
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    at("remove", path, |path| std::fs::remove_file(path)).await
}

/// Makes a directory, and those above it that are missing. One that is there already is no error.
///
/// # Cancel safety
///
/// Dropping the future stops nothing that has begun.
///
/// # Errors
///
/// As for [`read`].
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    at("make", path, |path| std::fs::create_dir_all(path)).await
}

/// Removes a directory and all that is in it, following no link.
///
/// # Cancel safety
///
/// Dropping the future stops nothing that has begun.
///
/// # Errors
///
/// As for [`read`]; some of it may be gone then.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    at("remove", path, |path| std::fs::remove_dir_all(path)).await
}

/// What the system knows of a file: its length, its times, its permissions. Of a link that of what it leads to.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
///
/// # Errors
///
/// As for [`read`].
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    at("look at", path, |path| std::fs::metadata(path)).await
}

/// Does something at a path, on a thread of the pool; an error names both.
async fn at<T: Send + 'static>(
    what: &'static str,
    path: impl AsRef<Path>,
    function: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.as_ref().to_owned();
    core::with(|core| core.driver.files()).map_err(|error| named(what, &path, error))?;
    let in_job = path.clone();
    let done = blocking(move || function(&in_job)).await;
    done.map_err(|error| named(what, &path, io::Error::from(error)))?
        .map_err(|error| named(what, &path, error))
}

fn named(what: &str, path: &Path, error: io::Error) -> io::Error {
    let text = |error: &dyn Display| format!("cannot {what} {}: {error}", path.display());
    io::Error::new(error.kind(), text(&error))
}
