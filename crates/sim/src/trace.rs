//! The trace: all that happens in a run, a line each, written as it happens.
//!
//! It has the events of the journal, and what is too small for that: whose turn it is, which task is chosen, what is drawn. Two
//! traces of a seed are the same file, or the first line that differs says where something came in that is not of the seed.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file to which a run is written.
#[derive(Debug)]
pub(crate) struct Trace {
    path: PathBuf,
    file: io::Result<BufWriter<File>>,
}

impl Trace {
    /// A file that is made anew.
    pub(crate) fn create(path: &Path) -> Self {
        Self { path: path.to_owned(), file: File::create(path).map(BufWriter::new) }
    }

    /// Writes a line. What goes wrong is told at the end.
    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) {
        if let Ok(file) = &mut self.file
            && let Err(error) = writeln!(file, "{line}")
        {
            self.file = Err(error);
        }
    }

    /// The run is over.
    ///
    /// # Errors
    ///
    /// Not all of it is in the file. Whoever has the run may have worse to say, and says both.
    pub(crate) fn finish(self) -> Result<(), String> {
        let written = self.file.and_then(|mut file| file.flush());
        written.map_err(|error| format!("cannot write EKIDEN_TRACE={}: {error}", self.path.display()))
    }
}

/// Where the traces of a test go. Two that run beside each other would write the same file, so the process has one.
///
/// # Panics
///
/// If another test was given it.
pub(crate) fn claim(path: OsString, test: &str) -> PathBuf {
    static OWNER: Mutex<Option<String>> = Mutex::new(None);
    let owner =
        OWNER.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| test.to_owned()).clone();
    let path = PathBuf::from(path);
    assert!(owner == test, "EKIDEN_TRACE={} has the run of `{owner}`: run one test alone", path.display());
    path
}

/// The same file for the same seed again.
pub(crate) fn again(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".again");
    name.into()
}
