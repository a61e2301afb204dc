//! Threads of cores that stay each on one processor.
//!
//! A thread that is started inherits where its starter may run, so what runs beside the cores is given back all that the
//! process had. The first core's thread, which is its caller's, is given back at the end what it had itself.

use std::cell::Cell;
use std::io;
use std::sync::OnceLock;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::runtime::CoreId;

/// Where the process could run before anything was pinned.
static EVERYWHERE: OnceLock<CpuSet> = OnceLock::new();

thread_local! {
    /// Whether this thread was pinned by us. What a user has done to his own is his business.
    static IS_PINNED: Cell<bool> = const { Cell::new(false) };
}

/// This thread stays on one processor until this is dropped.
#[derive(Debug)]
pub(super) struct Pinned {
    /// Where it could run before.
    before: CpuSet,
}

impl Pinned {
    /// Core by core a processor, of those that the process may use; with more cores than processors, from the first again.
    ///
    /// # Errors
    ///
    /// As the system's.
    pub(super) fn new(core: CoreId) -> io::Result<Self> {
        let before = sched_getaffinity(None)?;
        let everywhere = *EVERYWHERE.get_or_init(|| before);
        let processors: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| everywhere.is_set(cpu)).collect();
        let mut only = CpuSet::new();
        only.set(processors[core.index() % processors.len()]);
        sched_setaffinity(None, &only)?;
        IS_PINNED.set(true);
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        IS_PINNED.set(false);
        allow(&self.before);
    }
}

/// This thread may run wherever the process could before anything was pinned.
pub(super) fn unpin() {
    if let Some(everywhere) = EVERYWHERE.get() {
        allow(everywhere);
    }
}

/// Does something on this thread as if it was not pinned: what is begun by it may run everywhere.
pub(super) fn everywhere<R>(f: impl FnOnce() -> R) -> R {
    let pinned = || if IS_PINNED.get() { sched_getaffinity(None).ok() } else { None };
    let (Some(everywhere), Some(before)) = (EVERYWHERE.get(), pinned()) else { return f() };
    allow(everywhere);
    let done = f();
    allow(&before);
    done
}

fn allow(before: &CpuSet) {
    // It was allowed before; if the system has changed its mind, the thread stays where it is.
    let _stays = sched_setaffinity(None, before);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_given_back_what_it_had_and_not_what_others_had() {
        let here = || sched_getaffinity(None).unwrap();
        let before = here();
        let outer = Pinned::new(CoreId::FIRST).unwrap();
        let pinned = here();
        drop(Pinned::new(CoreId::FIRST).unwrap());
        assert_eq!(here(), pinned);
        drop(outer);
        assert_eq!(here(), before);
    }
}
