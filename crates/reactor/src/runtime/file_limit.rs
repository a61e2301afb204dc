//! What becomes of the limit of open files when a program begins.

use crate::driver::os::open_files::raise_once;
use crate::notice::{Level, notice};

/// What becomes of the limit of open files when a program begins; see [`Runtime::file_limit`](super::Runtime::file_limit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileLimit {
    /// It is raised as far as the process may.
    Raise,
    /// It stays as it is.
    Keep,
}

/// To raise it, unless `EKIDEN_NOFILE=keep` is in the environment.
impl Default for FileLimit {
    fn default() -> Self {
        let is_kept = std::env::var_os("EKIDEN_NOFILE").is_some_and(|limit| limit == "keep");
        if is_kept { Self::Keep } else { Self::Raise }
    }
}

impl FileLimit {
    /// Does so, and tells the operator by the reactor of this thread if that changed something.
    pub(super) fn arrange(self) {
        if self == Self::Keep {
            return;
        }
        match raise_once() {
            Ok(None) => {}
            Ok(Some(raised)) => {
                let to = raised.to.map_or_else(|| "no limit".to_owned(), |to| to.to_string());
                notice(
                    Level::Info,
                    "files",
                    format_args!("the limit of open files is raised from {} to {to}", raised.from),
                );
            }
            Err(error) => {
                notice(
                    Level::Warning,
                    "files",
                    format_args!("the limit of open files cannot be raised: {error}"),
                );
            }
        }
    }
}
